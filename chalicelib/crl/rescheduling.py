"""After the clock went back: CRLs whose due times the wrong clock set are due at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import clock, logs

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.records import CrlState
    from chalicelib.runtime import Runtime

_BATCH = 100


def after_the_clock_went_back(rt: Runtime) -> int:
    """Make every CRL due that the wrong clock published, or whose next run it put off; returns how many.

    If it is interrupted, the next run does it again.
    """
    if not clock.is_undecided(rt, "crls"):
        return 0
    now, count = rt.now(), 0
    waiting = list(rt.store.iter_due("CRL", since=now, now=clock.EVER))
    for begin in range(0, len(waiting), _BATCH):
        for state in rt.store.get_crl_states(waiting[begin : begin + _BATCH]):
            if _is_put_off(state, now):
                rt.store.schedule_crl(state.crl_arn, due_at=now)
                count += 1
    clock.decided(rt, "crls")
    logs.log("crls_rescheduled", count=count)
    return count


def _is_put_off(state: CrlState, now: datetime) -> bool:
    """Tell whether a CRL is of a later time than now, or is due later than a clock that is right can have said."""
    if state.published_at is None or state.next_update is None or state.next_crl_at is None or state.failures:
        return True
    return state.published_at > now or state.next_crl_at > now + (state.next_update - state.published_at) / 2
