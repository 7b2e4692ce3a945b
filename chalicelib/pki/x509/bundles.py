"""PKCS #7 files (`.p7b`): certificates in no order, as Windows and many CAs give them away.

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


def is_bundle(given: bytes) -> bool:
    """Whether this is PKCS #7, in PEM or DER, and not certificates as they are."""
    heads = [b"-----BEGIN %s-----" % label.encode() for label in _LABELS]
    return _SIGNED_DATA in given[: _LONGEST_HEAD + len(_SIGNED_DATA)] or any(head in given for head in heads)


def certificates(given: bytes) -> list[bytes]:
    """The certificates of a PKCS #7 file, each in DER.

    Raises:
        DerError: its PEM is broken.
        CertificateParseError: it cannot be read, or has none.
    """
    encoded = [der for label, der in pem.blocks(given) if label in _LABELS] if b"-----BEGIN" in given else [given]
    try:
        found = [each for der in encoded for each in pkcs7.load_der_pkcs7_certificates(der)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateParseError("The PKCS #7 file cannot be read.") from error
    if not found:
        raise CertificateParseError("The PKCS #7 file has no certificate.")
    return [each.public_bytes(Encoding.DER) for each in found]


def of_key(certificates_der: Sequence[bytes], spki_der: bytes) -> bytes | None:
    """The first certificate of a key.

    Raises:
        CertificateParseError: one of them does not parse.
    """
    return next((each for each in certificates_der if parse_certificate(each).spki_der == spki_der), None)


def above(certificate_der: bytes, others_der: Sequence[bytes]) -> list[bytes]:
    """The chain of a certificate by names alone, from its issuer upwards, as far as there is one; nothing is verified.

    Raises:
        CertificateParseError: one of them does not parse.
    """
    by_subject = {parse_certificate(each).subject_der: each for each in others_der if each != certificate_der}
    chain = [certificate_der]
    while issuer_der := by_subject.pop(parse_certificate(chain[-1]).issuer_der, None):
        chain.append(issuer_der)
    return chain[1:]
