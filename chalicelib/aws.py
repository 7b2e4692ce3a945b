"""Clients of AWS: how long a call may take, and a service that hangs is not waited for twice.

A request makes many calls of one service, also while it undoes what it began. The first of them that runs out of time
has waited long enough: for a while the others fail at once, so that a request ends before its Lambda function has to.

Source: botocore, "Retries", standard mode; "Extensibility", the events before-call and after-call-error.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_SECONDS = 1.0  # for each address that the name of the service has
QUIET_SECONDS = 10.0
_MAKING = threading.Lock()  # clients share a session, which saves most of their cost, and it is not made for threads


class Limits(NamedTuple):
    """How long an answer may be waited for, and how often a call is tried in all."""

    answer_seconds: float
    tries: int

    @property
    def worst_seconds(self) -> float:
        """What a call of a service that hangs takes: each try, and the longest pauses between them."""
        pauses = (1 << (self.tries - 1)) - 1  # up to 1, 2, 4 … seconds
        return self.tries * (CONNECT_SECONDS + self.answer_seconds) + pauses


class HangsError(BotoCoreError):
    """The service is not asked, because it did not answer a moment ago."""

    fmt = "It did not answer a moment ago, and is left alone."


class Patience:
    """What its clients know of one service: whether it hangs; and of S3, which bucket does.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._quiet_until = clock, dict[str, float]()

    def client(self, service: str, region: str, limits: Limits) -> Any:
        """A client of the service; threads may share it."""
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=limits.answer_seconds,
            retries={"mode": "standard", "total_max_attempts": limits.tries},
        )
        with _MAKING:
            made = boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]  # any service
        made.meta.events.register("before-call", self._refuse)
        made.meta.events.register("after-call-error", self._note)
        return made

    def _refuse(self, context: dict[str, Any], **_: Any) -> None:
        if self._clock() < self._quiet_until.get(_whom(context), -math.inf):
            raise HangsError

    def _note(self, exception: Exception, context: dict[str, Any], **_: Any) -> None:
        if isinstance(exception, ConnectTimeoutError | ReadTimeoutError):
            self._quiet_until[_whom(context)] = self._clock() + QUIET_SECONDS


def _whom(context: dict[str, Any]) -> str:
    """The bucket that a call is about; empty where it is about none."""
    return str(context.get("input_params", {}).get("Bucket", ""))
