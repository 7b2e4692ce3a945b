"""Repair: a CRL whose object is damaged, deleted, or older or newer than the state says, is published again at once.

Otherwise clients would get no CRL, or one that forgets revocations, until the midpoint of its validity. An object that
is newer than the state tells of a restored backup; the run adopts what it lists.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.ca import iterate
from chalicelib.ca import state as ca_state
from chalicelib.crl import distribution_points, objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from chalicelib.crl.objects import CrlObject
    from chalicelib.records import CertificateAuthority, CrlState
    from chalicelib.runtime import Runtime


class Damage(NamedTuple):
    """An object that is not the published CRL, in words; or the CA's ARN in its place, if the CA cannot be read."""

    ca_arn: str
    object_name: str
    problem: str


def repair(rt: Runtime, ca_arns: Iterable[str]) -> list[Damage]:
    """Make every CRL of these CAs due that has a damaged object: the schedule publishes it; returns the damages."""
    authorities = filter(None, map(rt.store.get_certificate_authority, ca_arns))
    damages = [
        damage
        for ca in authorities
        for damage in iterate.look_at(ca, partial(_repair, rt), lambda arn, why: Damage(arn, arn, why))
    ]
    for damage in damages:
        logs.log("crl_damaged", **damage._asdict())
    return damages


def _repair(rt: Runtime, ca: CertificateAuthority) -> Iterator[Damage]:
    now = rt.now()
    if not ca_state.has_status_service(ca, now):
        return
    for crl_arn in distribution_points.crl_arns(ca, now):
        state = rt.store.get_crl_state(crl_arn)
        if state is None or not state.published_number or _is_in_work(state, now):
            continue
        found = objects.read(rt, ca, arns.split_crl_arn(crl_arn)[1], now)
        damages = [
            Damage(ca.arn, f"{each.point.bucket}/{each.point.key}", _problem(each, state, now)) for each in found
        ]
        if any(damage.problem for damage in damages):
            rt.store.schedule_crl(crl_arn, due_at=now)
            yield from (damage for damage in damages if damage.problem)


def _is_in_work(state: CrlState, now: datetime) -> bool:
    """Tell whether a run holds the lease, or failed and will try again: it puts an object right itself."""
    return (state.lease_until is not None and state.lease_until > now) or bool(state.failures)


def _problem(found: CrlObject, state: CrlState, now: datetime) -> str:
    if found.error:
        return ""  # nobody knows; the bucket's problem is reported where it is written
    if found.crl is None:
        return "It is gone." if found.etag is None else "It is not a CRL of this CA."
    if found.crl.this_update > now:
        return f"Its thisUpdate {found.crl.this_update:%Y-%m-%dT%H:%M:%SZ} lies in the future: the clock ran ahead."
    if found.crl.number < state.published_number:
        return f"Its number is {found.crl.number}, although {state.published_number} was published."
    if found.crl.number > state.published_number:
        return f"Its number is {found.crl.number}, and the state knows {state.published_number}: the state is older."
    return ""
