"""Ports of a runtime of which some methods are replaced."""

from __future__ import annotations

from typing import Any


class Port:
    """A port with some methods of its own."""

    def __init__(self, inner: Any, **methods: Any) -> None:
        self._inner = inner
        self.__dict__ |= methods

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def fail(error: BaseException) -> Any:
    def method(*_: Any, **__: Any) -> Any:
        raise error

    return method
