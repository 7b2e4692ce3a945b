"""What remains of a compromised CA: certificates that their clients have not replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib import errors, logs
from chalicelib.acme import issuing
from chalicelib.acme_records import REQUESTED_BY
from chalicelib.ca import find
from chalicelib.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.records import Certificate
    from chalicelib.runtime import Runtime


class Done(NamedTuple):
    """How many certificates were revoked, and how many could not be."""

    revoked: int
    failed: int


def revoke_remaining(rt: Runtime, directory: AcmeDirectory) -> Done:
    """Revoke every certificate that a directory has had issued by its compromised CAs, and that is still valid.

    What is revoked already is left as it is, so an interrupted run goes on when it is repeated.
    """
    revoked = failed = 0
    for certificate in remaining(rt, directory):
        try:
            issuing.revoke(rt, directory, "replace-ca", certificate, issuing.COMPROMISED)
        except errors.RequestAlreadyProcessedException:
            continue
        except (errors.ApiError, StoreError):
            failed += 1
            logs.log_exception("former_not_revoked", certificate=certificate.arn)
        else:
            revoked += 1
    return Done(revoked, failed)


def remaining(rt: Runtime, directory: AcmeDirectory) -> Iterator[Certificate]:
    """Yield the certificates of a directory by its compromised CAs that are neither revoked nor expired."""
    requested_by = f"{REQUESTED_BY}{directory.name}/"
    for ca_arn in directory.compromised:
        for each in find.at(rt, ca_arn).store.list_certificates(ca_arn):
            is_valid = each.status == "ISSUED" and each.revoked_at is None and each.not_after > rt.now()
            if is_valid and (each.requested_by or "").startswith(requested_by):
                yield each
