"""Whatever anybody sends to the ACME server, it answers with a problem document, and nothing else escapes."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import jose
from chalicelib.acme import ari, identifiers, jws, nonces
from chalicelib.acme.problems import AcmeProblem
from chalicelib.acme_records import Identifier
from tests.support.acme_keys import ACCOUNT_URL, CONTENT_TYPE, NONCE, URL, body, key, mac_jws

SECRET = b"s" * 32
NOW = datetime(2026, 7, 1, tzinfo=UTC)
ALGORITHMS = ["ES256", "RS256", "EdDSA", "HS256", "none"]
KEY_WORDS = ["EC", "RSA", "OKP", "P-256", "P-521", "Ed25519", "AQAB", "AA", ""]
ADDRESSES = ["dns", "ip", "*.a.test", "a.test", "::1", "xn--a", "10.0.0.1", "\ud800", "\0", "ü.test"]
WORDS = st.sampled_from([*ALGORITHMS, *KEY_WORDS, *ADDRESSES, URL, NONCE, ACCOUNT_URL])
HEADER_NAMES = ["alg", "nonce", "url", "jwk", "kid", "crit", "b64", "protected", "payload", "signature", "header"]
KEY_NAMES = ["kty", "crv", "x", "y", "n", "e", "d", "use", "account", "oldKey", "type", "value"]
NAMES = st.sampled_from([*HEADER_NAMES, *KEY_NAMES])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=50), WORDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=8),
    max_leaves=15,
)
# Members that take the place of right ones.
HEADERS = st.dictionaries(NAMES, VALUES, max_size=4)


def server(request: bytes) -> None:
    signed = jws.parse(CONTENT_TYPE, request)
    jws.check_url(signed, URL)
    jws.verify(signed, jws.public_key(signed.jwk) if signed.kid is None else key().jwk)
    payload = jws.payload_object(signed)
    with suppress(AcmeProblem):
        jws.key_change(payload, url=URL, account_url=ACCOUNT_URL, account_key=key().jwk)
    jws.external_account(payload, url=URL, account_key=key().jwk, mac_key={"eab-1": SECRET}.get)


def signed_by(alg: str, header: dict[str, Any], payload: Any) -> bytes:
    usual = {"alg": alg, "nonce": NONCE, "url": URL, "jwk": key(alg).jwk}
    return body(key(alg).jws({**usual, **header}, payload))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_answered(request: bytes) -> None:
    with suppress(AcmeProblem):
        server(request)


@settings(max_examples=200, deadline=None)
@given(HEADERS, VALUES)
def test_any_signed_header_and_payload_are_answered(header: dict[str, Any], payload: Any) -> None:
    with suppress(AcmeProblem):
        server(signed_by("ES256", header, payload))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["ES256", "RS256", "EdDSA"]), HEADERS, HEADERS)
def test_any_key_is_answered(alg: str, members: dict[str, Any], header: dict[str, Any]) -> None:
    with suppress(AcmeProblem):
        server(signed_by(alg, {"jwk": {**key(alg).jwk, **members}, **header}, {"a": 1}))


@settings(max_examples=150, deadline=None)
@given(HEADERS, VALUES | st.just(key().jwk))
def test_any_nested_jws_is_answered(header: dict[str, Any], payload: Any) -> None:
    inner = key("ES384").jws({"alg": "ES384", "jwk": key("ES384").jwk, "url": URL, **header}, payload)
    outer = mac_jws(SECRET, {"alg": "HS256", "kid": "eab-1", "url": URL, **header}, payload)
    for document in (inner, outer):
        with suppress(AcmeProblem):
            server(body(key().request(document)))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3), st.integers(0, 5000), st.integers(1, 255))
def test_no_flipped_bit_is_accepted(part: int, position: int, mask: int) -> None:
    """A request with another octet anywhere is refused, unless it reads the same."""
    request = body(key().request({"a": 1}))
    spoiled = bytearray(request)
    spoiled[(position + part) % len(spoiled)] ^= mask
    with suppress(AcmeProblem):
        signed = jws.parse(CONTENT_TYPE, bytes(spoiled))
        jws.verify(signed, key().jwk)
        assert signed == jws.parse(CONTENT_TYPE, request)


@settings(max_examples=200, deadline=None)
@given(VALUES | st.lists(st.fixed_dictionaries({"type": WORDS, "value": st.text(max_size=80) | WORDS}), max_size=4))
def test_any_identifiers_are_answered(values: Any) -> None:
    with suppress(AcmeProblem):
        for identifier in identifiers.parse_all(values):
            assert identifiers.parse(identifier._asdict()) == identifier


LABELS = st.sampled_from(["a", "b", "web-1", "web-", "*", "web-*", "a*b", "axb"])


def naive(pattern: list[str], name: list[str]) -> bool:
    """A first label of an asterisk stands for one label or more, another asterisk for a part of its label."""
    if pattern[0] == "*":
        rest = pattern[1:]
        return len(name) > len(rest) and all(map(naive_label, rest, name[len(name) - len(rest) :]))
    return len(pattern) == len(name) and all(map(naive_label, pattern, name))


def naive_label(pattern: str, label: str) -> bool:
    if "*" not in pattern or "*" in label:
        return pattern == label and "*" not in pattern
    first, last = pattern.split("*")
    return len(label) >= len(first) + len(last) and label.startswith(first) and label.endswith(last)


@settings(max_examples=500, deadline=None)
@given(st.lists(LABELS, min_size=1, max_size=4), st.lists(LABELS, min_size=1, max_size=4))
def test_patterns_grant_what_a_naive_reading_does(pattern: list[str], name: list[str]) -> None:
    try:
        identifier = identifiers.parse({"type": "dns", "value": ".".join([*name, "test"])})
        checked = identifiers.check_pattern(".".join([*pattern, "test"]))
    except (AcmeProblem, ValueError):
        return
    assert identifiers.allows([checked], identifier) is naive(pattern, name)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80) | WORDS, st.text(max_size=80) | WORDS)
def test_any_pattern_is_answered(text: str, value: str) -> None:
    with suppress(ValueError):
        pattern = identifiers.check_pattern(text)
        assert identifiers.check_pattern(pattern) == pattern
        assert identifiers.allows([pattern], Identifier("dns", value)) in {True, False}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=80))
def test_any_csr_nonce_and_certificate_identifier_are_answered(content: bytes, text: str) -> None:
    with suppress(AcmeProblem):
        identifiers.csr_identifiers(content)
    for spelled in (text, jose.encode(content)):
        with suppress(AcmeProblem):
            nonces.check(SECRET, spelled, NOW)
    for spelled in (text, f"{text}.{text}", f"{jose.encode(content[:20])}.{jose.encode(content[20:41])}"):
        with suppress(AcmeProblem):
            parsed = ari.parse_certificate_id(spelled)
            assert ari.parse_certificate_id(ari.certificate_id(*parsed)) == parsed
