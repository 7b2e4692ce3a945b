"""A CA's status at a time, what the status forbids, and the CA as an issuer.

AWS calls a status a state in the names and texts of its exceptions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.pki.x509 import names

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from chalicelib.pki.x509.issuer import Issuer
    from chalicelib.records import CertificateAuthority

_MAY_EXPIRE = frozenset({"ACTIVE", "DISABLED"})
# A DELETED CA may be restored, so its CRLs are published and OCSP answers; all certificates of an EXPIRED one have
# expired.
WITH_STATUS_SERVICE = frozenset({"ACTIVE", "DISABLED", "DELETED"})


@lru_cache(maxsize=4096)
def _issuer(certificate_der: bytes, chain_der: tuple[bytes, ...]) -> Issuer:
    from chalicelib.pki.x509 import issuer

    return issuer.issuer_of(certificate_der, chain_der)


def issuer_of(ca: CertificateAuthority) -> Issuer:
    """The CA as an issuer; it must have a certificate."""
    if ca.certificate_der is None:
        raise ValueError(f"{ca.arn} has no certificate.")
    return _issuer(ca.certificate_der, ca.chain_der)


@lru_cache(maxsize=4096)
def _outline(certificate_der: bytes) -> tuple[int, datetime]:
    """The serial number and notAfter, for loops over more CAs than any cache holds: this takes 4 µs, an issuer 200."""
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(certificate_der)
    return certificate.serial_number, certificate.not_valid_after_utc


def serial_number_of(ca: CertificateAuthority) -> int | None:
    """The serial number of the CA's certificate; None if it has none."""
    return None if ca.certificate_der is None else _outline(ca.certificate_der)[0]


def not_after_of(ca: CertificateAuthority) -> datetime | None:
    """When the CA's certificate expires; None if it has none."""
    return None if ca.certificate_der is None else _outline(ca.certificate_der)[1]


def status_of(ca: CertificateAuthority, now: datetime) -> str:
    """The status that Describe shows: ACTIVE and DISABLED become EXPIRED when the CA's certificate expires."""
    return status_until(ca, not_after_of(ca) if ca.status in _MAY_EXPIRE else None, now)


def status_until(ca: CertificateAuthority, not_after: datetime | None, now: datetime) -> str:
    """The same, for a caller that already knows when the certificate expires."""
    return "EXPIRED" if ca.status in _MAY_EXPIRE and not_after is not None and now > not_after else ca.status


def has_status_service(ca: CertificateAuthority, now: datetime) -> bool:
    """Return whether the CA's CRLs are published and OCSP answers for it."""
    return ca.certificate_der is not None and status_of(ca, now) in WITH_STATUS_SERVICE


def is_gone(ca: CertificateAuthority, now: datetime) -> bool:
    """Return whether the time in which a DELETED CA can be restored is over."""
    return ca.restorable_until is not None and ca.restorable_until <= now


def name_of(ca: CertificateAuthority) -> str:
    """The name for people: the tag Name, the common name, or else the whole subject."""
    given = ca.configuration["Subject"]
    if name := dict(ca.tags).get("Name") or given.get("CommonName"):
        return str(name)
    subject = names.encode_subject(given)
    return names.common_name(subject) or names.rfc2253(subject)


def check_status(ca: CertificateAuthority, now: datetime, statuses: Collection[str], refusal: str) -> None:
    """Raise `InvalidStateException` with `refusal` ({arn} is filled in) unless the CA has one of these statuses."""
    if status_of(ca, now) not in statuses:
        raise errors.InvalidStateException(refusal.format(arn=ca.arn))


def check_not_deleted(ca: CertificateAuthority, now: datetime) -> None:
    """Raise `InvalidStateException`, with AWS's text, if the CA is DELETED."""
    if status_of(ca, now) == "DELETED":
        raise errors.InvalidStateException("The certificate authority is in the DELETED state")
