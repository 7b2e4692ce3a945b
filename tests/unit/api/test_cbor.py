"""Smithy RPC v2 CBOR (RFC 8949): what is decoded, what is refused, and that botocore reads what is encoded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.api import cbor_codec, json_codec
from chalicelib.errors import SerializationException

SHAPE = "IssueCertificateRequest"


def members(**more: Any) -> bytes:
    return cbor2.dumps(more)


GOOD: dict[str, tuple[bytes, dict[str, Any]]] = {
    "nothing": (b"", {}),
    "empty map": (b"\xa0", {}),
    "blob": (members(Csr=b"-----BEGIN"), {"Csr": b"-----BEGIN"}),
    "unknown member": (members(Other=[1, {"a": b""}]), {}),
    "null": (members(Csr=None), {}),
    "undefined": (
        members(Csr=cbor2.undefined, Validity={"Type": cbor2.undefined, "Value": 1}),
        {"Validity": {"Value": 1}},
    ),
    "indefinite lengths": (
        bytes.fromhex("bf") + cbor2.dumps("Validity") + bytes.fromhex("bf") + cbor2.dumps("Value") + b"\x05\xff\xff",
        {"Validity": {"Value": 5}},
    ),
    "string in pieces": (b"\xa1" + cbor2.dumps("TemplateArn") + b"\x7f\x61a\x61b\xff", {"TemplateArn": "ab"}),
    "long head": (
        b"\xa1" + cbor2.dumps("Validity") + b"\xa1" + cbor2.dumps("Value") + b"\x1b" + bytes(7) + b"\x07",
        {"Validity": {"Value": 7}},
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_body_is_decoded(case: str) -> None:
    body, decoded = GOOD[case]
    assert cbor_codec.decode(SHAPE, body) == decoded


BAD: dict[str, bytes] = {
    "no CBOR": b"\xff",
    "JSON": b'{"Csr": "x"}',
    "cut off": members(Csr=b"x" * 50)[:-1],
    "goes on": members(Csr=b"x") + b"\x00",
    "a list": b"\x80",
    "a number": b"\x00",
    "duplicate member": b"\xa2" + 2 * (cbor2.dumps("Csr") + b"\x41x"),
    "number as a name": b"\xa1\x01\x02",
    "list as a name": b"\xa1\x81\x01\x02",
    "deep": b"\x81" * 40 + b"\x00",
    "deep map": b"\xa1\x61a" * 40 + b"\x00",
    "claims 2^63 members": b"\xbb" + b"\x7f" + b"\xff" * 7,
    "claims 2^63 bytes": b"\xa1" + cbor2.dumps("Csr") + b"\x5b\x7f" + b"\xff" * 7,
    "too many values": b"\x9f" + b"\x80" * 100_001 + b"\xff",
    "no UTF-8": b"\xa1" + cbor2.dumps("TemplateArn") + b"\x61\xff",
    "text as a blob": members(Csr="x"),
    "blob as text": members(TemplateArn=b"x"),
    "float as an integer": members(Validity={"Value": 5.0}),
    "boolean as an integer": members(Validity={"Value": True}),
    "65 bits": members(Validity={"Value": 1 << 63}),
    "big integer": b"\xa1" + cbor2.dumps("Validity") + b"\xa1" + cbor2.dumps("Value") + b"\xc2\x41\x05",
    "map as a list": members(ApiPassthrough={"Extensions": {"SubjectAlternativeNames": {}}}),
    "list as a map": members(Validity=[]),
    "date": b"\xa1" + cbor2.dumps("Csr") + cbor2.dumps(cbor2.CBORTag(0, "2030-01-01T00:00:00Z")),
    "decimal of 2^32 digits": b"\xa1" + cbor2.dumps("Csr") + b"\xc4\x82\x1a\xff\xff\xff\xff\x01",
    "float of 2^32 bits": b"\xa1" + cbor2.dumps("Csr") + b"\xc5\x82\x1a\xff\xff\xff\xff\x01",
    "regular expression": b"\xa1" + cbor2.dumps("TemplateArn") + cbor2.dumps(cbor2.CBORTag(35, "(a+)+$")),
    "shared value": b"\xa1" + cbor2.dumps("Csr") + b"\xd8\x1c\x81\xd8\x1d\x00",
    "unknown tag": b"\xa1" + cbor2.dumps("Csr") + cbor2.dumps(cbor2.CBORTag(4711, b"x")),
    "self-described": b"\xd9\xd9\xf7" + members(Csr=b"x"),
    "time as a string": members(TemplateArn=cbor2.CBORTag(1, 5)),
    "simple value": b"\xa1" + cbor2.dumps("Csr") + b"\xe5",
}


@pytest.mark.parametrize("case", BAD)
def test_body_is_refused_by_name(case: str) -> None:
    with pytest.raises(SerializationException):
        cbor_codec.decode(SHAPE, BAD[case])


BAD_TIMES: dict[str, Any] = {
    "no tag": 5,
    "text": "2030-01-01",
    "text in the tag": cbor2.CBORTag(1, "5"),
    "tag in the tag": cbor2.CBORTag(1, cbor2.CBORTag(1, 5)),
    "no number": cbor2.CBORTag(1, float("nan")),
    "infinite": cbor2.CBORTag(1, float("inf")),
    "out of range": cbor2.CBORTag(1, 1 << 62),
}


@pytest.mark.parametrize("case", BAD_TIMES)
def test_time_is_a_number_in_tag_1(case: str) -> None:
    with pytest.raises(SerializationException):
        cbor_codec.decode("CertificateAuthority", members(CreatedAt=BAD_TIMES[case]))


@pytest.mark.parametrize("seconds", [0, 1_900_000_000, 1_900_000_000.25])
def test_time_is_written_and_read(seconds: float) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    body = cbor_codec.encode("CertificateAuthority", {"CreatedAt": moment})
    assert cbor_codec.decode("CertificateAuthority", body) == {"CreatedAt": moment}


def test_operation_without_output_has_no_body() -> None:
    assert cbor_codec.encode(None, None) == b""


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(
    body=st.binary(max_size=300)
    | st.sampled_from([*BAD.values()]).flatmap(
        lambda body: st.tuples(st.just(body), st.integers(0, len(body) - 1), st.integers(0, 255)).map(
            lambda parts: parts[0][: parts[1]] + bytes([parts[2]]) + parts[0][parts[1] + 1 :]
        )
    )
)
def test_any_body_is_decoded_or_refused(body: bytes) -> None:
    try:
        decoded = cbor_codec.decode(SHAPE, body)
    except SerializationException:
        return
    again = json_codec.encode(SHAPE, decoded)
    assert json_codec.decode(SHAPE, again) == decoded
