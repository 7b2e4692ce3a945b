"""Smithy RPC v2 CBOR: conversion between bytes and dictionaries of the model's types.

The decoder refuses everything that no request needs: tags other than a timestamp's, duplicate keys, deep nesting.

Source: Smithy, "Smithy RPC v2 CBOR protocol"; RFC 8949.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cbor2

from chalicelib.api import structure_codec
from chalicelib.api.structure_codec import MAX_DEPTH, MAX_VALUES, refuse
from chalicelib.errors import SerializationException
from chalicelib.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

_NAMESPACE = "com.amazonaws.acmpca"
_EMPTY = b"\xa0"
_EPOCH_TAG = 1
# First bytes of arrays and maps; base64 and PEM contain none of them, and other text few.
_CONTAINERS = bytes(range(0x80, 0xC0))
# Every tag that the library would convert to a Python value.
_LIBRARY_TAGS = (0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)


@dataclass(frozen=True, slots=True)
class _Epoch:
    """The content of tag 1, a time in seconds since 1970."""

    seconds: Any


def _refuse_tag(*_: Any) -> Any:
    raise ValueError("The tag is not that of a timestamp.")


_TAGS: dict[int, Callable[[Any, bool], Any]] = dict.fromkeys(_LIBRARY_TAGS, _refuse_tag) | {
    _EPOCH_TAG: lambda value, _immutable: _Epoch(value)
}


def decode(shape_name: str, body: bytes) -> dict[str, Any]:
    """Decode a CBOR body to the members of a structure; members unknown to the model are ignored.

    Raises:
        SerializationException: the body is not CBOR, or a value has the wrong type for its member.
    """
    if len(body) - len(body.translate(None, _CONTAINERS)) > MAX_VALUES:
        raise SerializationException(f"The body contains more than {MAX_VALUES} values.")
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
        raise SerializationException("The body is not CBOR, or uses CBOR that the protocol does not allow.") from error
    if stream.read(1):
        raise SerializationException("The body continues after its CBOR value.")
    return _DOCUMENTS.decode(shape_name, _without_undefined(document))


def _without_undefined(document: Any) -> Any:
    """Replace `undefined` by null, which means the same."""
    if isinstance(document, dict):
        return {name: _without_undefined(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_without_undefined(value) for value in document]
    return None if document is cbor2.undefined else document


def _blob(value: Any, path: str) -> bytes:
    if not isinstance(value, bytes):
        raise refuse(path, "a byte string")
    return value


def _timestamp(value: Any, path: str) -> datetime:
    if not isinstance(value, _Epoch):
        raise refuse(path, "a time with tag 1")
    return structure_codec.moment(value.seconds, path)


_DOCUMENTS = structure_codec.Decoder({"blob": _blob, "timestamp": _timestamp})
_ENCODER = structure_codec.Encoder(
    {"timestamp": lambda value: cbor2.CBORTag(_EPOCH_TAG, structure_codec.epoch_seconds(value))}
)


def encode(shape_name: str | None, value: Mapping[str, Any] | None) -> bytes:
    """Encode a structure as a CBOR body, which is empty for an operation without output."""
    if shape_name is None or value is None:
        return b""
    return cbor2.dumps(_ENCODER.encode(shape_name, value))


def encode_error(code: str, message: str) -> bytes:
    """Encode an error as a CBOR body."""
    return cbor2.dumps({"__type": f"{_NAMESPACE}#{code}", "message": message})
