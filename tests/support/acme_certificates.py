"""Certificates of tls-alpn-01 (RFC 8737 section 3), right ones and wrong ones."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Sequence

ACME_TLS_1 = "acme-tls/1"
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
_START = datetime(2020, 1, 1, tzinfo=UTC)


@cache
def key_number(_: int) -> ec.EllipticCurvePrivateKey:
    """A key of P-256, one for each number in a process."""
    return ec.generate_private_key(ec.SECP256R1())


def acme_identifier(key_authorization: str) -> bytes:
    """The value of id-pe-acmeIdentifier: an OCTET STRING with the SHA-256 of the key authorization."""
    return b"\x04\x20" + hashlib.sha256(key_authorization.encode()).digest()


def general_name(name: str) -> x509.GeneralName:
    """A dNSName, or an iPAddress if the text is an address."""
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def validation_certificate(
    name: str,
    key_authorization: str,
    *,
    names: Sequence[x509.GeneralName] | None = None,
    identifier: bytes | None = None,
    critical: bool = True,
    subject: str = "ACME challenge",
    issuer: str = "",
    signer: Any = None,
) -> tuple[bytes, bytes]:
    """Make a certificate and its key, as PEM; each argument with a default makes one thing wrong.

    Args:
        name: the identifier.
        key_authorization: of the challenge.
        names: subject alternative names; none: the identifier alone.
        identifier: the value of id-pe-acmeIdentifier; empty: the extension is left out.
        critical: whether id-pe-acmeIdentifier is critical.
        subject: common name.
        issuer: common name; empty: the subject's.
        signer: the key that signs; none: its own.
    """
    own = key_number(1)
    entries = [general_name(name)] if names is None else names
    value = acme_identifier(key_authorization) if identifier is None else identifier
    builder = (
        x509.CertificateBuilder()
        .subject_name(_common_name(subject))
        .issuer_name(_common_name(issuer or subject))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_START)
        .not_valid_after(_START + timedelta(days=36500))
    )
    if entries:
        builder = builder.add_extension(x509.SubjectAlternativeName(entries), critical=False)
    if value:
        builder = builder.add_extension(x509.UnrecognizedExtension(ACME_IDENTIFIER, value), critical=critical)
    certificate = builder.sign(signer or own, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM), own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
