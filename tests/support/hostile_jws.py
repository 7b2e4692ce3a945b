"""Requests that an ACME server must refuse: each a JWS that is right but for one thing, the problem and its rule."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import jose
from tests.support.acme_keys import ACCOUNT_URL, CONTENT_TYPE, NONCE, URL, ClientKey, body, key, mac_jws

if TYPE_CHECKING:
    from collections.abc import Callable


class Hostile(NamedTuple):
    """A request and its refusal.

    Attributes:
        build: the bytes of the body.
        type: of the problem.
        rule: a part of the problem's detail.
    """

    build: Callable[[], bytes]
    type: str
    rule: str
    content_type: str = CONTENT_TYPE


def _with(**members: Any) -> Callable[[], bytes]:
    """A request with other or more members of the JWS; None removes one."""
    return lambda: body({name: value for name, value in {**key().request(), **members}.items() if value is not None})


def _header(**parameters: Any) -> Callable[[], bytes]:
    """A request whose header, which is signed, has other or more parameters; None removes one."""

    def build() -> bytes:
        header = {"alg": "ES256", "nonce": NONCE, "url": URL, "jwk": key().jwk, **parameters}
        return body(key().jws({name: value for name, value in header.items() if value is not None}, b""))

    return build


def _raw_header(text: str) -> Callable[[], bytes]:
    """A request whose header is a text in which JWK, NONCE and URL are replaced."""

    def build() -> bytes:
        header = text.replace("JWK", json.dumps(key().jwk)).replace("NONCE", NONCE).replace("URL", URL)
        return body(key().jws(header.encode(), b""))

    return build


def _jwk(of: ClientKey | None = None, **members: Any) -> Callable[[], bytes]:
    """A request whose key has other or more members; None removes one."""

    def build() -> bytes:
        jwk = {**(of or key()).jwk, **members}
        found = {name: value for name, value in jwk.items() if value is not None}
        return body((of or key()).request(jwk=found))

    return build


def _spoiled(name: str, change: Callable[[str], str]) -> Callable[[], bytes]:
    def build() -> bytes:
        request = key().request({"a": 1})
        return body({**request, name: change(request[name])})

    return build


def _hs256_with_the_public_key() -> bytes:
    header = {"alg": "HS256", "nonce": NONCE, "url": URL, "jwk": key().jwk}
    return body(mac_jws(json.dumps(key().jwk).encode(), header, {}))


def _unsigned(alg: str) -> Callable[[], bytes]:
    def build() -> bytes:
        header = {"alg": alg, "nonce": NONCE, "url": URL, "jwk": key().jwk}
        return body({"protected": jose.encode(json.dumps(header).encode()), "payload": "", "signature": ""})

    return build


def _der_signature() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    request = key().request()
    raw = jose.decode(request["signature"])
    r, s = (int.from_bytes(part, "big") for part in (raw[:32], raw[32:]))
    return body({**request, "signature": jose.encode(encode_dss_signature(r, s))})


def _signed_by_another_key() -> bytes:
    return body(key(name="another").request(jwk=key().jwk))


def _number(value: int) -> str:
    return jose.encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _rsa(change: Callable[[bytes], bytes] = bytes, **members: Any) -> Callable[[], bytes]:
    """A request by an RSA key with a changed modulus, or other members."""

    def build() -> bytes:
        modulus = jose.encode(change(jose.decode(key("RS256").jwk["n"])))
        return _jwk(key("RS256"), **{"n": modulus, **members})()

    return build


MALFORMED, ALGORITHM, KEY = "malformed", "badSignatureAlgorithm", "badPublicKey"
ORDER_8 = jose.encode(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
HOSTILE: dict[str, Hostile] = {
    # the body
    "no body": Hostile(lambda: b"", MALFORMED, "not JSON"),
    "plain JSON type": Hostile(_with(), MALFORMED, "Content-Type", "application/json"),
    "no content type": Hostile(_with(), MALFORMED, "Content-Type", ""),
    "oversized": Hostile(_with(payload="A" * 65_536), MALFORMED, "65536 bytes"),
    "not UTF-8": Hostile(lambda: b'{"protected":"\xff"}', MALFORMED, "UTF-8"),
    "UTF-16": Hostile(lambda: _with()().decode().encode("utf-16"), MALFORMED, "UTF-8"),
    "byte order mark": Hostile(lambda: b"\xef\xbb\xbf" + _with()(), MALFORMED, "not JSON"),
    "compact serialization": Hostile(lambda: ".".join(key().request().values()).encode(), MALFORMED, "not JSON"),
    "an array": Hostile(lambda: body([key().request()]), MALFORMED, "not a JSON object"),
    "two documents": Hostile(lambda: _with()() * 2, MALFORMED, "not JSON"),
    "nested deeply": Hostile(lambda: b'{"payload":' + b"[" * 9000 + b"]" * 9000 + b"}", MALFORMED, "deep"),
    "duplicate payload": Hostile(lambda: b'{"payload":"",' + _with()()[1:], MALFORMED, "twice"),
    "duplicate payload in escapes": Hostile(lambda: b'{"p\\u0061yload":"",' + _with()()[1:], MALFORMED, "twice"),
    # members
    "no signature": Hostile(_with(signature=None), MALFORMED, "must have the members"),
    "no payload": Hostile(_with(payload=None), MALFORMED, "must have the members"),
    "no protected header": Hostile(_with(protected=None), MALFORMED, "must have the members"),
    "unprotected header": Hostile(_with(header={"kid": ACCOUNT_URL}), MALFORMED, "must have the members"),
    "empty unprotected header": Hostile(_with(header={}), MALFORMED, "must have the members"),
    "general serialization": Hostile(_with(signature=None, signatures=[]), MALFORMED, "must have the members"),
    "both serializations": Hostile(_with(signatures=[]), MALFORMED, "must have the members"),
    "payload of JSON": Hostile(_with(payload={}), MALFORMED, "payload of the JWS is malformed"),
    "payload of null": Hostile(lambda: body({**key().request(), "payload": None}), MALFORMED, "base64url"),
    "protected header of JSON": Hostile(_with(protected={"alg": "ES256"}), MALFORMED, "base64url"),
    # base64url
    "padded": Hostile(_spoiled("payload", lambda text: text + "=" * (-len(text) % 4)), MALFORMED, "base64url"),
    "line break": Hostile(_spoiled("payload", lambda text: text + "\n"), MALFORMED, "base64url"),
    "standard alphabet": Hostile(_spoiled("signature", lambda _: "+/+/"), MALFORMED, "base64url"),
    "bits left over": Hostile(_spoiled("signature", lambda text: text[:-1] + "B"), MALFORMED, "bits left over"),
    "impossible length": Hostile(_spoiled("payload", lambda _: "AAAAA"), MALFORMED, "base64url"),
    # the header's JSON
    "empty protected header": Hostile(_with(protected=""), MALFORMED, "not JSON"),
    "header of an array": Hostile(_raw_header("[]"), MALFORMED, "not a JSON object"),
    "header too long": Hostile(_header(typ="x" * 8192), MALFORMED, "8192 bytes"),
    "alg twice": Hostile(
        _raw_header('{"alg":"none","alg":"ES256","nonce":"NONCE","url":"URL","jwk":JWK}'), MALFORMED, "twice"
    ),
    "url twice": Hostile(
        _raw_header('{"alg":"ES256","nonce":"NONCE","url":"URL","url":"URL","jwk":JWK}'), MALFORMED, "twice"
    ),
    "crv twice in the key": Hostile(
        _raw_header('{"alg":"ES256","nonce":"NONCE","url":"URL","jwk":{"crv":"P-256","crv":"P-384"}}'),
        *(MALFORMED, "twice"),
    ),
    "NaN": Hostile(_raw_header('{"alg":"ES256","nonce":"NONCE","url":"URL","jwk":JWK,"x":NaN}'), MALFORMED, "NaN"),
    "half a character": Hostile(_header(typ="\ud800"), MALFORMED, "surrogate"),
    # algorithms
    "no alg": Hostile(_header(alg=None), MALFORMED, "alg"),
    "alg of a list": Hostile(_header(alg=["ES256"]), MALFORMED, "alg"),
    "alg none": Hostile(_unsigned("none"), ALGORITHM, "ES256"),
    "alg None": Hostile(_unsigned("None"), ALGORITHM, "ES256"),
    "empty alg": Hostile(_unsigned(""), ALGORITHM, "ES256"),
    "alg of other letters": Hostile(_header(alg="es256"), ALGORITHM, "ES256"),
    "HS256 with the public key": Hostile(_hs256_with_the_public_key, ALGORITHM, "ES256"),
    "HS512": Hostile(_header(alg="HS512"), ALGORITHM, "ES256"),
    "RS1": Hostile(_header(alg="RS1"), ALGORITHM, "ES256"),
    "PS256": Hostile(_header(alg="PS256"), ALGORITHM, "ES256"),
    "ES256K": Hostile(_header(alg="ES256K"), ALGORITHM, "ES256"),
    "ES384 with a key on P-256": Hostile(_header(alg="ES384"), ALGORITHM, "does not fit"),
    "RS256 with a key on P-256": Hostile(_header(alg="RS256"), ALGORITHM, "does not fit"),
    "ES256 with an RSA key": Hostile(lambda: body(key("RS256").request(alg="ES256")), ALGORITHM, "signs with RS256"),
    "EdDSA with a key on P-256": Hostile(_header(alg="EdDSA"), ALGORITHM, "does not fit"),
    # header parameters
    "crit": Hostile(_header(crit=["exp"]), MALFORMED, "crit"),
    "empty crit": Hostile(_header(crit=[]), MALFORMED, "crit"),
    "b64 false": Hostile(_header(b64=False, crit=["b64"]), MALFORMED, "crit"),
    "b64 without crit": Hostile(_header(b64=False), MALFORMED, "b64"),
    "jku": Hostile(_header(jku="https://evil.example.test/keys"), MALFORMED, "jku"),
    "x5u": Hostile(_header(x5u="https://evil.example.test/certificate"), MALFORMED, "x5u"),
    "x5c": Hostile(_header(x5c=[base64.b64encode(b"0").decode()]), MALFORMED, "x5c"),
    "x5t": Hostile(_header(**{"x5t#S256": "AA"}), MALFORMED, "x5t#S256"),
    "no nonce": Hostile(_header(nonce=None), "badNonce", "nonce"),
    "empty nonce": Hostile(_header(nonce=""), MALFORMED, "nonce"),
    "nonce of other characters": Hostile(_header(nonce="a b"), MALFORMED, "nonce"),
    "nonce of a number": Hostile(_header(nonce=1), MALFORMED, "nonce"),
    "nonce too long": Hostile(_header(nonce="A" * 2052), MALFORMED, "nonce"),
    "no url": Hostile(_header(url=None), MALFORMED, "url"),
    "url of a list": Hostile(_header(url=[URL]), MALFORMED, "url"),
    "url of another resource": Hostile(_header(url=URL + "/"), "unauthorized", "url"),
    "url of another host": Hostile(_header(url=URL.replace("ca.", "evil.")), "unauthorized", "url"),
    "url in other letters": Hostile(_header(url=URL.upper()), "unauthorized", "url"),
    "url with a fragment": Hostile(_header(url=URL + "#"), "unauthorized", "url"),
    # which key
    "neither jwk nor kid": Hostile(_header(jwk=None), MALFORMED, "either jwk or kid"),
    "both jwk and kid": Hostile(_header(kid=ACCOUNT_URL), MALFORMED, "either jwk or kid"),
    "jwk of null": Hostile(
        _raw_header('{"alg":"ES256","nonce":"NONCE","url":"URL","jwk":null}'), MALFORMED, "JSON object"
    ),
    "jwk of text": Hostile(_header(jwk="{}"), MALFORMED, "JSON object"),
    "kid of a number": Hostile(_header(jwk=None, kid=1), MALFORMED, "kid"),
    "empty kid": Hostile(_header(jwk=None, kid=""), MALFORMED, "kid"),
    # keys
    "empty jwk": Hostile(_header(jwk={}), KEY, "kty"),
    "octet key": Hostile(_header(jwk={"kty": "oct", "k": "AAAA"}), KEY, "kty"),
    "kty of a list": Hostile(_jwk(kty=["EC"]), KEY, "kty"),
    "private key": Hostile(lambda: body(key().request(jwk=key().private_jwk)), KEY, "member d"),
    "RSA with a prime": Hostile(_rsa(p="Aw"), KEY, "member p"),
    "key for encryption": Hostile(_jwk(use="enc"), KEY, "use"),
    "unknown curve": Hostile(_jwk(crv="secp256k1"), KEY, "crv"),
    "curve of another size": Hostile(_jwk(crv="P-521"), KEY, "66 octets"),
    "no y": Hostile(_jwk(y=None), KEY, "members"),
    "y of a number": Hostile(_jwk(y=5), KEY, "members"),
    "point off the curve": Hostile(_jwk(y=jose.encode(b"\1" * 32)), KEY, "off its curve"),
    "point at infinity": Hostile(_jwk(x=jose.encode(bytes(32)), y=jose.encode(bytes(32))), KEY, "off its curve"),
    "coordinate beyond the field": Hostile(_jwk(x=jose.encode(b"\xff" * 32)), KEY, "off its curve"),
    "short coordinate": Hostile(_jwk(x=jose.encode(b"\1" * 31)), KEY, "32 octets"),
    "long coordinate": Hostile(_jwk(x=jose.encode(b"\0" + b"\1" * 32)), KEY, "32 octets"),
    "padded coordinate": Hostile(
        lambda: body(key().request(jwk={**key().jwk, "x": key().jwk["x"] + "="})), KEY, "x of"
    ),
    "X25519": Hostile(_jwk(key("EdDSA"), crv="X25519"), KEY, "crv"),
    "Ed25519 point of small order": Hostile(_jwk(key("EdDSA"), x=jose.encode(b"\1" + bytes(31))), KEY, "Ed25519"),
    "Ed25519 point of order 4": Hostile(_jwk(key("EdDSA"), x=jose.encode(bytes(32))), KEY, "Ed25519"),
    "Ed25519 point of order 8": Hostile(_jwk(key("EdDSA"), x=ORDER_8), KEY, "Ed25519"),
    "Ed25519 point off the curve": Hostile(_jwk(key("EdDSA"), x=jose.encode(b"\2" + bytes(31))), KEY, "Ed25519"),
    "Ed25519 point not canonical": Hostile(_jwk(key("EdDSA"), x=jose.encode(b"\xff" * 32)), KEY, "Ed25519"),
    "RSA of 1024 bits": Hostile(_rsa(n=_number((1 << 1023) + 1)), KEY, "2048 to 4096 bits"),
    "RSA of 4104 bits": Hostile(_rsa(n=_number((1 << 4103) + 1)), KEY, "2048 to 4096 bits"),
    "RSA of 6,000 characters": Hostile(_rsa(n="A" * 6000), KEY, "members"),
    "RSA modulus with a leading zero": Hostile(_rsa(lambda octets: b"\0" + octets), KEY, "zero"),
    "empty RSA modulus": Hostile(_rsa(n=""), KEY, "zero"),
    "even RSA modulus": Hostile(_rsa(lambda octets: octets[:-1] + b"\0"), KEY, "factor"),
    "RSA modulus that is a square": Hostile(_rsa(n=_number(((1 << 1031) + 1061) ** 2)), KEY, "RSA"),
    "RSA exponent 1": Hostile(_rsa(e="AQ"), KEY, "exponent"),
    "even RSA exponent": Hostile(_rsa(e=_number(65536)), KEY, "exponent"),
    "huge RSA exponent": Hostile(_rsa(e=_number((1 << 64) + 1)), KEY, "exponent"),
    # signatures
    "empty signature": Hostile(_with(signature=""), MALFORMED, "does not verify"),
    "signature of zeros": Hostile(_with(signature=jose.encode(bytes(64))), MALFORMED, "does not verify"),
    "signature in DER": Hostile(_der_signature, MALFORMED, "does not verify"),
    "signature too long": Hostile(_spoiled("signature", lambda text: text[:-2] + "AAAA"), MALFORMED, "does not verify"),
    "signature of another key": Hostile(_signed_by_another_key, MALFORMED, "does not verify"),
    "another payload": Hostile(_with(payload=jose.encode(b'{"a":2}')), MALFORMED, "does not verify"),
    "respelled header": Hostile(
        _spoiled("protected", lambda text: jose.encode(jose.decode(text).replace(b'": ', b'":'))),
        *(MALFORMED, "does not verify"),
    ),
}
