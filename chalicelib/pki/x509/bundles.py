"""PKCS #7 files (`.p7b`): certificates in any order, as Windows and many CAs export them.

Source: RFC 2315 section 9.1; RFC 5652 section 5.1; RFC 7468 sections 8 and 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from chalicelib.pki.asn1 import pem
from chalicelib.pki.errors import CertificateParseError
from chalicelib.pki.x509.reading import parse_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")  # its content type, right behind the head of the first SEQUENCE
_LABELS = frozenset({"PKCS7", "CMS"})
_LONGEST_HEAD = 6


def is_bundle(file: bytes) -> bool:
    """Tell PKCS #7, in PEM or DER, from plain certificates."""
    heads = [b"-----BEGIN %s-----" % label.encode() for label in _LABELS]
    return _SIGNED_DATA in file[: _LONGEST_HEAD + len(_SIGNED_DATA)] or any(head in file for head in heads)


def certificates(file: bytes) -> list[bytes]:
    """Read the certificates of a PKCS #7 file, each in DER.

    Raises:
        DerError: its PEM is broken.
        CertificateParseError: it cannot be read, or has none.
    """
    encoded = [der for label, der in pem.blocks(file) if label in _LABELS] if b"-----BEGIN" in file else [file]
    try:
        loaded = [certificate for der in encoded for certificate in pkcs7.load_der_pkcs7_certificates(der)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateParseError("The PKCS #7 file cannot be read.") from error
    if not loaded:
        raise CertificateParseError("The PKCS #7 file has no certificate.")
    return [certificate.public_bytes(Encoding.DER) for certificate in loaded]


def of_key(certificates_der: Sequence[bytes], spki_der: bytes) -> bytes | None:
    """Find the first certificate of a key.

    Raises:
        CertificateParseError: one of them does not parse.
    """
    return next((encoded for encoded in certificates_der if parse_certificate(encoded).spki_der == spki_der), None)


def above(certificate_der: bytes, others_der: Sequence[bytes]) -> list[bytes]:
    """Find the chain of a certificate by names alone, from its issuer upwards; nothing is verified.

    Raises:
        CertificateParseError: one of them does not parse.
    """
    by_subject = {parse_certificate(other).subject_der: other for other in others_der if other != certificate_der}
    chain = [certificate_der]
    while issuer_der := by_subject.pop(parse_certificate(chain[-1]).issuer_der, None):
        chain.append(issuer_der)
    return chain[1:]
