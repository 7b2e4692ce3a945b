"""CRLs: entries are encoded once, when they are revoked; a CRL is then a join, a hash and a signature.

Source: RFC 5280 section 5; AWS Private CA User Guide, "Planning a certificate revocation list (CRL)".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.pki import algorithms, der, extensions
from chalicelib.pki.errors import DerError
from chalicelib.pki.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.pki.certificate import Issuer
    from chalicelib.pki.der import Element

# UNSPECIFIED is left out of entries (RFC 5280 section 5.3.1).
REASON_CODES = {
    "KEY_COMPROMISE": 1,
    "CERTIFICATE_AUTHORITY_COMPROMISE": 2,
    "AFFILIATION_CHANGED": 3,
    "SUPERSEDED": 4,
    "CESSATION_OF_OPERATION": 5,
    "PRIVILEGE_WITHDRAWN": 9,
    "A_A_COMPROMISE": 10,
}
_ENUMERATED = 0x0A


class CrlSummary(NamedTuple):
    """What is compared before a CRL replaces another."""

    issuer_der: bytes
    crl_number: int
    this_update: datetime
    next_update: datetime


def encode_entry(serial_number: int, revoked_at: datetime, reason: str) -> bytes:
    """One element of revokedCertificates; `reason` is AWS's name."""
    code = REASON_CODES.get(reason)
    extension = b""
    if code is not None:
        value = der.tlv(_ENUMERATED, bytes((code,)))
        extension = der.sequence(Extension(extensions.REASON_CODE, critical=False, value_der=value).der)
    return der.sequence(der.integer(serial_number), der.time(revoked_at), extension)


def build_crl_tbs(
    *,
    issuer: Issuer,
    signing_algorithm: str,
    crl_number: int,
    this_update: datetime,
    next_update: datetime,
    entries: Iterable[bytes],
) -> bytes:
    """The TBSCertList of a complete CRL, version 2, with AuthorityKeyIdentifier and CRLNumber."""
    joined = b"".join(entries)
    own = [extensions.authority_key_identifier(issuer.key_identifier), extensions.crl_number(crl_number)]
    return der.sequence(
        der.integer(1),
        algorithms.SIGNING_ALGORITHMS[signing_algorithm].identifier_der,
        issuer.name_der,
        der.time(this_update),
        der.time(next_update),
        der.sequence(joined) if joined else b"",
        der.tlv(0xA0, extensions.encode_extensions(own)),
    )


def summarize_crl(crl_der: bytes) -> CrlSummary:
    """Read what identifies and dates a CRL; its entries are passed over.

    Raises:
        DerError: it is not a CRL of the kind that is published here.
    """
    tbs = next(der.read(crl_der).expect(der.SEQUENCE, "A CRL").children())
    members = list(tbs.children())
    if len(members) < 6 or members[-1].tag != 0xA0:
        raise DerError("A CRL lacks a member.")
    (extension_list,) = members[-1].children()
    numbers = [each for each in extensions.parse_extensions(extension_list) if each.oid == extensions.CRL_NUMBER]
    if not numbers:
        raise DerError("A CRL has no number.")
    return CrlSummary(
        issuer_der=members[2].der,
        crl_number=int.from_bytes(der.read(numbers[0].value_der).content),
        this_update=_time(members[3]),
        next_update=_time(members[4]),
    )


def _time(element: Element) -> datetime:
    text = element.content.decode("ascii", "replace")
    if element.tag == der.UTC_TIME:
        text = ("20" if int(text[:2]) < 50 else "19") + text
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise DerError("A CRL holds a malformed time.") from error
