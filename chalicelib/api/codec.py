"""AWS JSON 1.1: bytes to dictionaries of the model's types and back, driven by the shapes.

What is not the protocol's form is a `SerializationException`; what has it but breaks a limit is for `constraints`.

Source: Smithy, "AWS JSON 1.1 protocol"; RFC 8259.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.api.model import shape
from chalicelib.errors import SerializationException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_DEPTH = 32
_MAX_DIGITS = 20
_MAX_VALUES = 100_000  # more than any request can use; each costs memory before a constraint can refuse it
_INTEGERS = {"integer": 1 << 31, "long": 1 << 63}


def decode(shape_name: str, body: bytes) -> dict[str, Any]:
    """The members of a structure in a JSON body; members that the model does not know are ignored.

    Raises:
        SerializationException: the body is not JSON, or a value is not of its member's type.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise SerializationException(f"The body holds more than {_MAX_VALUES} values.")
    document = _parse(body or b"{}")
    if not isinstance(document, dict):
        raise SerializationException("The body must be a JSON object.")
    decoded: dict[str, Any] = _decode(shape_name, document, "")
    return decoded


def _parse(body: bytes) -> Any:
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except SerializationException:
        raise
    except RecursionError:
        raise SerializationException(f"The body is nested more than {MAX_DEPTH} deep.") from None
    except ValueError as error:
        raise SerializationException("The body is not JSON in UTF-8.") from error
    _check_depth(document)
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise SerializationException("An object of the body names a member twice.")
    return members


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise SerializationException("A number of the body is too large.")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise SerializationException("A number of the body is too large.")
    return value


def _constant(_text: str) -> None:
    raise SerializationException("The body is not JSON in UTF-8.")


def _check_depth(document: Any) -> None:
    level, depth = [document], 0
    while level:
        if depth > MAX_DEPTH:
            raise SerializationException(f"The body is nested more than {MAX_DEPTH} deep.")
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [value for values in inner for value in values]
        depth += 1


def _decode(shape_name: str, value: Any, path: str) -> Any:
    described = shape(shape_name)
    return _DECODERS[described["type"]](described, value, path)


def _refuse(path: str, expected: str) -> SerializationException:
    return SerializationException(f"The value at '{path}' must be {expected}.")


def _structure(described: Mapping[str, Any], value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refuse(path, "an object")
    members = described["members"]
    prefix = path + "." if path else ""
    return {
        name: _decode(members[name], member, prefix + name)
        for name, member in value.items()
        if name in members and member is not None
    }


def _list(described: Mapping[str, Any], value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise _refuse(path, "a list")
    return [_decode(described["member"], member, f"{path}[{position}]") for position, member in enumerate(value)]


def _string(_described: Mapping[str, Any], value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _refuse(path, "a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _refuse(path, "a string of whole Unicode characters") from error
    return value


def _blob(_described: Mapping[str, Any], value: Any, path: str) -> bytes:
    try:
        return base64.b64decode(_string(_described, value, path), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refuse(path, "base64") from error


def _boolean(_described: Mapping[str, Any], value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _refuse(path, "true or false")
    return value


def _number(described: Mapping[str, Any], value: Any, path: str) -> int:
    bound = _INTEGERS[described["type"]]
    if not isinstance(value, int) or isinstance(value, bool) or not -bound <= value < bound:
        raise _refuse(path, f"an integer of {bound.bit_length()} bits")
    return value


def _timestamp(_described: Mapping[str, Any], value: Any, path: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refuse(path, "a number of seconds")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _refuse(path, "a number of seconds") from error


_DECODERS: dict[str, Callable[[Mapping[str, Any], Any, str], Any]] = {
    "structure": _structure,
    "list": _list,
    "string": _string,
    "blob": _blob,
    "boolean": _boolean,
    "integer": _number,
    "long": _number,
    "timestamp": _timestamp,
}


def encode(shape_name: str | None, value: Mapping[str, Any] | None) -> bytes:
    """The JSON body of a structure; an operation without output gives `{}`."""
    if shape_name is None or value is None:
        return b"{}"
    return json.dumps(_encode(shape_name, value), separators=(",", ":")).encode()


def _encode(shape_name: str, value: Any) -> Any:
    described = shape(shape_name)
    kind = described["type"]
    if kind == "structure":
        return {name: _encode(target, value[name]) for name, target in described["members"].items() if name in value}
    if kind == "list":
        return [_encode(described["member"], member) for member in value]
    if kind == "timestamp":
        seconds = round(value.timestamp(), 3)
        return int(seconds) if seconds == int(seconds) else seconds
    return base64.b64encode(value).decode() if kind == "blob" else value
