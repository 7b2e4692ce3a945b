"""Keys, CSRs and certificates that the probes send, made here by `cryptography`."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable

USAGES = {
    "DigitalSignature": "digital_signature",
    "NonRepudiation": "content_commitment",
    "KeyEncipherment": "key_encipherment",
    "DataEncipherment": "data_encipherment",
    "KeyAgreement": "key_agreement",
    "KeyCertSign": "key_cert_sign",
    "CRLSign": "crl_sign",
    "EncipherOnly": "encipher_only",
    "DecipherOnly": "decipher_only",
}
NOBODY = x509.Name([])
Extensions = tuple[tuple[x509.ExtensionType, bool], ...]


@cache
def key(name: str = "EC_prime256v1") -> Any:
    """Return a key of a kind, the same at each call."""
    if name.startswith("RSA_"):
        return rsa.generate_private_key(65537, int(name[4:]))
    curves: dict[str, ec.EllipticCurve] = {
        "EC_prime256v1": ec.SECP256R1(),
        "EC_secp384r1": ec.SECP384R1(),
        "EC_secp521r1": ec.SECP521R1(),
    }
    return ec.generate_private_key(curves[name])


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a key that nothing else has."""
    return ec.generate_private_key(ec.SECP256R1())


def odd_key(kind: str) -> Any:
    """Return a key of a kind that a careful CA may refuse."""
    if kind == "P-224":
        return ec.generate_private_key(ec.SECP224R1())
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 1024)  # noqa: S505  the weak key is the case


def common_name(text: str) -> x509.Name:
    """Return a name of one attribute."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def csr(name: str | x509.Name = "", extensions: Extensions = (), *, own: Any = None) -> bytes:
    """Make a CSR in PEM, of a host that no other CSR has and of the shared EC key, unless others are given."""
    host = f"{uuid.uuid4().hex[:12]}.example.com" if name == "" else name
    subject = common_name(host) if isinstance(host, str) else host
    builder = x509.CertificateSigningRequestBuilder(subject)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    hash_algorithm = None if isinstance(own, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(own or key(), hash_algorithm).public_bytes(Encoding.PEM)


def broken_csr() -> bytes:
    """Make a CSR whose signature does not fit."""
    request = x509.load_pem_x509_csr(csr("www.example.com"))
    der = bytearray(request.public_bytes(Encoding.DER))
    der[der.index(b"www.example.com")] ^= 0x20
    return x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)


def key_usage(*names: str) -> x509.KeyUsage:
    """Return a KeyUsage of bits that have the API's names."""
    return x509.KeyUsage(**{attribute: name in names for name, attribute in USAGES.items()})


def alternative_names(*names: str) -> x509.SubjectAlternativeName:
    """Return DNS names as an extension."""
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in names])


def ca_extensions(depth: int | None = None) -> Extensions:
    """Return the extensions of a CA certificate with a path length."""
    usage = key_usage("DigitalSignature", "KeyCertSign", "CRLSign")
    return (x509.BasicConstraints(ca=True, path_length=depth), True), (usage, True)


_CA = ca_extensions()


class Outside:
    """A CA that is none of the endpoint's: it signs certificates for CAs there."""

    def __init__(self, extensions: Extensions = _CA) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = common_name(f"Outside {uuid.uuid4().hex[:8]}")
        self.certificate = self._signed(self.name, self.key.public_key(), extensions)

    @property
    def pem(self) -> bytes:
        """Its certificate."""
        return pem(self.certificate)

    def sign(
        self,
        request: str,
        extensions: Extensions = _CA,
        *,
        subject: x509.Name | None = None,
        public_key: Any = None,
        until: timedelta = timedelta(days=20),
        since: timedelta = timedelta(hours=-1),
        identified: bool = True,
    ) -> x509.Certificate:
        """Sign a certificate for a CSR of a CA, with its subject and its key unless others are given."""
        asked = x509.load_pem_x509_csr(request.encode())
        subject, public_key = subject or asked.subject, public_key or asked.public_key()
        return self._signed(subject, public_key, extensions, since, until, identified=identified)

    def sign_for(self, other: Outside) -> x509.Certificate:
        """Sign a certificate for another CA of this kind."""
        return self._signed(other.name, other.key.public_key(), ca_extensions())

    def _signed(
        self,
        subject: x509.Name,
        public_key: Any,
        extensions: Extensions,
        since: timedelta = timedelta(hours=-1),
        until: timedelta = timedelta(days=30),
        *,
        identified: bool = True,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        identifiers: list[tuple[x509.ExtensionType, bool]] = [
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        ]
        if identified:
            identifiers.append((identifier(public_key), False))
        builder = x509.CertificateBuilder(self.name, subject, public_key, x509.random_serial_number())
        builder = builder.not_valid_before(now + since).not_valid_after(now + until)
        for value, critical in (*extensions, *identifiers):
            builder = builder.add_extension(value, critical)
        return builder.sign(self.key, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates in PEM, one after the other."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def read(text: str) -> x509.Certificate:
    """Read a certificate of an answer."""
    return x509.load_pem_x509_certificate(text.encode())


def extension(certificate: Any, oid: str) -> tuple[bool, bytes] | None:
    """Return whether an extension is critical, and the DER of its value; None if it is absent."""
    for each in certificate.extensions:
        if each.oid.dotted_string == oid:
            return each.critical, each.value.public_bytes()
    return None


def identifier(public_key: Any) -> x509.SubjectKeyIdentifier:
    """Return the key identifier by method 1 of RFC 5280 section 4.2.1.2: SHA-1 of the subjectPublicKey's bits."""
    return x509.SubjectKeyIdentifier.from_public_key(public_key)


def oids(extensions: Iterable[Any]) -> list[str]:
    """Return the identifiers of extensions, in their order."""
    return [each.oid.dotted_string for each in extensions]
