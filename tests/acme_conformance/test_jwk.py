"""RFC 7517, 7518 and 8555 section 6.2: hostile account keys."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.acme_conformance.hostile import Row, Stage, judge, table
from tests.acme_conformance.jose import Key, Request, b64, dumps, generate, number, unb64
from tests.acme_conformance.rfc import must, robust

if TYPE_CHECKING:
    from tests.acme_conformance.acme import Account, Server

_PUBLIC = must(
    "RFC 8555 6.2", "This field MUST contain the public key corresponding to the private key used to sign the JWS."
)
_POINT = must("RFC 7518", "recipients MUST validate that the point is on the curve (6.2.2, RFC 8725 section 3.4)")
_WIDTH = must("RFC 7518", "The length of this octet string MUST be the full size of a coordinate (6.2.1.2)")
_CURVE = must("RFC 7518", 'ECDSA using P-256 … "ES256" (3.4)')
_KIND = must("RFC 7517", 'The "kty" (key type) parameter … This member MUST be present in a JWK. (4.1)')
_FORM = must("RFC 7517", "A JWK is a JSON object that represents a cryptographic key. (4)")
_RSA = must("RFC 7518", "A key of size 2048 bits or larger MUST be used with these algorithms. (3.3)")
_USE = must("RFC 7517", 'Applications … The "use" parameter identifies the intended use of the public key. (4.2)')
_MEMBERS = must("RFC 7517", "The member names within a JWK MUST be unique (4)")
_PRIVATE = robust("RFC 7518", 'The parameter "d" … contains the private key value (6.2.2.1)')


def _jwk(**members: Any) -> Any:
    """Return a change of members of the key; None removes one."""

    def change(request: Request, _: Stage) -> Request:
        merged = {name: value for name, value in (request.header["jwk"] | members).items() if value is not None}
        return request.but(jwk=merged)

    return change


def _whole(value: Any) -> Any:
    return lambda request, _: request.but(jwk=value)


def _coordinate(change: Any) -> Any:
    return lambda request, _: request.but(jwk=request.key.jwk | {"x": b64(change(unb64(request.key.jwk["x"])))})


def _registers(key: Key, **members: Any) -> Any:
    """Return a request for a new account of another key, instead of the one that is given."""

    def change(_: Request, stage: Stage) -> Request:
        request = stage.register(key)
        return request.but(jwk=key.jwk | members) if members else request

    return change


def _weak_rsa(_: Request, stage: Stage) -> Request:
    return stage.register(generate("RS256", bits=1024))


def _p521_as_es256(_: Request, stage: Stage) -> Request:
    key = generate("ES512")
    return stage.register(replace(key, alg="ES256"))


def _short(_: Request, stage: Stage) -> Request:
    """Leave out the zero at the beginning of a coordinate, as a number would be written."""
    while True:
        key = generate()
        if unb64(key.jwk["x"])[0] == 0:
            break
    request = stage.register(key)
    return request.but(jwk=key.jwk | {"x": b64(unb64(key.jwk["x"])[1:])})


def _duplicate(request: Request, stage: Stage) -> Request:
    """Name another key's coordinate at the end of the object."""
    text = dumps(request.header["jwk"])[:-1] + b',"x":' + json.dumps(stage.other.key.jwk["x"]).encode() + b"}"
    tail = dumps(request.header["jwk"])
    return replace(request, header_text=lambda header: dumps(header).replace(tail, text))


def _with_private(request: Request, _: Stage) -> Request:
    assert isinstance(request.key.private, ec.EllipticCurvePrivateKey)
    return request.but(jwk=request.key.jwk | {"d": number(request.key.private.private_numbers().private_value, 32)})


_ROWS = (
    Row("of-another-key", "lookup", lambda r, s: r.but(jwk=s.other.key.jwk), _PUBLIC),
    Row("text", "lookup", _whole("key"), _FORM),
    Row("array", "lookup", lambda r, _: r.but(jwk=[r.key.jwk]), _FORM),
    Row("number", "lookup", _whole(1), _FORM),
    Row("empty", "lookup", _whole({}), _KIND),
    Row("set-of-keys", "lookup", lambda r, _: r.but(jwk={"keys": [r.key.jwk]}), _FORM),
    Row("kty-missing", "lookup", _jwk(kty=None), _KIND),
    Row("kty-unknown", "lookup", _jwk(kty="XX"), _KIND),
    Row("kty-oct", "lookup", _whole({"kty": "oct", "k": b64(bytes(32))}), _PUBLIC),
    Row("kty-rsa-of-ec", "lookup", _jwk(kty="RSA"), _KIND),
    Row("kty-lower-case", "lookup", _jwk(kty="ec"), _KIND),
    Row("crv-missing", "lookup", _jwk(crv=None), _CURVE),
    Row("crv-unknown", "lookup", _jwk(crv="P-999"), _CURVE),
    Row("crv-p384", "lookup", _jwk(crv="P-384"), _WIDTH),
    Row(
        "crv-secp256k1",
        "lookup",
        _registers(Key("ES256K", ec.generate_private_key(ec.SECP256K1())), crv="secp256k1"),
        _CURVE,
    ),
    Row("secp256k1-as-es256", "lookup", _registers(Key("ES256", generate("ES256K").private)), _CURVE),
    Row("p521-as-es256", "lookup", _p521_as_es256, _CURVE),
    Row("x-missing", "lookup", _jwk(x=None), _WIDTH),
    Row("y-missing", "lookup", _jwk(y=None), _WIDTH),
    Row("x-number", "lookup", _jwk(x=1), _WIDTH),
    Row("x-empty", "lookup", _jwk(x=""), _WIDTH),
    Row("point-not-on-the-curve", "lookup", _jwk(x=number(1, 32), y=number(1, 32)), _POINT),
    Row("point-zero", "lookup", _jwk(x=number(0, 32), y=number(0, 32)), _POINT),
    Row("point-beyond-the-field", "lookup", _jwk(x=b64(b"\xff" * 32)), _POINT),
    Row("point-one-bit", "lookup", _coordinate(lambda x: x[:-1] + bytes([x[-1] ^ 1])), _POINT),
    Row("x-with-a-zero-before", "lookup", _coordinate(lambda x: b"\0" + x), _WIDTH),
    Row("x-without-its-zero", "lookup", _short, _WIDTH),
    Row(
        "x-with-padding",
        "lookup",
        lambda r, _: r.but(jwk=r.key.jwk | {"x": r.key.jwk["x"] + "="}),
        must(
            "RFC 8555 6.1",
            "Encoded values that include trailing '=' characters MUST be rejected as improperly encoded.",
        ),
    ),
    Row("x-64-KiB", "lookup", _coordinate(lambda x: x * 2048), _WIDTH),
    Row("duplicate-x", "lookup", _duplicate, _MEMBERS),
    Row("private-member", "lookup", _with_private, _PRIVATE),
    Row("use-enc", "lookup", _jwk(use="enc"), robust("RFC 7517", _USE.sentence)),
    Row(
        "alg-of-another-kind",
        "lookup",
        _jwk(alg="RS256"),
        robust("RFC 7517", 'The "alg" parameter identifies the algorithm intended for use with the key. (4.4)'),
    ),
    Row("rsa-1024-bits", "lookup", _weak_rsa, _RSA, ("badPublicKey", "malformed", "badSignatureAlgorithm")),
    Row(
        "rsa-n-even",
        "lookup",
        lambda r, _: r.but(alg="RS256", jwk={"kty": "RSA", "e": "AQAB", "n": number(1 << 2047, 256)}),
        _PUBLIC,
    ),
    Row(
        "rsa-e-one",
        "lookup",
        lambda r, _: r.but(alg="RS256", jwk={"kty": "RSA", "e": "AQ", "n": b64(b"\xff" * 256)}),
        _PUBLIC,
    ),
    Row(
        "rsa-e-even",
        "lookup",
        lambda r, _: r.but(alg="RS256", jwk={"kty": "RSA", "e": number(65_536, 3), "n": b64(b"\xff" * 256)}),
        _PUBLIC,
    ),
    Row("rsa-e-missing", "lookup", lambda r, _: r.but(alg="RS256", jwk={"kty": "RSA", "n": b64(b"\xff" * 256)}), _KIND),
    Row("rsa-n-zero", "lookup", lambda r, _: r.but(alg="RS256", jwk={"kty": "RSA", "e": "AQAB", "n": "AA"}), _RSA),
    Row(
        "rsa-65536-bits",
        "lookup",
        lambda r, _: r.but(alg="RS256", jwk={"kty": "RSA", "e": "AQAB", "n": b64(b"\xff" * 8192)}),
        _PUBLIC,
    ),
    Row(
        "rsa-e-of-2048-bits",
        "lookup",
        lambda r, _: r.but(alg="RS256", jwk={"kty": "RSA", "e": b64(b"\xff" * 256), "n": b64(b"\xff" * 256)}),
        _PUBLIC,
    ),
    Row(
        "ed25519-of-31-octets",
        "lookup",
        lambda r, _: r.but(alg="EdDSA", jwk={"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(31))}),
        _PUBLIC,
    ),
    Row(
        "x25519",
        "lookup",
        lambda r, _: r.but(alg="EdDSA", jwk={"kty": "OKP", "crv": "X25519", "x": b64(bytes(32))}),
        _PUBLIC,
    ),
)


@pytest.fixture
def stage(server: Server, account: Account, other: Account) -> Stage:
    return Stage(server, account, other)


@table(*_ROWS)
def test_key_is_refused(row: Row, stage: Stage) -> None:
    judge(row, stage)
