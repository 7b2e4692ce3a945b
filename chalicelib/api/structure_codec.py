"""Conversion between documents and the model's types, driven by its shapes; each protocol adds a table for scalars.

A value of the wrong type is a `SerializationException`; limits of values are checked by `constraints`. Each shape is
compiled to one function when it is first used: no shape contains itself.

Source: Smithy, "Simple types" and "Aggregate types".
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.api.model import shape
from chalicelib.errors import SerializationException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Reader = Callable[[Any, str], Any]  # of a value and its path
    Writer = Callable[[Any], Any]

MAX_DEPTH = 32
MAX_VALUES = 100_000  # more than any request needs; each takes memory before constraints can refuse it


def refuse(path: str, expected: str) -> SerializationException:
    """Return the refusal of a value of the wrong type for its member."""
    return SerializationException(f"The value at '{path}' must be {expected}.")


class Decoder:
    """Decodes documents of a protocol.

    Args:
        leaves: readers of the scalar types that differ between protocols.
    """

    def __init__(self, leaves: Mapping[str, Reader]) -> None:
        self._leaves: dict[str, Reader] = {**_COMMON, **leaves}
        self._readers: dict[str, Reader] = {}

    def decode(self, shape_name: str, document: Any) -> dict[str, Any]:
        """Decode a document to the members of a structure; members unknown to the model are ignored.

        Raises:
            SerializationException: the document is not an object, or a value has the wrong type for its member.
        """
        if not isinstance(document, dict):
            raise SerializationException("The body must be an object.")
        decoded: dict[str, Any] = self._reader(shape_name)(document, "")
        return decoded

    def _reader(self, shape_name: str) -> Reader:
        if shape_name not in self._readers:
            self._readers[shape_name] = self._compiled(shape(shape_name))
        return self._readers[shape_name]

    def _compiled(self, described: Mapping[str, Any]) -> Reader:
        if described["type"] == "structure":
            return _structure({name: self._reader(member) for name, member in described["members"].items()})
        if described["type"] == "list":
            return _list(self._reader(described["member"]))
        return self._leaves[described["type"]]


def _structure(readers: Mapping[str, Reader]) -> Reader:
    def read(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise refuse(path, "an object")
        prefix = path + "." if path else ""
        return {
            name: readers[name](member, prefix + name)
            for name, member in value.items()
            if name in readers and member is not None
        }

    return read


def _list(reader: Reader) -> Reader:
    def read(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise refuse(path, "a list")
        return [reader(entry, f"{path}[{position}]") for position, entry in enumerate(value)]

    return read


def string(value: Any, path: str) -> str:
    """Read a string without lone surrogates."""
    if not isinstance(value, str):
        raise refuse(path, "a string")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise refuse(path, "a string of Unicode characters without lone surrogates") from error
    return value


def _boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise refuse(path, "true or false")
    return value


def _number(value: Any, path: str, *, bits: int) -> int:
    bound = 1 << bits - 1
    if not isinstance(value, int) or isinstance(value, bool) or not -bound <= value < bound:
        raise refuse(path, f"an integer of {bits} bits")
    return value


def moment(value: Any, path: str) -> datetime:
    """Convert seconds since 1970 to a time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(path, "a number of seconds")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise refuse(path, "a number of seconds") from error


_COMMON: dict[str, Reader] = {
    "string": string,
    "boolean": _boolean,
    "integer": partial(_number, bits=32),
    "long": partial(_number, bits=64),
}


class Encoder:
    """Encodes values as documents of a protocol.

    Args:
        leaves: writers of the scalar types that documents have in another form.
    """

    def __init__(self, leaves: Mapping[str, Writer]) -> None:
        self._leaves = leaves
        self._writers: dict[str, Writer | None] = {}  # None: the document has the value as it is

    def encode(self, shape_name: str, value: Mapping[str, Any]) -> Any:
        """Encode a structure as a document; members that the shape does not have are left out."""
        writer = self._writer(shape_name)
        return writer(value) if writer else value

    def _writer(self, shape_name: str) -> Writer | None:
        if shape_name not in self._writers:
            self._writers[shape_name] = self._compiled(shape(shape_name))
        return self._writers[shape_name]

    def _compiled(self, described: Mapping[str, Any]) -> Writer | None:
        if described["type"] == "structure":
            writers = [(name, self._writer(member)) for name, member in described["members"].items()]
            return lambda value: {
                name: writer(value[name]) if writer else value[name] for name, writer in writers if name in value
            }
        if described["type"] == "list":
            writer = self._writer(described["member"])
            return (lambda value: [writer(entry) for entry in value]) if writer else list
        return self._leaves.get(described["type"])


def epoch_seconds(value: datetime) -> int | float:
    """Convert a time to seconds since 1970, rounded to milliseconds; an integer if it is whole."""
    seconds = round(value.timestamp(), 3)
    return int(seconds) if seconds == int(seconds) else seconds
