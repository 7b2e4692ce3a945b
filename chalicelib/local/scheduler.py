"""The scheduler of the laptop home, in the place of EventBridge: it invokes the same handlers as on AWS."""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import logs, recording
from chalicelib.backup import schedule
from chalicelib.journal.journal import NotServingError
from chalicelib.monitor import health

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalice.app import Chalice

    from chalicelib.runtime import Runtime

MONITOR = "monitor"
APART = {MONITOR, "sequence_journal"}  # in threads of their own
TICK_SECONDS = 5.0  # on AWS the rules fire every minute
MONITOR_SECONDS = 60.0
BACKUP_SECONDS = 60.0  # between two looks at whether a backup is due
MONITOR_SHARE = 0.1  # of the time at most: a round over thousands of CAs makes the next one wait


class Scheduler:
    """Threads that run every schedule of the app: the monitor, which waits for others, apart from the rest.

    In a worker that does not run the schedules, a thread looks at this process's health all the same.
    """

    def __init__(
        self, app: Chalice, rt: Runtime, *, tick_seconds: float = TICK_SECONDS, runs_schedules: bool = True
    ) -> None:
        self._app, self._rt, self._tick_seconds, self._runs_schedules = app, rt, tick_seconds, runs_schedules
        self._stopping = threading.Event()
        self._schedules = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._monitor = threading.Thread(target=self._run_monitor, name="scheduled-monitor", daemon=True)
        self._backups = threading.Thread(target=self._run_backups, name="scheduled-backups", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._schedules.start()
        if self._runs_schedules:
            self._monitor.start()
            self._backups.start()

    def stop(self) -> None:
        """Stop after the running handler, and wait for that; a round of the monitor is abandoned."""
        self._stopping.set()
        if self._schedules.is_alive():
            self._schedules.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.tick()
            self._stopping.wait(self._tick_seconds)

    def _run_monitor(self) -> None:
        seconds = MONITOR_SECONDS
        while not self._stopping.wait(seconds):
            started = time.monotonic()
            self._invoke(MONITOR)
            seconds = max(MONITOR_SECONDS, (time.monotonic() - started) / MONITOR_SHARE)

    def _run_backups(self) -> None:
        while not self._stopping.wait(BACKUP_SECONDS):
            self._run_once("backup", lambda: schedule.run(self._rt))

    def tick(self) -> None:
        """Look at the health, and invoke every scheduled handler once, except those apart."""
        self._run_once("health", lambda: health.recent(self._rt))
        if not self._runs_schedules:
            self._run_once("refusals", lambda: recording.tell(self._rt))
            return
        for name in scheduled_handlers(self._app):
            if self._stopping.is_set():
                return
            if name not in APART:
                self._invoke(name)

    def _invoke(self, name: str) -> None:
        handler = scheduled_handlers(self._app)[name]
        self._run_once(name, lambda: handler(scheduled_event(self._rt, name), None))

    def _run_once(self, name: str, run: Callable[[], object]) -> None:
        """Run one of them; a failure is logged and stops no other one."""
        try:
            run()
        except NotServingError:
            return  # logged when it began; the health check names it
        except Exception:  # noqa: BLE001  the next run is the retry
            logs.log_exception("schedule_failed", schedule=name)


def scheduled_handlers(app: Chalice) -> dict[str, Callable[[Any, Any], Any]]:
    """Return the app's scheduled handlers by name."""
    names = [source.name for source in app.event_sources if hasattr(source, "schedule_expression")]
    return {name: app.handler_map[name] for name in names}


def scheduled_event(rt: Runtime, name: str) -> dict[str, Any]:
    """Build the event that EventBridge sends for a schedule.

    Source: Amazon EventBridge User Guide, "Scheduled event".
    """
    settings = rt.settings
    partition = arns.partition_of(settings.region)
    rule = f"arn:{partition}:events:{settings.region}:{settings.account_id}:rule/signet-{name}"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": settings.account_id,
        "time": rt.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": settings.region,
        "resources": [rule],
        "detail": {},
    }
