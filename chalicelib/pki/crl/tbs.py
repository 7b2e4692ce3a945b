"""The TBSCertList: entries are encoded once, at revocation; a CRL joins them, and costs a hash and a signature.

Source: RFC 5280 section 5; AWS Private CA User Guide, "Planning a certificate revocation list (CRL)".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.pki.asn1 import der, oids, times
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.x509 import algorithms, extensions
from chalicelib.pki.x509.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from chalicelib.pki.x509.issuer import Issuer

# Zero is left out of entries (RFC 5280 section 5.3.1).
REASON_CODES = {
    "UNSPECIFIED": 0,
    "KEY_COMPROMISE": 1,
    "CERTIFICATE_AUTHORITY_COMPROMISE": 2,
    "AFFILIATION_CHANGED": 3,
    "SUPERSEDED": 4,
    "CESSATION_OF_OPERATION": 5,
    "PRIVILEGE_WITHDRAWN": 9,
    "A_A_COMPROMISE": 10,
}
_REASONS = {code: name for name, code in REASON_CODES.items()}
_ENUMERATED = 0x0A


def encode_entry(serial_number: int, revoked_at: datetime, reason: str) -> bytes:
    """Encode an element of revokedCertificates; `reason` is AWS's name.

    Raises:
        ArgumentError: there is no such reason.
    """
    code = REASON_CODES.get(reason)
    if code is None:
        raise ArgumentError(f"There is no revocation reason {reason}.")
    extension = b""
    if code:
        value = der.tlv(_ENUMERATED, bytes((code,)))
        extension = der.sequence(Extension(oids.REASON_CODE, critical=False, value_der=value).der)
    return der.sequence(der.integer(serial_number), times.encode(revoked_at), extension)


def decode_entry(entry_der: bytes) -> tuple[datetime, str]:
    """Read when a certificate was revoked, and AWS's name of the reason, from an entry of this module.

    Raises:
        DerError: it is not an entry.
    """
    _, moment, *present = der.read(entry_der).children()
    code = 0
    for extension in (extension for sequence in present for extension in sequence.children()):
        oid, *_, value = extension.children()
        if der.oid_text(oid) == oids.REASON_CODE:
            code = der.read(value.content).content[0]
    return times.decode(moment), _REASONS.get(code, "UNSPECIFIED")


def serial_content(serial_number: int) -> bytes:
    """The content of a serial number's INTEGER."""
    return der.read(der.integer(serial_number)).content


def build_crl_tbs(
    *,
    issuer: Issuer,
    signing_algorithm: str,
    crl_number: int,
    this_update: datetime,
    next_update: datetime,
    entries: Iterable[bytes | memoryview],
    scope: str = "",
) -> bytes:
    """Build the TBSCertList of a CRL, version 2, with AuthorityKeyIdentifier and CRLNumber.

    `scope` is the distribution point in the certificates that a partition covers, for a critical
    IssuingDistributionPoint; a complete CRL has none.
    """
    pieces = [entry for entry in entries if entry]
    crl_extensions = [extensions.authority_key_identifier(issuer.key_identifier), extensions.crl_number(crl_number)]
    if scope:
        crl_extensions.append(extensions.issuing_distribution_point(scope))
    return der.sequence(
        der.integer(1),
        algorithms.SIGNING_ALGORITHMS[signing_algorithm].identifier_der,
        issuer.name_der,
        times.encode(this_update),
        times.encode(next_update),
        *(der.pieces(der.SEQUENCE, pieces) if pieces else ()),
        der.tlv(0xA0, extensions.encode_extensions(crl_extensions)),
    )
