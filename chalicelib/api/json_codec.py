"""AWS JSON 1.1: conversion between bytes and dictionaries of the model's types.

Source: Smithy, "AWS JSON 1.1 protocol"; RFC 8259.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import TYPE_CHECKING, Any

from chalicelib import json_text
from chalicelib.api import structure_codec
from chalicelib.api.structure_codec import MAX_DEPTH, MAX_VALUES, refuse
from chalicelib.errors import SerializationException

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_DIGITS = 20
_json = json_text.writer()


def decode(shape_name: str, body: bytes) -> dict[str, Any]:
    """Decode a JSON body to the members of a structure; members unknown to the model are ignored.

    Raises:
        SerializationException: the body is not JSON, or a value has the wrong type for its member.
    """
    opened = body.count(b"[") + body.count(b"{")
    if opened + body.count(b",") > MAX_VALUES:
        raise SerializationException(f"The body contains more than {MAX_VALUES} values.")
    document = _parse(body or b"{}")
    if opened > MAX_DEPTH:
        _check_depth(document)
    return _DOCUMENTS.decode(shape_name, document)


def _parse(body: bytes) -> Any:
    try:
        return _JSON.decode(body.decode("utf-8"))
    except SerializationException:
        raise
    except RecursionError:
        raise SerializationException(f"The body is nested more than {MAX_DEPTH} levels deep.") from None
    except ValueError as error:
        raise SerializationException("The body is not JSON in UTF-8.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise SerializationException("An object in the body has a member twice.")
    return members


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise SerializationException("A number in the body is too large.")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise SerializationException("A number in the body is too large.")
    return value


def _constant(_text: str) -> None:
    raise SerializationException("The body is not JSON in UTF-8.")


_JSON = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)


def _check_depth(document: Any) -> None:
    level, depth = [document], 0
    while level:
        if depth > MAX_DEPTH:
            raise SerializationException(f"The body is nested more than {MAX_DEPTH} levels deep.")
        containers = [value for value in level if isinstance(value, (dict, list))]
        level = [inner for value in containers for inner in (value.values() if isinstance(value, dict) else value)]
        depth += 1


def _blob(value: Any, path: str) -> bytes:
    try:
        return binascii.a2b_base64(structure_codec.string(value, path), strict_mode=True)
    except ValueError as error:
        raise refuse(path, "base64") from error


_DOCUMENTS = structure_codec.Decoder({"blob": _blob, "timestamp": structure_codec.moment})
_ENCODER = structure_codec.Encoder(
    {"blob": lambda value: base64.b64encode(value).decode(), "timestamp": structure_codec.epoch_seconds}
)


def encode(shape_name: str | None, value: Mapping[str, Any] | None) -> bytes:
    """Encode a structure as a JSON body, which is `{}` for an operation without output."""
    if shape_name is None or value is None:
        return b"{}"
    return _json(_ENCODER.encode(shape_name, value)).encode()


def encode_error(code: str, message: str) -> bytes:
    """Encode an error as a JSON body."""
    return json.dumps({"__type": code, "message": message}).encode()
