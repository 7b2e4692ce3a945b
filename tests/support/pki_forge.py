"""CSRs made element by element, so that a test can break exactly one of them, and keys of every kind."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.pki.asn1 import der, oids, pem
from chalicelib.pki.x509 import algorithms, extensions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.pki.x509.extensions import Extension

EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
COMMON_NAME = "2.5.4.3"
ECDSA_SHA256 = algorithms.SIGNING_ALGORITHMS["SHA256WITHECDSA"].identifier_der
RSA_SHA256 = algorithms.SIGNING_ALGORITHMS["SHA256WITHRSA"].identifier_der
UTF8 = der.UTF8_STRING


def key(kind: str = "P-256") -> Any:
    """A private key of a kind, made once."""
    return _key(kind)


@cache
def _key(kind: str) -> Any:
    curves: dict[str, Any] = {
        "P-256": ec.SECP256R1,
        "P-384": ec.SECP384R1,
        "P-521": ec.SECP521R1,
        "K-256": ec.SECP256K1,
    }
    if kind in curves:
        return ec.generate_private_key(curves[kind]())
    ml_dsa: dict[str, Any] = {
        "ML-DSA-44": mldsa.MLDSA44PrivateKey,
        "ML-DSA-65": mldsa.MLDSA65PrivateKey,
        "ML-DSA-87": mldsa.MLDSA87PrivateKey,
    }
    if kind in ml_dsa:
        return ml_dsa[kind].generate()
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "DSA":
        return dsa.generate_private_key(2048)
    return rsa.generate_private_key(65537, int(kind.removeprefix("RSA-")))


def spki(kind: str = "P-256") -> bytes:
    """The SubjectPublicKeyInfo of such a key."""
    encoded: bytes = key(kind).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def attribute(content: bytes, *, oid: str = COMMON_NAME, tag: int = UTF8) -> bytes:
    """An AttributeTypeAndValue."""
    return der.sequence(der.oid(oid), der.tlv(tag, content))


def name(*attributes: bytes) -> bytes:
    """A Name with one attribute in each RDN."""
    return der.sequence(*(der.tlv(der.SET, each) for each in attributes))


def common(text: str | bytes = "leaf.example.com", *, tag: int = UTF8) -> bytes:
    """A Name of one common name."""
    return name(attribute(text if isinstance(text, bytes) else text.encode(), tag=tag))


def extension(oid: str, value_der: bytes, *, critical: bool = False) -> Extension:
    """An Extension."""
    return extensions.Extension(oid, critical, value_der)


def alternative_names(*names: bytes) -> Extension:
    """SubjectAlternativeName of encoded GeneralNames."""
    return extension(oids.SUBJECT_ALTERNATIVE_NAME, der.sequence(*names))


def dns(text: str) -> bytes:
    """A dNSName."""
    return der.tlv(0x82, text.encode())


def request_attribute(*requested: bytes) -> bytes:
    """An extensionRequest with these encoded extensions."""
    return der.sequence(der.oid(EXTENSION_REQUEST), der.tlv(der.SET, der.sequence(*requested)))


def info(
    *,
    version: bytes = der.integer(0),
    subject: bytes | None = None,
    spki_der: bytes | None = None,
    attributes: bytes | None = b"",
    requested: Sequence[Extension] = (),
) -> bytes:
    """A CertificationRequestInfo."""
    if requested:
        attributes = request_attribute(*(each.der for each in requested))
    return der.sequence(
        version,
        common() if subject is None else subject,
        spki() if spki_der is None else spki_der,
        b"" if attributes is None else der.tlv(0xA0, attributes),
    )


def csr(
    kind: str = "P-256",
    *,
    hash_algorithm: hashes.HashAlgorithm | None = None,
    identifier: bytes | None = None,
    tbs: bytes | None = None,
    signature: bytes | None = None,
    **members: Any,
) -> bytes:
    """A CSR in DER, signed by the key of its kind."""
    members.setdefault("spki_der", spki(kind))
    tbs = info(**members) if tbs is None else tbs
    hash_algorithm = hash_algorithm or hashes.SHA256()
    private_key = key(kind)
    if signature is not None:
        pass
    elif isinstance(private_key, rsa.RSAPrivateKey):
        signature = private_key.sign(tbs, padding.PKCS1v15(), hash_algorithm)
    elif isinstance(private_key, ec.EllipticCurvePrivateKey):
        signature = private_key.sign(tbs, ec.ECDSA(hash_algorithm))
    elif isinstance(private_key, dsa.DSAPrivateKey):
        signature = private_key.sign(tbs, hash_algorithm)
    else:
        signature = private_key.sign(tbs)
    default = RSA_SHA256 if kind.startswith("RSA") else ECDSA_SHA256
    if kind.startswith("ML-DSA"):
        default = algorithms.SIGNING_ALGORITHMS[kind.replace("-", "_")].identifier_der
    return der.sequence(tbs, default if identifier is None else identifier, der.bit_string(signature or b""))


def with_unused_bit(make: Callable[[], bytes]) -> bytes:
    """What `make` signs anew each time, but its signature counts its last bit, a zero, as unused."""
    made = next(each for each in iter(make, b"") if not each[-1] & 1)
    at = der.read(made).children()[-1].content_start
    return made[:at] + b"\x01" + made[at + 1 :]


def armored(csr_der: bytes, label: str = "CERTIFICATE REQUEST") -> bytes:
    """PEM."""
    return pem.encode(csr_der, label).encode()
