"""Compact JSON: an encoder in C that is made once, where `json` makes one for each text."""

from __future__ import annotations

import json
from json import encoder as _encoder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def writer(
    *, ensure_ascii: bool = True, separators: tuple[str, str] = (",", ":"), default: Callable[[Any], Any] | None = None
) -> Callable[[Any], str]:
    """Return a function that writes values as JSON; the arguments are those of `json.JSONEncoder`.

    Values must not contain themselves: that is not looked for, and ends in a `RecursionError`.
    """
    plain = json.JSONEncoder(ensure_ascii=ensure_ascii, separators=separators, default=default, check_circular=False)
    make: Callable[..., Callable[[Any, int], tuple[str, ...]]] | None = getattr(_encoder, "c_make_encoder", None)
    if make is None:  # another Python than CPython
        return plain.encode
    quote = _encoder.encode_basestring_ascii if ensure_ascii else _encoder.encode_basestring
    item, key = separators
    pieces = make(None, plain.default, quote, None, key, item, plain.sort_keys, plain.skipkeys, plain.allow_nan)
    return lambda value: "".join(pieces(value, 0))
