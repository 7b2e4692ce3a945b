"""Last runs of schedules: one record for each, in every store, whichever process notes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import schedules
from chalicelib.config import Settings
from chalicelib.runtime import from_settings
from chalicelib.store import StoreError
from tests.faults.world import Clock

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.identities import ScheduledRun
    from chalicelib.runtime import Runtime
    from chalicelib.store.table_store import TableStore


@pytest.fixture
def processes(store: TableStore, tmp_path: Path) -> tuple[Runtime, Runtime, Clock]:
    """Two processes with one store, and their clock."""
    clock = Clock()
    made = from_settings(Settings(data=str(tmp_path / "home")))
    first = replace(made, store=store, now=clock, known={})
    return first, replace(first, known={}), clock


def last(rt: Runtime, name: str = "monitor") -> ScheduledRun:
    run = next(seen.run for seen in schedules.seen(rt) if seen.name == name)
    assert run is not None
    return run


def fail() -> None:
    raise StoreError("The table is away.")


def test_run_is_seen_by_other_processes(processes: Any) -> None:
    first, second, clock = processes
    assert [seen.run for seen in schedules.seen(second)] == [None] * len(schedules.SCHEDULES)

    def takes_a_while() -> str:
        clock.forward(seconds=7)
        return "done"

    began = clock()
    assert schedules.noted(first, "monitor", takes_a_while) == "done"
    run = last(second)
    assert (run.began_at, run.ended_at) == (began, began + timedelta(seconds=7))
    assert (run.failure, run.failures, run.succeeded_at) == ("", 0, run.ended_at)


def test_failures_are_counted_and_the_last_success_stays(processes: Any) -> None:
    first, second, clock = processes
    schedules.noted(first, "monitor", lambda: None)
    succeeded = clock()
    for rt in (first, second, first):
        clock.forward(minutes=6)
        with pytest.raises(StoreError):
            schedules.noted(rt, "monitor", fail)
    run = last(second)
    assert (run.failure, run.failures, run.succeeded_at) == ("StoreError: The table is away.", 3, succeeded)
    schedules.noted(second, "monitor", lambda: None)
    assert (last(first).failures, last(first).failure) == (0, "")


def test_store_learns_of_news_at_once_and_of_routine_once_in_a_while(processes: Any) -> None:
    first, second, clock = processes
    schedules.noted(first, "monitor", lambda: None)
    noted = clock()
    clock.forward(seconds=30)
    schedules.noted(first, "monitor", lambda: None)
    assert (last(first).began_at, last(second).began_at) == (clock(), noted)
    with pytest.raises(StoreError):
        schedules.noted(first, "monitor", fail)
    assert last(second).failure
    clock.forward(minutes=5)
    schedules.noted(first, "monitor", lambda: None)
    assert last(second).began_at == clock()


def test_schedule_that_is_silent_is_late(processes: Any) -> None:
    first, second, clock = processes
    schedules.noted(first, "monitor", lambda: None)
    clock.forward(minutes=10)
    assert not any(seen.late for seen in schedules.seen(second))
    clock.forward(minutes=2)
    assert [seen.name for seen in schedules.seen(second) if seen.late] == ["monitor"]


def test_note_that_cannot_be_written_stops_no_run(processes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _, _ = processes

    def away(*_: Any) -> Any:
        raise StoreError("away")

    monkeypatch.setattr(first.store, "get_entity", away)
    assert schedules.noted(first, "monitor", lambda: "done") == "done"
