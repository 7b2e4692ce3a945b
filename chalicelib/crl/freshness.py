"""How fresh a CA's CRLs are by what the publisher has recorded: what a page shows as a light."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.crl import distribution_points

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from chalicelib.records import CertificateAuthority, CrlState
    from chalicelib.runtime import Runtime

GRACE = timedelta(minutes=5)  # the publisher's schedule and a run have to fit in


class Freshness(NamedTuple):
    """A CRL of a CA.

    Attributes:
        condition: one of `CONDITIONS`.
    """

    crl_arn: str
    condition: str
    state: CrlState


def _half_life(state: CrlState) -> datetime | None:
    """When the next CRL was to be there: at half of the life of this one."""
    if state.published_at is None or state.next_update is None:
        return None
    return state.published_at + (state.next_update - state.published_at) / 2


def _is_past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


# The first one that holds; the worst come first.
_RULES: tuple[tuple[str, Callable[[CrlState, datetime], bool]], ...] = (
    ("ENDED", lambda state, now: _is_past(state.next_update, now)),
    ("FAILING", lambda state, _: state.failures > 0),
    ("OLD", lambda state, now: _is_past(_half_life(state), now - GRACE)),
    ("OVERDUE", lambda state, now: _is_past(state.next_crl_at, now - GRACE)),
    ("WAITING", lambda state, _: state.published_at is None),
    ("FRESH", lambda _state, _now: True),
)
CONDITIONS = tuple(name for name, _ in _RULES)


def condition_of(state: CrlState, now: datetime) -> str:
    """The condition of a CRL."""
    return next(name for name, holds in _RULES if holds(state, now))


def of_authority(rt: Runtime, ca: CertificateAuthority) -> list[Freshness]:
    """Every CRL of a CA, the worst first."""
    return of_authorities(rt, [ca])[ca.arn]


def of_authorities(rt: Runtime, cas: Sequence[CertificateAuthority]) -> dict[str, list[Freshness]]:
    """By the ARN of each CA every CRL of it, the worst first."""
    now, found = rt.now(), {ca.arn: list[Freshness]() for ca in cas}
    for state in rt.store.get_crl_states([each for ca in cas for each in distribution_points.crl_arns(ca, now)]):
        ca_arn, _ = arns.split_crl_arn(state.crl_arn)
        found[ca_arn].append(Freshness(state.crl_arn, condition_of(state, now), state))
    for crls in found.values():
        crls.sort(key=lambda each: (CONDITIONS.index(each.condition), each.crl_arn))
    return found
