"""Malformed and hostile OCSP requests, and outages behind them."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from chalicelib.keystore import KeyStoreError, KeyStoreThrottledError
from chalicelib.ocsp import answers
from chalicelib.pki import ocsp as codec
from chalicelib.pki.asn1 import der
from chalicelib.store import ThrottledError
from tests.support.authority_steps import fetch, issue
from tests.support.ocsp_requests import GOOD, STATUS, asked, authority, request_for

pytestmark = pytest.mark.laptop  # the deployed function answers in tests/localstack


def _hostile(good: bytes) -> dict[str, bytes]:
    cert_id = codec.parse_request(good).cert_ids[0].der
    asking = der.sequence(cert_id)
    critical = der.sequence(der.sequence(der.oid("1.2.3.4"), der.boolean_true(), der.tlv(4, b"\x05\x00")))
    return {
        "empty": b"",
        "text": b"GET / HTTP/1.1",
        "cut off": good[:-1],
        "something behind": good + b"\x00",
        "no request": der.sequence(der.sequence(der.sequence())),
        "version 2": der.sequence(der.sequence(der.tlv(0xA0, der.integer(1)), der.sequence(asking))),
        "too many": der.sequence(der.sequence(der.sequence(*[asking] * (codec.MAX_CERT_IDS + 1)))),
        "too long": der.sequence(der.tlv(4, bytes(codec.MAX_REQUEST_BYTES))),
        "critical extension": der.sequence(der.sequence(der.sequence(asking), der.tlv(0xA2, critical))),
        "critical single extension": der.sequence(
            der.sequence(der.sequence(der.sequence(cert_id, der.tlv(0xA0, critical))))
        ),
        "two lists of extensions": der.sequence(der.sequence(der.sequence(asking), der.tlv(0xA2, critical, critical))),
        "members behind": der.sequence(der.sequence(der.sequence(asking), der.integer(1))),
        "request without CertID": der.sequence(der.sequence(der.sequence(der.sequence()))),
        "outer members": der.sequence(der.sequence(der.sequence(asking)), der.integer(1)),
        "nothing at all": der.sequence(),
        "hash with parameters": good.replace(
            der.oid("1.3.14.3.2.26") + b"\x05\x00", der.oid("1.3.14.3.2.26") + b"\x04\x00"
        ),
        "algorithm without identifier": good.replace(
            der.tlv(0x30, der.oid("1.3.14.3.2.26"), b"\x05\x00"), b"\x30\x00" + b"\x04\x07abcdefg"
        ),
    }


def test_what_is_malformed_is_called_so(rt: Any, acm_pca: Any, arn: str) -> None:
    good = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    found = {name: asked(rt, request).response_status.name for name, request in _hostile(good).items()}
    assert found == dict.fromkeys(found, "MALFORMED_REQUEST")


def test_hash_that_is_not_answered_is_unauthorized(rt: Any, acm_pca: Any, arn: str) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn), hashes.SHA512())
    assert asked(rt, request).response_status is STATUS.UNAUTHORIZED


def test_signed_request_with_requestor_is_answered(rt: Any, acm_pca: Any, arn: str) -> None:
    good = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    inner = der.parse(good).children()[0].content
    requestor = der.tlv(0xA1, der.tlv(0x82, b"client.example"))
    signature = der.tlv(0xA0, der.sequence(der.sequence(der.oid("1.2.840.10045.4.3.2")), der.bit_string(b"x")))
    tbs = der.sequence(der.tlv(0xA0, der.integer(0)), requestor, inner)
    assert asked(rt, der.sequence(tbs, signature)).certificate_status is GOOD


def test_mutated_requests_never_fail(rt: Any, acm_pca: Any, arn: str) -> None:
    good = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn), nonce=b"12345678")
    source = random.Random(6960)
    found = set()
    rt = replace(rt, settings=replace(rt.settings, ocsp_signatures="100000"))
    for _ in range(3000):
        mutated = bytearray(good)
        for _ in range(source.randint(1, 4)):
            mutated[source.randrange(len(mutated))] = source.randrange(256)
        found.add(asked(rt, bytes(mutated)).response_status.name)
    assert found == {"SUCCESSFUL", "MALFORMED_REQUEST", "UNAUTHORIZED"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ThrottledError("busy"), STATUS.TRY_LATER),
        (KeyStoreThrottledError("busy"), STATUS.TRY_LATER),
        (KeyStoreError("gone"), STATUS.INTERNAL_ERROR),
        (RuntimeError("secret detail"), STATUS.INTERNAL_ERROR),
    ],
)
def test_outage_is_answered_without_detail(rt: Any, acm_pca: Any, arn: str, error: Exception, status: Any) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))

    class Broken:
        def private_key(self, *_: Any) -> Any:
            raise error

    broken: Any = replace(rt, keys=Broken())
    assert answers.respond(broken, request).der == codec.error(
        "tryLater" if status is STATUS.TRY_LATER else "internalError"
    )
    assert asked(broken, request).response_status is status
