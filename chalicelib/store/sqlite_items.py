"""Items in rows of SQLite: the key in columns, and all else in one body, which is JSON followed by the byte strings."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from chalicelib.store import RecordError, table
from chalicelib.store.table import SCHEMA, VERSION

if TYPE_CHECKING:
    from chalicelib.store.table import Item

_JSON = json.JSONDecoder()


def encode(item: Item) -> bytes:
    """Encode all but the key: JSON of the plain attributes, then the byte strings, whose lengths are its member ""."""
    strings = {name: value for name, value in item.items() if isinstance(value, bytes)}
    plain = {name: value for name, value in item.items() if name not in strings and name not in {"pk", "sk"}}
    lengths = {name: len(value) for name, value in strings.items()}
    head = json.dumps(plain | {VERSION: SCHEMA, "": lengths}, separators=(",", ":"))
    return b"\0".join((head.encode(), b"".join(strings.values())))


def decode(pk: str, sk: str, body: bytes | str) -> Item:
    """The inverse of `encode`.

    Raises:
        RecordError: a later version of Signet has written the item, or nobody who is known.
    """
    if isinstance(body, str):
        return _decode_text(pk, sk, body)
    head, _, strings = body.partition(b"\0")
    try:
        item = table.understood({"pk": pk, "sk": sk, **_JSON.raw_decode(head.decode())[0]})
        lengths: dict[str, int] = item.pop("")  # type: ignore[assignment]  # written by `encode`
    except (LookupError, TypeError, ValueError) as error:
        raise RecordError(f"The record {pk!r}, {sk!r} cannot be understood: {error}.") from error
    begin = 0
    for name, length in lengths.items():
        item[name] = strings[begin : begin + length]
        begin += length
    return item


def _decode_text(pk: str, sk: str, body: str) -> Item:
    """Decode an item of the first day's programs: all of it is JSON, and the names of byte strings end with a colon."""
    return {
        name.removesuffix(":"): base64.b64decode(value) if name.endswith(":") else value
        for name, value in json.loads(body).items()
    } | {"pk": pk, "sk": sk}
