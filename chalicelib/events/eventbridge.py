"""Events on the account's default event bus in EventBridge; after a failure none is sent for a minute.

Source: Amazon EventBridge API, PutEvents.
"""

from __future__ import annotations

import json
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError

from chalicelib.events import EventsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOURCE = "signet.acm-pca"  # PutEvents reserves sources that begin with "aws." for AWS
SECONDS = 1.0  # for connecting, and again for the answer
QUIET_SECONDS = 60.0


class EventBridge:
    """The event bus; its client is created for the first event.

    Args:
        region: of the bus.
        seconds: time limit for connecting, and again for the answer.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, region: str, *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._region, self._seconds, self._clock = region, seconds, clock
        self._quiet_until: float | None = None

    @cached_property
    def _client(self) -> Any:
        limits: Any = {"connect_timeout": self._seconds, "read_timeout": self._seconds}
        config = Config(**limits, retries={"total_max_attempts": 1})
        return Session().client("events", region_name=self._region, config=config)

    def send(self, event: Mapping[str, Any]) -> None:
        """Put an event on the bus; after a failure events are skipped for a minute, so that callers wait only once."""
        if self._quiet_until is not None and self._clock() < self._quiet_until:
            raise EventsError("The event was skipped: EventBridge failed less than a minute ago.")
        try:
            self._put(event)
        except (BotoCoreError, ClientError) as error:
            self._quiet_until = self._clock() + QUIET_SECONDS
            raise EventsError(_text(error)) from error

    def _put(self, event: Mapping[str, Any]) -> None:
        entry: Any = {
            "Source": SOURCE,
            "DetailType": event["detail-type"],
            "Time": event["time"],
            "Resources": event["resources"],
            "Detail": json.dumps(event["detail"]),
        }
        try:
            answer = self._client.put_events(Entries=[entry])
        except ConnectionClosedError:  # it was closed while the function was frozen, which is detected at once
            answer = self._client.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise EventsError(f"EventBridge refused the event: {answer['Entries'][0].get('ErrorCode')}.")


def _text(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return f"EventBridge refused PutEvents: {error.response.get('Error', {}).get('Code')}."
    return f"EventBridge does not answer: {type(error).__name__}."
