"""JSON Web Signatures, right and wrong: every step from header to body can be replaced."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Callable

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_CURVES: dict[str, tuple[ec.EllipticCurve, str, hashes.HashAlgorithm]] = {
    "ES256": (ec.SECP256R1(), "P-256", hashes.SHA256()),
    "ES384": (ec.SECP384R1(), "P-384", hashes.SHA384()),
    "ES512": (ec.SECP521R1(), "P-521", hashes.SHA512()),
    "ES256K": (ec.SECP256K1(), "secp256k1", hashes.SHA256()),
}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def number(value: int, octets: int) -> str:
    return b64(value.to_bytes(octets, "big"))


@dataclass(frozen=True)
class Key:
    """A private key and the JWS algorithm that it is used with."""

    alg: str
    private: PrivateKey

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public key, with its members in the order of RFC 7638."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            point = self.private.public_key().public_numbers()
            octets = (self.private.key_size + 7) // 8
            curve = next(name for each, name, _ in _CURVES.values() if each.name == self.private.curve.name)
            return {"crv": curve, "kty": "EC", "x": number(point.x, octets), "y": number(point.y, octets)}
        if isinstance(self.private, rsa.RSAPrivateKey):
            found = self.private.public_key().public_numbers()
            return {
                "e": number(found.e, (found.e.bit_length() + 7) // 8),
                "kty": "RSA",
                "n": number(found.n, (found.n.bit_length() + 7) // 8),
            }
        return {"crv": "Ed25519", "kty": "OKP", "x": b64(self.private.public_key().public_bytes_raw())}

    @cached_property
    def thumbprint(self) -> str:
        return b64(hashlib.sha256(dumps(self.jwk)).digest())

    def sign(self, data: bytes) -> bytes:
        """Return the signature as RFC 7518 and 8037 encode it."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        r, s = decode_dss_signature(self.sign_der(data))
        octets = (self.private.key_size + 7) // 8
        return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")

    def sign_der(self, data: bytes) -> bytes:
        """Return an ECDSA signature in DER, as JWS does not want it."""
        assert isinstance(self.private, ec.EllipticCurvePrivateKey)
        return self.private.sign(data, ec.ECDSA(_CURVES[self.alg][2]))


def generate(alg: str = "ES256", *, bits: int = 2048) -> Key:
    if alg == "RS256":
        return Key(alg, rsa.generate_private_key(65537, bits))
    if alg == "EdDSA":
        return Key(alg, ed25519.Ed25519PrivateKey.generate())
    return Key(alg, ec.generate_private_key(_CURVES[alg][0]))


@dataclass(frozen=True)
class Request:
    """A request on its way to the server: each member that is a function is a step that a case may replace."""

    url: str
    key: Key
    header: dict[str, Any]
    payload: bytes
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/jose+json"})
    header_text: Callable[[Any], bytes] = dumps
    encode_header: Callable[[bytes], str] = b64
    encode_payload: Callable[[bytes], str] = b64
    sign: Callable[[bytes], bytes] | None = None
    encode_signature: Callable[[bytes], str] = b64
    finish: Callable[[dict[str, Any]], Any] = lambda jws: jws
    write: Callable[[Any], bytes] = dumps

    def jws(self) -> dict[str, Any]:
        protected = self.encode_header(self.header_text(self.header))
        payload = self.encode_payload(self.payload)
        signature = (self.sign or self.key.sign)(f"{protected}.{payload}".encode("utf-8", "surrogatepass"))
        return {"protected": protected, "payload": payload, "signature": self.encode_signature(signature)}

    def body(self) -> bytes:
        return b"" if self.method in {"GET", "HEAD"} else self.write(self.finish(self.jws()))

    def but(self, **header: Any) -> Request:
        """Return the request with other members in its header; None removes one."""
        merged = {name: value for name, value in (self.header | header).items() if value is not None}
        return replace(self, header=merged)


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


def binding(kid: str, secret: bytes, jwk: Any, url: str, /, **header: Any) -> dict[str, Any]:
    """Return the JWS of section 7.3.4, by which an account elsewhere approves of the key."""
    wanted = {"alg": "HS256", "kid": kid, "url": url} | header
    wanted = {name: value for name, value in wanted.items() if value is not None}
    protected, payload = b64(dumps(wanted)), b64(dumps(jwk))
    mac = hs256(secret)(f"{protected}.{payload}".encode())
    return {"protected": protected, "payload": payload, "signature": b64(mac)}
