"""The brake on signing in: attempts are counted by access key and by source, and each failure makes the next one wait.

An attempt counts before its secret is looked at, so that attempts at the same moment count as well. Who has to wait is
told so whether the secret is right or not. Each process counts for itself, as it does for request rates.

Source: OWASP Authentication Cheat Sheet, "Protect Against Automated Attacks"; NIST SP 800-63B section 5.2.2.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import hosts, logs, rates

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.runtime import Runtime

FORGOTTEN_AFTER = timedelta(minutes=15)
_MOST_ENTRIES = 10_000
_LINES_A_SECOND = 5
_TURN = threading.Lock()


class Brake(NamedTuple):
    """How many failures are free, and how many seconds the longest wait has."""

    free: int
    most_seconds: int


# A key's owner must not be kept out for long by what others do, nor everybody behind one proxy.
_BRAKES = {"pair": Brake(5, 900), "key": Brake(20, 30), "source": Brake(20, 60)}


class Failures(NamedTuple):
    """How often it failed, and when last."""

    times: int
    last: datetime


def begin(rt: Runtime, access_key_id: str, source: str) -> int:
    """Count an attempt.

    Args:
        rt: the runtime.
        access_key_id: whose secret is tried; it need not exist.
        source: where the attempt comes from.

    Returns:
        the seconds that have to pass before there may be one; 0 if it may be made now.
    """
    now, subjects = rt.now(), _subjects(access_key_id, source)
    with _TURN:
        waits = [_seconds_left(rt.sign_in_failures.get(subject), _BRAKES[subject[0]], now) for subject in subjects]
        if not any(waits):
            for subject in subjects:
                _count(rt.sign_in_failures, subject, now)
    if any(waits) and rates.take(
        rt.rate_tokens, ("sign-in", "log"), rate=_LINES_A_SECOND, most=_LINES_A_SECOND, now=now
    ):
        logs.log("sign_in_delayed", access_key_id=access_key_id, source=source, seconds=max(waits))
    return max(waits)


def failed(rt: Runtime, access_key_id: str, source: str) -> None:
    """Log that an attempt failed; it has been counted."""
    failures = rt.sign_in_failures.get(_subjects(access_key_id, source)[0])
    logs.log("sign_in_failed", access_key_id=access_key_id, source=source, failures=failures.times if failures else 0)


def succeeded(rt: Runtime, access_key_id: str, source: str) -> None:
    """Forget the failures of the key's owner; those of a source stay, or its own key would pay for others' secrets."""
    pair, key, origin = _subjects(access_key_id, source)
    with _TURN:
        for subject in (pair, key):
            rt.sign_in_failures.pop(subject, None)
        if failures := rt.sign_in_failures.get(origin):
            rt.sign_in_failures[origin] = failures._replace(times=failures.times - 1)
    logs.log("signed_in", access_key_id=access_key_id, source=source)


def _subjects(access_key_id: str, source: str) -> tuple[tuple[str, str], ...]:
    network = hosts.network_of(source)
    return ("pair", f"{network} {access_key_id}"), ("key", access_key_id), ("source", network)


def _seconds_left(failures: Failures | None, brake: Brake, now: datetime) -> int:
    if failures is None or failures.times < brake.free:
        return 0
    wait = min(2 ** min(failures.times - brake.free, 20), brake.most_seconds)
    left = wait - (now - failures.last).total_seconds()
    return 0 if left <= 0 else min(-int(-left // 1), wait)


def _count(entries: dict[tuple[str, str], Failures], subject: tuple[str, str], now: datetime) -> None:
    before = entries.pop(subject, None)
    times = before.times if before is not None and now - before.last < FORGOTTEN_AFTER else 0
    while len(entries) >= _MOST_ENTRIES:
        del entries[next(iter(entries))]
    entries[subject] = Failures(times + 1, now)
