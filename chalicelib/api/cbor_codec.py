"""Smithy RPC v2 CBOR: bytes to dictionaries of the model's types and back.

The library's decoder is told to refuse what no request needs: tags but that of a time, duplicate keys, deep nesting.

Source: Smithy, "Smithy RPC v2 CBOR protocol"; RFC 8949.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cbor2

from chalicelib.api import structure_codec
from chalicelib.api.structure_codec import MAX_DEPTH, MAX_VALUES, refuse
from chalicelib.errors import SerializationException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

_NAMESPACE = "com.amazonaws.acmpca"
_EMPTY = b"\xa0"
_EPOCH_TAG = 1
# Heads of arrays and maps; base64 and PEM have no such byte, and text has few.
_CONTAINERS = bytes(range(0x80, 0xC0))
# Every tag that the library would turn into a value of its own.
_LIBRARY_TAGS = (0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)


@dataclass(frozen=True, slots=True)
class _Epoch:
    """What stands in tag 1."""

    seconds: Any


def _refuse_tag(*_: Any) -> Any:
    raise ValueError("A tag that is no time.")


_TAGS: dict[int, Callable[[Any, bool], Any]] = dict.fromkeys(_LIBRARY_TAGS, _refuse_tag) | {
    _EPOCH_TAG: lambda value, _immutable: _Epoch(value)
}


def decode(shape_name: str, body: bytes) -> dict[str, Any]:
    """The members of a structure in a CBOR body; members that the model does not know are ignored.

    Raises:
        SerializationException: the body is not CBOR, or a value is not of its member's type.
    """
    if len(body) - len(body.translate(None, _CONTAINERS)) > MAX_VALUES:
        raise SerializationException(f"The body holds more than {MAX_VALUES} values.")
    stream = io.BytesIO(body or _EMPTY)
    decoder = cbor2.CBORDecoder(
        stream,
        semantic_decoders=_TAGS,
        tag_hook=_refuse_tag,
        max_depth=MAX_DEPTH,
        allow_duplicate_keys=False,
        strict_hashable_types=True,
    )
    try:
        document = decoder.decode()
    except (cbor2.CBORError, ValueError, OverflowError) as error:
        raise SerializationException("The body is not CBOR, or holds what the protocol does not have.") from error
    if stream.read(1):
        raise SerializationException("The body goes on behind its CBOR value.")
    return structure_codec.decode(shape_name, _without_undefined(document), _READERS)


def _without_undefined(document: Any) -> Any:
    """`undefined` means the same as null."""
    if isinstance(document, dict):
        return {name: _without_undefined(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_without_undefined(value) for value in document]
    return None if document is cbor2.undefined else document


def _blob(_described: Mapping[str, Any], value: Any, path: str) -> bytes:
    if not isinstance(value, bytes):
        raise refuse(path, "a byte string")
    return value


def _timestamp(_described: Mapping[str, Any], value: Any, path: str) -> datetime:
    if not isinstance(value, _Epoch):
        raise refuse(path, "a time with tag 1")
    return structure_codec.moment(value.seconds, path)


_READERS: dict[str, structure_codec.Reader] = {"blob": _blob, "timestamp": _timestamp}
_WRITERS: dict[str, structure_codec.Writer] = {
    "timestamp": lambda value: cbor2.CBORTag(_EPOCH_TAG, structure_codec.epoch_seconds(value))
}


def encode(shape_name: str | None, value: Mapping[str, Any] | None) -> bytes:
    """The CBOR body of a structure; an operation without output has none."""
    if shape_name is None or value is None:
        return b""
    return cbor2.dumps(structure_codec.encode(shape_name, value, _WRITERS))


def encode_error(code: str, message: str) -> bytes:
    """The CBOR body of an error."""
    return cbor2.dumps({"__type": f"{_NAMESPACE}#{code}", "message": message})
