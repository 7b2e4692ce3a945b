"""The scheduler of the laptop home, in the place of EventBridge: it invokes the same handlers as on AWS."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.monitor import health

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalice.app import Chalice

    from chalicelib.runtime import Runtime

NOT_HERE = frozenset({"monitor"})  # only CloudWatch's alarms need it
TICK_SECONDS = 5.0  # on AWS the rules fire every minute


class Scheduler:
    """A thread that runs every schedule of the app at the start and then at each tick."""

    def __init__(self, app: Chalice, rt: Runtime, *, tick_seconds: float = TICK_SECONDS) -> None:
        self._app, self._rt, self._tick_seconds = app, rt, tick_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the running handler, and wait for that."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.tick()
            self._stopping.wait(self._tick_seconds)

    def tick(self) -> None:
        """Look at the health, and invoke every scheduled handler once; a failure is logged and stops no other one."""
        health.recent(self._rt)
        for name, handler in scheduled_handlers(self._app).items():
            if self._stopping.is_set():
                return
            try:
                handler(scheduled_event(self._rt, name), None)
            except Exception:  # noqa: BLE001  the next tick is the retry
                logs.log_exception("schedule_failed", schedule=name)


def scheduled_handlers(app: Chalice) -> dict[str, Callable[[Any, Any], Any]]:
    """Return the app's scheduled handlers by name, except those that are useful only on AWS."""
    names = [source.name for source in app.event_sources if hasattr(source, "schedule_expression")]
    return {name: app.handler_map[name] for name in names if name not in NOT_HERE}


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
