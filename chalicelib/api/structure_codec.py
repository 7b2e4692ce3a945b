"""Conversion between documents and the model's types, driven by its shapes; each protocol adds a table for scalars.

A value of the wrong type is a `SerializationException`; limits of values are checked by `constraints`.

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
MAX_VALUES = 100_000  # more than any request needs; each takes memory before constraints can refuse it
_INTEGERS = {"integer": 1 << 31, "long": 1 << 63}


def decode(shape_name: str, document: Any, leaves: Mapping[str, Reader]) -> dict[str, Any]:
    """Decode a document to the members of a structure; members unknown to the model are ignored.

    Args:
        shape_name: of the structure.
        document: the parsed body.
        leaves: readers of the scalar types that differ between protocols.

    Raises:
        SerializationException: the document is not an object, or a value has the wrong type for its member.
    """
    if not isinstance(document, dict):
        raise SerializationException("The body must be an object.")
    decoded: dict[str, Any] = _decode(shape_name, document, "", leaves)
    return decoded


def refuse(path: str, expected: str) -> SerializationException:
    """Return the refusal of a value of the wrong type for its member."""
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
    return [_decode(member, entry, f"{path}[{position}]", leaves) for position, entry in enumerate(value)]


def string(_described: Mapping[str, Any], value: Any, path: str) -> str:
    """Read a string without lone surrogates."""
    if not isinstance(value, str):
        raise refuse(path, "a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise refuse(path, "a string of Unicode characters without lone surrogates") from error
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
    """Convert seconds since 1970 to a time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(path, "a number of seconds")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise refuse(path, "a number of seconds") from error


_COMMON: dict[str, Reader] = {"string": string, "boolean": _boolean, "integer": _number, "long": _number}


def encode(shape_name: str, value: Any, leaves: Mapping[str, Writer]) -> Any:
    """Encode a value as a document; members that the shape does not have are left out."""
    described = shape(shape_name)
    kind = described["type"]
    if kind == "structure":
        members = described["members"].items()
        return {name: encode(target, value[name], leaves) for name, target in members if name in value}
    if kind == "list":
        return [encode(described["member"], member, leaves) for member in value]
    return leaves[kind](value) if kind in leaves else value


def epoch_seconds(value: datetime) -> int | float:
    """Convert a time to seconds since 1970, rounded to milliseconds; an integer if it is whole."""
    seconds = round(value.timestamp(), 3)
    return int(seconds) if seconds == int(seconds) else seconds
