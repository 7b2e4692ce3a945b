"""The last events at a CA, from records that exist anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.ca import find
from chalicelib.crl import freshness
from chalicelib.frozen import dataclass
from chalicelib.operations import search

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from chalicelib.crl.freshness import Freshness
    from chalicelib.operations.search import Match
    from chalicelib.records import AuditReport, Certificate
    from chalicelib.runtime import Caller, Runtime

LAST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The last events at a CA.

    Attributes:
        crls: every CRL with its number, times, entries and failures, the worst first.
        issued, revoked, audit_reports: the last ones, the newest first.
    """

    created_at: datetime
    last_state_change_at: datetime
    crls: tuple[Freshness, ...]
    issued: tuple[Match, ...]
    revoked: tuple[Match, ...]
    audit_reports: tuple[AuditReport, ...]


def activity(rt: Runtime, caller: Caller, ca_arn: str, *, limit: int = LAST) -> Activity:
    """Collect the last events at a CA.

    Raises:
        ResourceNotFoundException: the caller has no such CA.
    """
    ca = find.find(rt, caller, ca_arn)
    revocations = rt.store.last_revocations(ca.arn, limit=limit)
    revoked = (rt.store.get_certificate(ca.arn, revocation.serial_number) for revocation in revocations)
    return Activity(
        created_at=ca.created_at,
        last_state_change_at=ca.last_state_change_at,
        crls=tuple(freshness.of_authority(rt, ca)),
        issued=_with_contents(rt, rt.store.last_certificates(ca.arn, limit=limit)),
        revoked=_with_contents(rt, revoked),
        audit_reports=tuple(rt.store.list_audit_reports(ca.arn, limit=limit)),
    )


def _with_contents(rt: Runtime, records: Iterable[Certificate | None]) -> tuple[Match, ...]:
    """Certificates with their contents; a record without any is left out."""
    certificates = (search.shown(record, rt.now()) for record in records if record)
    return tuple(filter(None, certificates))
