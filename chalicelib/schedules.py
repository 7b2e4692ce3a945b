"""The schedules of a home, and their last runs: when each began and ended, whether it failed, when the next one is due.

A run is noted when it ends, so a run that is killed shows as one that is late. The store learns of one run in
`NOTED_EVERY`, and of each change from success to failure and back. A note that cannot be written stops nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from chalicelib import logs
from chalicelib.identities import ScheduledRun
from chalicelib.store import ConflictError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from chalicelib.runtime import Runtime

T = TypeVar("T")
NOTED_EVERY = timedelta(minutes=5)
LATE = timedelta(minutes=5)  # beyond the next run and `NOTED_EVERY`
_MOST_CHARACTERS = 300


class Schedule(NamedTuple):
    """A schedule.

    Attributes:
        does: its task, for people.
        every: the time from one run to the next.
    """

    does: str
    every: timedelta = timedelta(minutes=1)


SCHEDULES = {
    "publish_crls": Schedule("Publishes the CRLs that are due"),
    "reconcile": Schedule("Closes what a crash left open"),
    "sequence_journal": Schedule("Appends pending entries to the journal"),
    "write_audit_reports": Schedule("Writes audit reports that are due"),
    "remind": Schedule("Sends reminders before certificates and CAs expire", timedelta(minutes=10)),
    "monitor": Schedule("Fetches CRLs and queries OCSP as clients do"),
}


class Seen(NamedTuple):
    """A schedule and its last run; None: no run is on record."""

    name: str
    schedule: Schedule
    run: ScheduledRun | None
    late: bool

    @property
    def due_at(self) -> datetime | None:
        """When the next run is due; None without a last one."""
        return self.run.began_at + self.schedule.every if self.run else None


def noted(rt: Runtime, name: str, run: Callable[[], T]) -> T:
    """Run a schedule, and note how that ended; raises what the run raises."""
    began_at, failure = rt.now(), ""
    try:
        return run()
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS]
        raise
    finally:
        _note(rt, name, began_at, failure)


def seen(rt: Runtime) -> list[Seen]:
    """Every schedule with its last run, as this process or the store knows it."""
    stored = {run.name: run for run in rt.store.list_entities(ScheduledRun, "")}
    return [_seen(rt, name, schedule, stored.get(name)) for name, schedule in SCHEDULES.items()]


def _seen(rt: Runtime, name: str, schedule: Schedule, stored: ScheduledRun | None) -> Seen:
    own, _ = rt.known.get(_key(name), (None, None))
    runs = [run for run in (stored, own) if run is not None]
    last = max(runs, key=lambda run: run.began_at, default=None)
    late = last is not None and rt.now() - last.began_at > schedule.every + NOTED_EVERY + LATE
    return Seen(name, schedule, last, late)


def _note(rt: Runtime, name: str, began_at: datetime, failure: str) -> None:
    run = ScheduledRun(name=name, began_at=began_at, ended_at=rt.now(), failure=failure)
    own, written_at = rt.known.get(_key(name), (None, began_at - NOTED_EVERY))
    is_news = own is None or bool(own.failure) != bool(failure)
    if is_news or abs(run.ended_at - written_at) >= NOTED_EVERY:
        try:
            run, written_at = _written(rt, run), run.ended_at
        except (StoreError, ConflictError):  # another process was faster, or the health check has the reason
            logs.log("run_not_noted", schedule=name)
    else:
        run = _after(own, run)
    rt.known[_key(name)] = (run, written_at)


def _written(rt: Runtime, run: ScheduledRun) -> ScheduledRun:
    before = rt.store.get_entity(ScheduledRun, "", run.name)
    if before is None:
        run = _after(None, run)
        rt.store.put_entity(run)
        return run
    return rt.store.update_entity(before, _after(before, run))


def _after(before: ScheduledRun | None, run: ScheduledRun) -> ScheduledRun:
    """The run, with the failures and the last success of the runs before."""
    if not run.failure:
        return replace(run, succeeded_at=run.ended_at)
    return replace(
        run,
        failures=(before.failures if before else 0) + 1,
        succeeded_at=before.succeeded_at if before else None,
    )


def _key(name: str) -> tuple[str, str]:
    return ("scheduled", name)
