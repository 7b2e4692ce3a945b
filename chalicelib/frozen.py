"""Frozen dataclasses that are quick to create: `__init__` is compiled for each class, all other methods are shared.

The standard library compiles six methods, which takes half a millisecond of processor time for each class, and every
start makes eighty. The classes are dataclasses: `replace`, `fields`, `asdict` and type checkers take them as such.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass
    from typing import Literal
else:

    def dataclass(*, frozen: Literal[True], slots: bool = False, kw_only: bool = False) -> Callable[[type], Any]:  # noqa: ARG001
        """Make dataclasses; the arguments are those of `dataclasses.dataclass`, for which type checkers take it."""
        return lambda cls: _made(cls, slots=slots, kw_only=kw_only)


__all__ = ["dataclass"]


def _made(cls: type, *, slots: bool, kw_only: bool) -> Any:
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    made.__init__ = _initializer(made)
    made._compared = attrgetter(*(field.name for field in dataclasses.fields(made) if field.compare))  # noqa: SLF001  its own
    for name, method in _SHARED.items():
        if name not in vars(cls):
            setattr(made, name, method)
    return made


def _initializer(cls: type) -> Any:
    """Compile `__init__`: parameters are the fields, with their defaults."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_absent": object()}
    positional, by_keyword, body = ["self"], list[str](), list[str]()
    for field in dataclasses.fields(cls):
        name = parameter = value = field.name
        if field.default is not dataclasses.MISSING:
            known[f"_default_{name}"], parameter = field.default, f"{name}=_default_{name}"
        elif field.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"], parameter = field.default_factory, f"{name}=_absent"
            value = f"_make_{name}() if {name} is _absent else {name}"
        (by_keyword if field.kw_only else positional).append(parameter)
        body.append(f" _set(self, {name!r}, {value})\n")
    if by_keyword:
        by_keyword.insert(0, "*")
    exec(f"def __init__({', '.join(positional + by_keyword)}):\n{''.join(body)}", known)  # noqa: S102  names of fields alone
    made = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._compared(self) == self._compared(other)


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _repr(self: Any) -> str:
    shown = [f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr]
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, *_: Any) -> None:  # noqa: ARG001  of a method
    raise dataclasses.FrozenInstanceError(f"cannot assign to or delete field {name!r}")


def _setstate(self: Any, state: Any) -> None:
    """Take the attributes of a copy, which has them in slots or not; see `object.__getstate__`."""
    attributes = state[1] if isinstance(state, tuple) else state
    for name, value in attributes.items():
        object.__setattr__(self, name, value)


_SHARED = {
    "__eq__": _eq,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
    "__setstate__": _setstate,
}
