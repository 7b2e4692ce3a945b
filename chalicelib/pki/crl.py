"""CRLs: entries are encoded once, when they are revoked; a CRL is then a join, a hash and a signature.

Source: RFC 5280 section 5; AWS Private CA User Guide, "Planning a certificate revocation list (CRL)".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.pki import algorithms, der, extensions
from chalicelib.pki.errors import ArgumentError, DerError
from chalicelib.pki.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.pki.certificate import Issuer
    from chalicelib.pki.der import Element

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
_ENUMERATED = 0x0A


class CrlSummary(NamedTuple):
    """What is compared before a CRL replaces another."""

    issuer_der: bytes
    crl_number: int
    this_update: datetime
    next_update: datetime
    entry_count: int


def encode_entry(serial_number: int, revoked_at: datetime, reason: str) -> bytes:
    """One element of revokedCertificates; `reason` is AWS's name.

    Raises:
        ArgumentError: there is no such reason.
    """
    code = REASON_CODES.get(reason)
    if code is None:
        raise ArgumentError(f"There is no revocation reason {reason}.")
    extension = b""
    if code:
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
    try:
        return _summary(der.read(crl_der).expect(der.SEQUENCE, "A CRL"))
    except DerError:
        raise
    except ValueError as error:
        raise DerError("A CRL does not have the members it must have.") from error


def _summary(crl: Element) -> CrlSummary:
    tbs, _, _ = crl.children()
    _, _, issuer, this_update, next_update, *rest = tbs.expect(der.SEQUENCE, "A CRL's content").children()
    *revoked, wrapper = rest
    (extension_list,) = wrapper.expect(0xA0, "The extensions of a CRL").children()
    (number,) = [each for each in extensions.parse_extensions(extension_list) if each.oid == extensions.CRL_NUMBER]
    (entries,) = revoked or (None,)
    return CrlSummary(
        issuer_der=issuer.der,
        crl_number=der.unsigned(der.read(number.value_der), "A CRL number"),
        this_update=_time(this_update),
        next_update=_time(next_update),
        entry_count=_count(entries.expect(der.SEQUENCE, "The entries of a CRL")) if entries else 0,
    )


def _count(entries: Element) -> int:
    """How many elements there are: a loop that only adds up lengths, for lists of a million."""
    buffer, position, end, count = entries.buffer, entries.content_start, entries.end, 0
    while position < end:
        size = buffer[position + 1] if position + 1 < end else 0x80
        position = position + 2 + size if size < 0x80 else der.read(buffer, position, end).end
        count += 1
    if position != end:
        raise DerError("The last entry of a CRL is cut off.")
    return count


def _time(element: Element) -> datetime:
    text = element.content.decode("ascii")
    if element.tag == der.UTC_TIME:
        text = ("20" if text[:2] < "50" else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
