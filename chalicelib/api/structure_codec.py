"""Documents to the model's types and back, driven by the shapes; what differs between protocols is a table of leaves.

What is not of its member's type is a `SerializationException`; what is, but breaks a limit, is for `constraints`.

Source: Smithy, "Simple types" and "Aggregate types".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.api.model import shape
from chalicelib.errors import SerializationException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Reader = Callable[[Mapping[str, Any], Any, str], Any]
    Writer = Callable[[Any], Any]

MAX_DEPTH = 32
MAX_VALUES = 100_000  # more than any request can use; each costs memory before a constraint can refuse it
_INTEGERS = {"integer": 1 << 31, "long": 1 << 63}


def decode(shape_name: str, document: Any, leaves: Mapping[str, Reader]) -> dict[str, Any]:
    """The members of a structure; members that the model does not know are ignored.

    Args:
        shape_name: of the structure.
        document: what the body's syntax gave.
        leaves: how the types that protocols write differently are read.

    Raises:
        SerializationException: the document is no object, or a value is not of its member's type.
    """
    if not isinstance(document, dict):
        raise SerializationException("The body must be an object.")
    decoded: dict[str, Any] = _decode(shape_name, document, "", leaves)
    return decoded


def refuse(path: str, expected: str) -> SerializationException:
    """The refusal of a value that is not of its member's type."""
    return SerializationException(f"The value at '{path}' must be {expected}.")


def _decode(shape_name: str, value: Any, path: str, leaves: Mapping[str, Reader]) -> Any:
    described = shape(shape_name)
    kind = described["type"]
    if kind == "structure":
        return _structure(described["members"], value, path, leaves)
    if kind == "list":
        return _list(described["member"], value, path, leaves)
    return (leaves.get(kind) or _COMMON[kind])(described, value, path)


def _structure(members: Mapping[str, str], value: Any, path: str, leaves: Mapping[str, Reader]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse(path, "an object")
    prefix = path + "." if path else ""
    return {
        name: _decode(members[name], member, prefix + name, leaves)
        for name, member in value.items()
        if name in members and member is not None
    }


def _list(member: str, value: Any, path: str, leaves: Mapping[str, Reader]) -> list[Any]:
    if not isinstance(value, list):
        raise refuse(path, "a list")
    return [_decode(member, each, f"{path}[{position}]", leaves) for position, each in enumerate(value)]


def string(_described: Mapping[str, Any], value: Any, path: str) -> str:
    """A string of whole characters."""
    if not isinstance(value, str):
        raise refuse(path, "a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise refuse(path, "a string of whole Unicode characters") from error
    return value


def _boolean(_described: Mapping[str, Any], value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise refuse(path, "true or false")
    return value


def _number(described: Mapping[str, Any], value: Any, path: str) -> int:
    bound = _INTEGERS[described["type"]]
    if not isinstance(value, int) or isinstance(value, bool) or not -bound <= value < bound:
        raise refuse(path, f"an integer of {bound.bit_length()} bits")
    return value


def moment(value: Any, path: str) -> datetime:
    """The time that many seconds after 1970."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(path, "a number of seconds")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise refuse(path, "a number of seconds") from error


_COMMON: dict[str, Reader] = {"string": string, "boolean": _boolean, "integer": _number, "long": _number}


def encode(shape_name: str, value: Any, leaves: Mapping[str, Writer]) -> Any:
    """A value as a document; members that the shape does not have are left out."""
    described = shape(shape_name)
    kind = described["type"]
    if kind == "structure":
        members = described["members"].items()
        return {name: encode(target, value[name], leaves) for name, target in members if name in value}
    if kind == "list":
        return [encode(described["member"], member, leaves) for member in value]
    return leaves[kind](value) if kind in leaves else value


def epoch_seconds(value: datetime) -> int | float:
    """A time as seconds since 1970, to the millisecond; an integer where it is one."""
    seconds = round(value.timestamp(), 3)
    return int(seconds) if seconds == int(seconds) else seconds
