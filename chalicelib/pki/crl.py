"""CRLs: entries are encoded once, when they are revoked; a CRL is then a join, a hash and a signature.

Source: RFC 5280 section 5; AWS Private CA User Guide, "Planning a certificate revocation list (CRL)".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from chalicelib.pki import algorithms, der, extensions
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from chalicelib.pki.certificate import Issuer

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
_CODES = {
    x509.ReasonFlags.unspecified: 0,
    x509.ReasonFlags.key_compromise: 1,
    x509.ReasonFlags.ca_compromise: 2,
    x509.ReasonFlags.affiliation_changed: 3,
    x509.ReasonFlags.superseded: 4,
    x509.ReasonFlags.cessation_of_operation: 5,
    x509.ReasonFlags.certificate_hold: 6,
    x509.ReasonFlags.remove_from_crl: 8,
    x509.ReasonFlags.privilege_withdrawn: 9,
    x509.ReasonFlags.aa_compromise: 10,
}
_ENUMERATED = 0x0A


def encode_entry(serial_number: int, revoked_at: datetime, reason: str) -> bytes:
    """One element of revokedCertificates; `reason` is AWS's name.

    Raises:
        ArgumentError: there is no such reason.
    """
    code = REASON_CODES.get(reason)
    if code is None:
        raise ArgumentError(f"There is no revocation reason {reason}.")
    return _entry(serial_number, revoked_at, code)


def _entry(serial_number: int, revoked_at: datetime, code: int) -> bytes:
    extension = b""
    if code:
        value = der.tlv(_ENUMERATED, bytes((code,)))
        extension = der.sequence(Extension(extensions.REASON_CODE, critical=False, value_der=value).der)
    return der.sequence(der.integer(serial_number), der.time(revoked_at), extension)


def entry_of(revoked: x509.RevokedCertificate) -> bytes:
    """The element of revokedCertificates that was parsed, with its reason and no other extension."""
    code = 0
    for extension in revoked.extensions:
        if isinstance(extension.value, x509.CRLReason):
            code = _CODES[extension.value.reason]
    return _entry(revoked.serial_number, revoked.revocation_date_utc, code)


def entries_of(crl_der: bytes) -> dict[int, bytes]:
    """The elements of revokedCertificates by serial number, as they are encoded.

    Raises:
        DerError: it is not strict DER.
    """
    tbs = next(der.read(crl_der).children())
    members = [each for each in tbs.children() if each.tag == der.SEQUENCE]
    if len(members) < 3:  # algorithm, issuer, and nothing revoked
        return {}
    return {der.unsigned(next(each.children()), "A serial number"): each.der for each in members[2].children()}


def build_crl_tbs(
    *,
    issuer: Issuer,
    signing_algorithm: str,
    crl_number: int,
    this_update: datetime,
    next_update: datetime,
    entries: Iterable[bytes],
    scope: str = "",
) -> bytes:
    """The TBSCertList of a CRL, version 2, with AuthorityKeyIdentifier and CRLNumber.

    `scope` is the CDP of the certificates that it tells of, for a critical IssuingDistributionPoint; a complete CRL
    has none.
    """
    joined = b"".join(entries)
    own = [extensions.authority_key_identifier(issuer.key_identifier), extensions.crl_number(crl_number)]
    if scope:
        own.append(extensions.issuing_distribution_point(scope))
    return der.sequence(
        der.integer(1),
        algorithms.SIGNING_ALGORITHMS[signing_algorithm].identifier_der,
        issuer.name_der,
        der.time(this_update),
        der.time(next_update),
        der.sequence(joined) if joined else b"",
        der.tlv(0xA0, extensions.encode_extensions(own)),
    )
