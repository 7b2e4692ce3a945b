"""The clock held against what is on record: jumps, doubt, and what was decided by a clock that went back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from chalicelib import clock

if TYPE_CHECKING:
    from chalicelib.home_records import ClockMark

START = datetime(2026, 11, 28, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def shown(*steps: timedelta) -> ClockMark:
    """The mark after a clock has begun at `START` and gone these steps."""
    mark, now = clock.observe(None, START), START
    for step in steps:
        now += step
        mark = clock.observe(mark, now)
    return mark


def settled(*steps: timedelta) -> timedelta:
    """How far the settled time is from `START`."""
    return clock.settled_by(shown(*steps), START + sum(steps, timedelta())) - START


@pytest.mark.parametrize("steps", [(), (MINUTE,), (DAY,), (DAY, DAY), (MINUTE, -MINUTE), (3 * MINUTE, -2 * MINUTE)])
def test_steps_of_a_day_and_less_put_nothing_in_doubt(steps: tuple[timedelta, ...]) -> None:
    assert settled(*steps) == sum(steps, timedelta())
    assert clock.notice_of(shown(*steps), START) == ""


def test_jump_ahead_puts_the_time_in_doubt_for_a_week_of_running() -> None:
    jump = 40 * DAY
    assert settled(jump) == timedelta()
    assert settled(jump, *[DAY] * 6) == timedelta()
    assert settled(jump, *[DAY] * 7) == jump + 7 * DAY
    assert settled(jump, 3 * DAY, *[DAY] * 6) == timedelta()  # it jumped again: another week


def test_clock_that_goes_back_to_where_it_was_is_beyond_doubt_and_its_decisions_are_not() -> None:
    mark = shown(40 * DAY, MINUTE, -40 * DAY)
    assert mark.undecided == clock.DECIDERS
    assert settled(40 * DAY, MINUTE, -40 * DAY) == MINUTE
    assert settled(3650 * DAY, -3600 * DAY) == timedelta()  # still 50 days ahead
    assert shown(2 * MINUTE, -2 * MINUTE).undecided == clock.DECIDERS
    assert shown(2 * MINUTE, -MINUTE).undecided == ()


def test_accepted_clock_is_beyond_doubt() -> None:
    mark = clock.accepted(shown(40 * DAY))
    assert clock.settled_by(mark, START + 40 * DAY) == START + 40 * DAY
    assert clock.notice_of(mark, START + 40 * DAY) == ""


AHEAD = (
    "The clock went ahead by 40 days, from 2026-11-28 12:00 UTC. "
    "Signet was off, or the clock is wrong: nothing is destroyed by this clock before 2027-01-14 12:00 UTC."
)
BACK = (
    "The clock went back by 10 years, from 2036-11-27 12:00 UTC. "
    "What was decided before by the wrong clock is decided again."
)


@pytest.mark.parametrize(
    ("steps", "text"), [((40 * DAY,), AHEAD), ((3652 * DAY, -3652 * DAY), BACK), ((40 * DAY, DAY), "")]
)
def test_jump_is_named_for_a_day(steps: tuple[timedelta, ...], text: str) -> None:
    assert clock.notice_of(shown(*steps), START + sum(steps, timedelta())) == text
