"""The scheduler of the laptop home: what EventBridge is on AWS, invoking the very handlers that are deployed there."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalice.app import Chalice

    from chalicelib.runtime import Runtime

NOT_HERE = frozenset({"monitor"})  # it feeds CloudWatch's alarms
TICK_SECONDS = 5.0  # AWS's rule ticks each minute; a laptop can afford to be faster


class Scheduler:
    """A thread that runs every schedule of the app at its start and then with each tick."""

    def __init__(self, app: Chalice, rt: Runtime, *, tick_seconds: float = TICK_SECONDS) -> None:
        self._app, self._rt, self._tick_seconds = app, rt, tick_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the handler that is running."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.tick()
            self._stopping.wait(self._tick_seconds)

    def tick(self) -> None:
        """Invoke every scheduled handler once; the failure of one is logged and stops nobody."""
        for name, handler in scheduled_handlers(self._app).items():
            if self._stopping.is_set():
                return
            try:
                handler(scheduled_event(self._rt, name), None)
            except Exception:  # noqa: BLE001  the next tick comes anyway
                logs.log_exception("schedule_failed", schedule=name)


def scheduled_handlers(app: Chalice) -> dict[str, Callable[[Any, Any], Any]]:
    """The app's scheduled handlers by name: whatever is registered, but for what only AWS has a use for."""
    names = [each.name for each in app.event_sources if hasattr(each, "schedule_expression")]
    return {name: app.handler_map[name] for name in names if name not in NOT_HERE}


def scheduled_event(rt: Runtime, name: str) -> dict[str, Any]:
    """The event that EventBridge sends for a schedule.

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
