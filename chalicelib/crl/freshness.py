"""The freshness of CRLs: one rule for the `signet` command, the console, the overview and the monitor.

A CRL is judged by what its publisher has recorded and by the status of its CA. The monitor trusts no record: it judges
a CRL that it has fetched by the times in the CRL itself, with the part of the rule that needs nothing else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.ca import state as ca_state
from chalicelib.crl import distribution_points, revocation_configuration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.records import CertificateAuthority, CrlState
    from chalicelib.runtime import Runtime

GRACE = timedelta(minutes=5)  # for the publisher's schedule, and a run of it
# The conditions of CRLs, and of CAs by their worst CRL, each with its word; the worst come first.
WORDS = {
    "EXPIRED": "expired",
    "FAILING": "failing",
    "OLD": "old",
    "OVERDUE": "overdue",
    "WAITING": "on its way",
    "FRESH": "fresh",
    "NOT_PUBLISHED": "not published",
    "NONE": "none yet",
    "OFF": "off",
}
CONDITIONS = tuple(WORDS)


class Freshness(NamedTuple):
    """A CRL of a CA.

    Attributes:
        condition: one of `CONDITIONS`, but neither "NONE" nor "OFF", for there is a CRL.
    """

    crl_arn: str
    condition: str
    state: CrlState

    @property
    def word(self) -> str:
        """The condition as people read it."""
        return WORDS[self.condition]


def condition_of_times(made_at: datetime | None, next_update: datetime | None, now: datetime) -> str:
    """Judge a published CRL by its times alone: "EXPIRED", "OLD" past half of its validity, or "FRESH"."""
    if next_update is not None and next_update <= now:
        return "EXPIRED"
    if next_update is not None and made_at is not None and made_at + (next_update - made_at) / 2 <= now - GRACE:
        return "OLD"
    return "FRESH"


def condition_of(state: CrlState, now: datetime) -> str:
    """Judge a CRL by what its publisher has recorded, for a CA whose CRLs are published."""
    by_times = condition_of_times(state.published_at, state.next_update, now)
    conditions = {
        "EXPIRED": by_times == "EXPIRED",
        "FAILING": state.failures > 0,
        "OLD": by_times == "OLD",
        "OVERDUE": state.next_crl_at is not None and state.next_crl_at <= now - GRACE,
        "WAITING": state.published_at is None,
        "FRESH": True,
    }
    return next(name for name, holds in conditions.items() if holds)


def of_authority(rt: Runtime, ca: CertificateAuthority) -> list[Freshness]:
    """Every CRL of a CA, the worst first."""
    return of_authorities(rt, [ca])[ca.arn]


def of_authorities(rt: Runtime, cas: Sequence[CertificateAuthority]) -> dict[str, list[Freshness]]:
    """By the ARN of each CA, every CRL of it, the worst first."""
    now, crls = rt.now(), {ca.arn: list[Freshness]() for ca in cas}
    published = {ca.arn: ca_state.has_status_service(ca, now) for ca in cas}
    for state in rt.store.get_crl_states([crl_arn for ca in cas for crl_arn in distribution_points.crl_arns(ca, now)]):
        ca_arn, _ = arns.split_crl_arn(state.crl_arn)
        condition = condition_of(state, now) if published[ca_arn] else "NOT_PUBLISHED"
        crls[ca_arn].append(Freshness(state.crl_arn, condition, state))
    for of_one in crls.values():
        of_one.sort(key=lambda crl: (CONDITIONS.index(crl.condition), crl.crl_arn))
    return crls


def worst_condition(ca: CertificateAuthority, crls: Sequence[Freshness]) -> str:
    """The condition of a CA by its CRLs, the worst first: one of `CONDITIONS`."""
    if crls:
        return crls[0].condition
    return "NONE" if revocation_configuration.crl_enabled(ca) else "OFF"
