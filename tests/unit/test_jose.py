"""Strict base64url and JSON, and the vectors of the RFCs for keys, thumbprints and signatures."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import jose

RSA_7638 = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    ),
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
P256_7515 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
P256_7517 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "use": "sig",
    "kid": "1",
}
ED25519_8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
ES256_7515 = (
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
    "lfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
EDDSA_8037 = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylG"
    "jg5BhVsPt9g7sVvpAr_MuM0KAg"
)


@pytest.mark.parametrize(
    ("alg", "jwk", "token"), [("ES256", P256_7515, ES256_7515), ("EdDSA", ED25519_8037, EDDSA_8037)]
)
def test_signatures_of_the_rfcs_verify_and_altered_ones_do_not(alg: str, jwk: dict[str, str], token: str) -> None:
    key = jose.import_key(jose.public_members(jwk, most_bits=4096))
    signing_input, _, signature = token.rpartition(".")
    assert jose.verify(alg, key, signing_input.encode(), jose.decode(signature))
    assert not jose.verify(alg, key, signing_input.encode() + b"A", jose.decode(signature))
    assert not jose.verify(alg, key, signing_input.encode(), jose.decode(signature)[:-1])
    assert not jose.verify(alg, key, signing_input.encode(), bytes(64))


@pytest.mark.parametrize(
    ("jwk", "thumbprint"),
    [
        (RSA_7638, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (ED25519_8037, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ],
)
def test_thumbprints_of_the_rfcs(jwk: dict[str, str], thumbprint: str) -> None:
    assert jose.thumbprint(jose.public_members(jwk, most_bits=4096)) == thumbprint


def test_only_members_that_make_the_key_remain() -> None:
    assert jose.public_members(P256_7517, most_bits=4096) == {
        name: P256_7517[name] for name in ("kty", "crv", "x", "y")
    }


@pytest.mark.parametrize(("text", "content"), [("", b""), ("AA", b"\0"), ("-_8", b"\xfb\xff"), ("AAAA", bytes(3))])
def test_base64url_is_read_and_written(text: str, content: bytes) -> None:
    assert jose.decode(text) == content
    assert jose.encode(content) == text


@pytest.mark.parametrize("text", ["AA==", "AB", "A", "A A", "AA\n", "+/8", "ÄA", None, 1, b"AA", ["AA"]])
def test_other_base64_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="base64url"):
        jose.decode(text)


DEEP = b'{"a":' + b"[" * 31 + b"]" * 31 + b"}"


def test_json_objects_are_read() -> None:
    assert jose.json_object(b' {"a": [1, -2.5, null, "\\ud83d\\ude00"]} ') == {"a": [1, -2.5, None, "\U0001f600"]}
    assert jose.json_object(DEEP)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "object"),
        (b"1", "object"),
        (b'{"a":1}{', "not JSON"),
        (b'\xef\xbb\xbf{"a":1}', "not JSON"),
        ('{"a":1}'.encode("utf-16"), "UTF-8"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'{"a":1,"a":1}', "twice"),
        (b'{"a":1,"\\u0061":2}', "twice"),
        (b'{"b":[{"a":1,"a":2}]}', "twice"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":1e999}', "too large"),
        (b'{"a":' + b"1" * 1001 + b"}", "digits"),
        (b'{"a":' + b"1" * 5000 + b"}", "digits"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (DEEP.replace(b"[]", b"[[]]"), "deep"),
        (b'{"a":' + b"[" * 30000 + b"]" * 30000 + b"}", "deep"),
        (b"[" * 65536, "deep|JSON"),
    ],
)
def test_json_on_which_readers_differ_is_refused(content: bytes, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        jose.json_object(content)


def test_points_of_small_order_are_of_small_order() -> None:
    """Doubling thrice leads each of them to the neutral element, whose y is 1."""
    p, d = jose._P, jose._D

    def doubled(y: int) -> int:
        x2 = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
        return (y * y + x2) * pow(1 - d * x2 * y * y, -1, p) % p

    for y in jose._SMALL_ORDER:
        assert doubled(doubled(doubled(y))) == 1
    assert len(jose._SMALL_ORDER) == 5
