"""Clients of AWS services, with time limits and a circuit breaker.

A request makes several calls to a service, some of them to undo earlier ones. After one call has timed out, later calls
fail at once for a while, so that the request ends before its Lambda function times out.

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

from chalicelib.aws_json import make_lean

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAN = frozenset({"dynamodb", "kms"})  # which a request calls several times
_AGENT = "signet"  # in CloudTrail
CONNECT_SECONDS = 1.0  # for each IP address of the service
QUIET_SECONDS = 10.0
_CREATING = threading.Lock()  # clients share boto3's session, which saves most of their cost but is not thread-safe


class Limits(NamedTuple):
    """Seconds to wait for an answer, and the total number of attempts."""

    answer_seconds: float
    tries: int

    @property
    def worst_seconds(self) -> float:
        """Longest duration of a call to a service that hangs: all attempts, and the longest pauses between them."""
        pauses = (1 << (self.tries - 1)) - 1  # at most 1, 2, 4 … seconds
        return self.tries * (CONNECT_SECONDS + self.answer_seconds) + pauses


class HangsError(BotoCoreError):
    """The call is skipped, because an earlier call to the service timed out within `QUIET_SECONDS`."""

    fmt = f"skipped: it timed out less than {QUIET_SECONDS:.0f} seconds ago"


class CircuitBreaker:
    """A circuit breaker shared by clients of one service; for S3 each bucket counts on its own.

    Args:
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._quiet_until = clock, dict[str, float]()

    def client(self, service: str, region: str, limits: Limits) -> Any:
        """Create a client of the service, which threads may share."""
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=limits.answer_seconds,
            retries={"mode": "standard", "total_max_attempts": limits.tries},
            parameter_validation=False,  # the service validates as well, and types are checked before
            user_agent=_AGENT,  # botocore would put its own together twice for each call
        )
        with _CREATING:
            client = boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]  # any service
        if service in _LEAN:
            make_lean(client)
        client.meta.events.register("before-call", self._skip)
        client.meta.events.register("after-call-error", self._note)
        return client

    def _skip(self, context: dict[str, Any], **_: Any) -> None:
        if self._clock() < self._quiet_until.get(_bucket(context), -math.inf):
            raise HangsError

    def _note(self, exception: Exception, context: dict[str, Any], **_: Any) -> None:
        if isinstance(exception, ConnectTimeoutError | ReadTimeoutError):
            self._quiet_until[_bucket(context)] = self._clock() + QUIET_SECONDS


def _bucket(context: dict[str, Any]) -> str:
    """Return the bucket of a call, or an empty string if it has none."""
    return str(context.get("input_params", {}).get("Bucket", ""))
