"""Revocation of many certificates at once: those of a compromised CA that nobody replaced, or those of an account.

Certificates that are already revoked stay as they are, so a repeated run continues an interrupted one.

Source: RFC 5280 section 5.3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors, logs
from chalicelib.acme import issuing
from chalicelib.acme_records import REQUESTED_BY
from chalicelib.ca import find
from chalicelib.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chalicelib.acme_records import AcmeAccount, AcmeDirectory
    from chalicelib.records import Certificate
    from chalicelib.runtime import Runtime

MOST_ORDERS = 200  # of an account whose certificates are revoked while somebody waits
_ACTOR = "owner"


class Done(NamedTuple):
    """How many certificates were revoked, and how many could not be."""

    revoked: int
    failed: int


def revoke_remaining(rt: Runtime, directory: AcmeDirectory) -> Done:
    """Revoke the certificates of a directory by its compromised CAs that no client has replaced."""
    found = _valid(rt, directory.compromised, f"{REQUESTED_BY}{directory.name}/")
    return _revoke(rt, directory, found, issuing.COMPROMISED)


def revoke_of_account(rt: Runtime, directory: AcmeDirectory, account: AcmeAccount, reason: str) -> Done:
    """Revoke the valid certificates of an account, which looks at every certificate of the CAs.

    Args:
        rt: the runtime.
        directory: of the account.
        account: the account.
        reason: as in RevokeCertificate.
    """
    found = _valid(rt, (directory.ca_arn, *directory.former), account.requested_by)
    return _revoke(rt, directory, (each for each in found if each.requested_by == account.requested_by), reason)


def has_few_orders(rt: Runtime, account: AcmeAccount) -> bool:
    """Return whether an account has so few orders on record that `revoke_ordered` is soon done."""
    return len(rt.store.list_acme_orders(account.acme_id, limit=MOST_ORDERS + 1)) <= MOST_ORDERS


def revoke_ordered(rt: Runtime, directory: AcmeDirectory, account: AcmeAccount, reason: str) -> Done:
    """Revoke the valid certificates that the first `MOST_ORDERS` orders of an account name.

    An order stays on record while its certificate is valid. One that died after its certificate was signed names none:
    `revoke_of_account` finds that certificate, too.
    """
    orders = rt.store.list_acme_orders(account.acme_id, limit=MOST_ORDERS)
    arns_of = (arns.parse_certificate_arn(each.certificate_arn) for each in orders if each.certificate_arn)
    records = (find.at(rt, str(arn.ca)).store.get_certificate(str(arn.ca), arn.serial_number) for arn in arns_of)
    return _revoke(rt, directory, (each for each in records if each and _is_valid(rt, each)), reason)


def _is_valid(rt: Runtime, certificate: Certificate) -> bool:
    return certificate.status == "ISSUED" and certificate.revoked_at is None and certificate.not_after > rt.now()


def _valid(rt: Runtime, ca_arns: Iterable[str], requested_by: str) -> Iterator[Certificate]:
    """Yield the certificates of CAs that are neither revoked nor expired, and whose requester begins with a text."""
    for ca_arn in ca_arns:
        for each in find.at(rt, ca_arn).store.list_certificates(ca_arn):
            if _is_valid(rt, each) and (each.requested_by or "").startswith(requested_by):
                yield each


def _revoke(rt: Runtime, directory: AcmeDirectory, certificates: Iterable[Certificate], reason: str) -> Done:
    revoked = failed = 0
    for certificate in certificates:
        try:
            issuing.revoke(rt, directory, _ACTOR, certificate, reason)
        except errors.RequestAlreadyProcessedException:
            continue
        except (errors.ApiError, StoreError):
            failed += 1
            logs.log_exception("certificate_not_revoked", certificate=certificate.arn)
        else:
            revoked += 1
    return Done(revoked, failed)
