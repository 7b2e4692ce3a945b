"""Items in rows of SQLite: key and index attributes in columns, and all else in one body.

The body is JSON of the plain attributes, followed by the byte strings, whose lengths are its member "". A
certificate's is compressed with a dictionary (RFC 1951), which halves it, unless the item is due: then it changes soon.
An item that has nothing but its keys has no body.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any

from chalicelib import json_text
from chalicelib.store import RecordError, sqlite_keys, table
from chalicelib.store.table import SCHEMA, VERSION

if TYPE_CHECKING:
    from chalicelib.store.sqlite_keys import Packed
    from chalicelib.store.table import Item

INDEXED = ("due_pk", "due_sk", "list_pk", "list_sk")
_COLUMNS = frozenset({"pk", "sk", *INDEXED})
_DECODER, _json = json.JSONDecoder(), json_text.writer()
_COMPRESSED = "CERT#"
_MARK = b"\x01"  # of a compressed body; JSON begins with a brace
_LEVEL, _WINDOW, _MEMORY = 1, -12, 5  # the larger the memory, the longer it takes to clear
# What certificates of the common templates repeat; the partition key follows it. It is in every database: another one
# needs another mark.
_DICTIONARY = (
    bytes.fromhex(
        """
        3082027230820217a0030201020210300d06092a864886f70d01010b0500300a06082a8648ce3d04030230153113301106035504
        030c301e170d32170d3230305a301b3119301706035504030c30820122300d06092a864886f70d01010105000382010f00308201
        0a028201010002030100013059301306072a8648ce3d020106082a8648ce3d03010703420004a38201413082013d30090603551d
        1304023000301f0603551d23041830168014301d0603551d0e04160414300e0603551d0f0101ff0404030205a0301d0603551d25
        0416301406082b0601050507030106082b06010505070302305e0603551d1f045730553053a051a04f864d687474703a2f2f2e73
        332e616d617a6f6e6177732e636f6d2f63726c2f2e63726c303306082b0601050507010104273025302306082b06010505073001
        8617687474703a2f2f6f637370302c0603551d1104253023822e6578616d706c652e636f6d300a06082a8648ce3d040302034800
        30450221000220
        """
    )
    + b'{"arn":"arn:aws:acm-pca:us-east-1:000000000000:certificate-authority//certificate/","ca_arn":"arn:aws:acm-pca:'
    b'us-east-1:000000000000:certificate-authority/","serial_number":"","status":"ISSUED","template_arn":"arn:aws:acm-'
    b'pca:::template/EndEntityCertificate/V1","tbs_sha256":"","not_before":179,"not_after":18,"reserved_at":179,'
    b'"requested_by":"AKIA","requester_account":"000000000000","issued_at":179,"v":5,"":{"certificate_der":}}\0'
)


def encode(item: Item) -> bytes:
    """Encode all but the columns, and add the schema."""
    plain: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    strings: list[bytes] = []
    for name, value in item.items():
        if name in _COLUMNS:
            continue
        if isinstance(value, bytes):
            lengths[name] = len(value)
            strings.append(value)
        else:
            plain[name] = value
    if not plain and not lengths:
        return b""
    plain[VERSION], plain[""] = SCHEMA, lengths
    body = b"\0".join((_json(plain).encode(), b"".join(strings)))
    pk = str(item["pk"])
    return _compress(pk, body) if pk.startswith(_COMPRESSED) and "due_pk" not in item else body


def decode(pk: str, sk: str, index: tuple[Packed | None, ...], body: bytes | str) -> Item:
    """The inverse of `encode`.

    Args:
        pk: the partition key.
        sk: the sort key.
        index: the columns of the two indexes.
        body: the body; of the first day's programs it is text.

    Raises:
        RecordError: a later version of Signet has written the item, or nobody who is known.
    """
    item: Item = {}
    strings = b""
    if isinstance(body, str):
        item = _decode_text(body)
    elif body:
        try:
            head, _, strings = (_decompress(pk, body) if body.startswith(_MARK) else body).partition(b"\0")
            item = _DECODER.raw_decode(head.decode())[0]
            item["pk"] = pk
            lengths: dict[str, int] = table.understood(item).pop("")  # type: ignore[assignment]  # written by `encode`
        except (LookupError, TypeError, ValueError, zlib.error) as error:
            raise RecordError(f"The record {pk!r}, {sk!r} cannot be understood: {error}.") from error
        begin = 0
        for name, length in lengths.items():
            item[name] = strings[begin : begin + length]
            begin += length
    item["pk"], item["sk"] = pk, sk
    due_pk, due_sk, list_pk, list_sk = index
    if due_pk is not None:
        item["due_pk"], item["due_sk"] = str(due_pk), str(due_sk)
    if list_pk is not None and list_sk is not None:
        item["list_pk"], item["list_sk"] = sqlite_keys.unpack(list_pk, list_sk)
    return item


def _compress(pk: str, body: bytes) -> bytes:
    compressor = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY + pk.encode()
    )
    return _MARK + compressor.compress(body) + compressor.flush()


def _decompress(pk: str, body: bytes) -> bytes:
    return zlib.decompressobj(_WINDOW, _DICTIONARY + pk.encode()).decompress(body[1:])


def _decode_text(body: str) -> Item:
    """Decode an item of the first day's programs: all of it is JSON, and the names of byte strings end with a colon."""
    return {
        name.removesuffix(":"): base64.b64decode(value) if name.endswith(":") else value
        for name, value in json.loads(body).items()
    }
