"""Totals of an account for the overview, and what expires next: certificates and CAs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.ca import state as ca_state
from chalicelib.frozen import dataclass
from chalicelib.operations import listing
from chalicelib.operations.listing_question import Between, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.operations.listing import Count
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

SOON = timedelta(days=30)
NEXT = 10
_CERTIFIED = frozenset({"ACTIVE", "DISABLED"})


class Expiry(NamedTuple):
    """A certificate, or a CA, that expires.

    Attributes:
        serial: of the certificate; empty: it is the CA itself.
    """

    at: datetime
    name: str
    ca_id: str
    serial: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The totals of an account, as far as the caller may search.

    Attributes:
        authorities: how many CAs have each status, without those deleted for good.
        expiring: valid certificates that expire within `SOON`; the period is from `begins` to before `ends`.
        next_expiries: the next `NEXT`, in order.
    """

    authorities: Counter[str]
    valid: Count
    expiring: Count
    revoked: Count
    begins: datetime
    ends: datetime
    next_expiries: tuple[Expiry, ...]


def totals(rt: Runtime, caller: Caller, cas: Sequence[CertificateAuthority], now: datetime) -> Totals:
    """Count what an account with these CAs has; `now` is in whole seconds."""
    searching = replace(caller, operation="SearchCertificates")
    there = [ca for ca in cas if not ca_state.is_gone(ca, now)]
    valid, soon, known = Question(state="ISSUED"), Between(now, now + SOON), dict[str, bool]()
    return Totals(
        authorities=Counter(ca_state.status_of(ca, now) for ca in there),
        valid=listing.count(rt, searching, valid, known),
        expiring=listing.count(rt, searching, replace(valid, expires=soon), known),
        revoked=listing.count(rt, searching, Question(state="REVOKED"), known),
        begins=now,
        ends=now + SOON,
        next_expiries=_next(rt, searching, there, now, known),
    )


def _next(
    rt: Runtime, caller: Caller, cas: Sequence[CertificateAuthority], now: datetime, known: dict[str, bool]
) -> tuple[Expiry, ...]:
    """The next to expire; the certificate of a CA counts as the CA."""
    certified = [ca for ca in cas if ca_state.status_of(ca, now) in _CERTIFIED]
    own = {ca_state.serial_number_of(ca) for ca in certified}
    leaves = [
        Expiry(record.not_after, match.summary.name, arns.parse_ca_arn(record.ca_arn).ca_id, arns.serial_hex(serial))
        for match in listing.next_to_expire(rt, caller, known, limit=2 * NEXT)
        if (serial := (record := match.record).serial_number) not in own
    ]
    ends = ((ca_state.not_after_of(ca), ca) for ca in certified)
    first = sorted(((at, ca) for at, ca in ends if at is not None), key=lambda pair: pair[0])[:NEXT]
    of_cas = [Expiry(at, ca_state.name_of(ca), arns.parse_ca_arn(ca.arn).ca_id) for at, ca in first]
    return tuple(sorted((*leaves, *of_cas))[:NEXT])
