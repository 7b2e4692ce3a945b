"""The clock, held against what is on record: did it jump, and which time is beyond doubt?

Nobody can tell a clock that is wrong from a home that was off. So a jump ahead of more than a day puts the time in
doubt: it counts, but for a week nothing is destroyed by it. A clock that goes back was wrong before; what was decided
by it is decided again. A person who knows that the clock is right ends the doubt by `signet clock accept`.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib import logs
from chalicelib.home_records import ClockMark
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.runtime import Runtime

EVER = datetime(9999, 1, 1, tzinfo=UTC)  # later than whatever is due
DECIDERS = ("crls", "records", "reports")  # `crl.rescheduling`, `reconcile`, `reports.audit_report_writer`
STEP_BACK = timedelta(minutes=1)  # less is a correction, or the difference between two machines
JUMP = timedelta(days=1)
HELD_FOR = timedelta(days=7)
NAMED_FOR = timedelta(days=1)
_KNOWN_FOR = timedelta(seconds=5)
_WRITTEN_EVERY = timedelta(minutes=1)
_KEY = ("clock",)


def observe(mark: ClockMark | None, now: datetime) -> ClockMark:
    """Return the mark after the clock has shown `now`."""
    if mark is None:
        return ClockMark(newest_at=now)
    if now < mark.newest_at - STEP_BACK:
        return _gone_back(mark, now)
    if now > mark.newest_at + JUMP:
        settled_at = mark.settled_at or mark.newest_at
        return replace(mark, newest_at=now, settled_at=settled_at, jumped_from=mark.newest_at, jumped_to=now)
    mark = replace(mark, newest_at=max(mark.newest_at, now))
    return accepted(mark) if mark.jumped_to is not None and now - mark.jumped_to >= HELD_FOR else mark


def _gone_back(mark: ClockMark, now: datetime) -> ClockMark:
    still_ahead = mark.settled_at is not None and now > mark.settled_at + JUMP
    went_back = replace(mark, newest_at=now, settled_at=mark.settled_at if still_ahead else None, undecided=DECIDERS)
    return replace(went_back, jumped_from=mark.newest_at, jumped_to=now) if mark.newest_at - now > JUMP else went_back


def accepted(mark: ClockMark) -> ClockMark:
    """Return the mark of a clock that is beyond doubt."""
    return replace(mark, settled_at=None, jumped_from=None, jumped_to=None)


def settled_by(mark: ClockMark, now: datetime) -> datetime:
    """Return the time by which something may be destroyed for good: `now`, unless that is in doubt."""
    return now if mark.settled_at is None else min(now, mark.settled_at)


def notice_of(mark: ClockMark, now: datetime) -> str:
    """Describe a jump of less than a day ago in one or two sentences; empty if there was none."""
    if mark.jumped_from is None or mark.jumped_to is None or now - mark.jumped_to >= NAMED_FOR:
        return ""
    moved = mark.jumped_to - mark.jumped_from
    ahead = moved > timedelta(0)
    what = f"The clock went {'ahead' if ahead else 'back'} by {_span(abs(moved))}, from {_text(mark.jumped_from)}."
    if ahead:
        until = _text(mark.jumped_to + HELD_FOR)
        return f"{what} Signet was off, or the clock is wrong: nothing is destroyed by this clock before {until}."
    return f"{what} What was decided before by the wrong clock is decided again."


def _span(moved: timedelta) -> str:
    days = moved.days
    return f"{days // 365} years" if days >= 730 else f"{days} day{'s' if days > 1 else ''}"


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


# on record


def look(rt: Runtime) -> ClockMark:
    """Return what is known about the clock, after recording the time; at most every 5 seconds in a process."""
    now, known = rt.now(), rt.known.get(_KEY)
    if known is None or not timedelta(0) <= now - known[1] < _KNOWN_FOR:
        known = rt.known[_KEY] = (_recorded(rt, now), now)
    mark: ClockMark = known[0]
    return mark


def _recorded(rt: Runtime, now: datetime) -> ClockMark:
    stored = rt.store.get_clock_mark()
    seen = observe(stored, now)
    is_known = stored is not None and replace(seen, newest_at=stored.newest_at) == stored
    if stored is not None and is_known and seen.newest_at - stored.newest_at < _WRITTEN_EVERY:
        return seen
    try:
        seen = rt.store.put_clock_mark(seen)
    except ConflictError:  # another process has just seen the same
        return observe(rt.store.get_clock_mark(), now)
    if stored is not None and seen.jumped_to not in {None, stored.jumped_to}:
        logs.log("clock_jumped", logging.WARNING, notice=notice_of(seen, now))
    elif stored is not None and seen.undecided != stored.undecided:
        logs.log("clock_went_back", logging.WARNING, before=stored.newest_at, now=now)
    return seen


def settled(rt: Runtime) -> datetime:
    """Return the time by which something may be destroyed for good."""
    return settled_by(look(rt), rt.now())


def notice(rt: Runtime) -> str:
    """Describe a jump of less than a day ago; empty if there was none."""
    return notice_of(look(rt), rt.now())


def noticed(rt: Runtime) -> str:
    """Do the same from what this process knows already, without any I/O."""
    known = rt.known.get(_KEY)
    return notice_of(known[0], rt.now()) if known else ""


def is_undecided(rt: Runtime, decider: str) -> bool:
    """Tell whether somebody has yet to decide again what they decided before the clock went back."""
    return decider in look(rt).undecided


def decided(rt: Runtime, decider: str) -> None:
    """Record that somebody has decided again."""
    _change(rt, lambda mark: replace(mark, undecided=tuple(name for name in mark.undecided if name != decider)))


def accept(rt: Runtime) -> None:
    """Record that the clock is right, so that nothing is held any more."""
    _change(rt, accepted)


def _change(rt: Runtime, change: Callable[[ClockMark], ClockMark]) -> None:
    while True:
        mark = observe(rt.store.get_clock_mark(), rt.now())
        try:
            mark = rt.store.put_clock_mark(change(mark))
        except ConflictError:
            continue
        rt.known[_KEY] = (mark, rt.now())
        return
