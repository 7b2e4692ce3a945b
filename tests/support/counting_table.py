"""A table that counts what a store asks of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class CountingTable:
    """A table that counts its calls, and the items that they gave."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.counts: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        if not callable(getattr(self._inner, name)):
            return getattr(self._inner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.counts[name] += 1
            if name == "write" and kwargs.get("durable", True):
                self.counts["durable write"] += 1
            found = getattr(self._inner, name)(*args, **kwargs)
            return self._counted(name, found) if hasattr(found, "__next__") else found

        return call

    def _counted(self, name: str, found: Iterator[Any]) -> Iterator[Any]:
        for item in found:
            self.counts[f"{name} items"] += 1
            yield item
