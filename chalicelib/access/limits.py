"""Limits by setting: how many requests a principal may send in a minute, and how often one CSR may be issued.

A window begins with the first request and lasts a minute. Each process counts for itself, and adds what it has counted
to the store in batches, where it learns what the others have counted. So a client that sends little costs no write, and
each process lets through at most a batch more than the limit. If the store does not answer, the process goes on alone.

Source: AWS Private CA, "Service quotas"; github.com/cert-manager/aws-privateca-issuer/issues/479 for the storm.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import errors, logs
from chalicelib.identities import SIGNET
from chalicelib.store import WINDOW, ConflictError, StoreError

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.runtime import Caller, Runtime

REQUEST_BATCH, STORM_BATCH = 50, 10
_MOST_WINDOWS = 10_000
_TURN = threading.Lock()


class Window(NamedTuple):
    """What is known of a minute.

    Attributes:
        began: when its first request came.
        times: how often it happened, as far as this process knows.
        told: how much of that is in the store.
        telling: a thread is adding to the store, so that no other one does.
    """

    began: datetime
    times: int = 0
    told: int = 0
    telling: bool = False


def take_request(rt: Runtime, caller: Caller) -> None:
    """Count a request of a principal; Signet itself is not counted.

    Raises:
        ThrottlingException: the principal has sent as many in this minute as it may.
    """
    if caller.principal == SIGNET:
        return
    most = int(rt.settings.principal_rate)
    # All sessions of a role are one: whoever begins them names them.
    name = "/".join(caller.principal.split("/")[:2])
    if seconds := _take(rt, ("principal", caller.account_id, name), most, REQUEST_BATCH):
        raise errors.ThrottlingException(
            f"Rate exceeded: a principal may send {most} requests in a minute.", retry_after_seconds=seconds
        )


def csr_window(rt: Runtime, caller: Caller, ca_arn: str, template_arn: str, csr_sha256: str) -> tuple[str, ...]:
    """Count a certificate that is about to be issued, and return its window; see `give_back`.

    Args:
        rt: the runtime.
        caller: who asks; Signet itself is not counted.
        ca_arn: of the CA.
        template_arn: of the template.
        csr_sha256: of the parsed CSR, without its signature: that differs each time the same request is signed.

    Raises:
        ThrottlingException: the same CSR was issued as often in this minute as it may.
    """
    window, most = ("csr", caller.account_id, ca_arn, template_arn, csr_sha256), int(rt.settings.storm_guard)
    if caller.principal != SIGNET and (seconds := _take(rt, window, most, STORM_BATCH)):
        reason = (
            f"This CSR was issued {most} times within a minute by this template of this CA. A client that keeps asking "
            "for the same certificate needs a new key, or an idempotency token that it repeats."
        )
        raise errors.ThrottlingException(
            f"Rate exceeded: {reason}", reason=reason, member=("Csr",), retry_after_seconds=seconds
        )
    return window


def give_back(rt: Runtime, window: tuple[str, ...]) -> None:
    """Take back what was counted: the certificate had been issued before."""
    with _TURN:
        if found := rt.windows.get(window):
            rt.windows[window] = found._replace(times=found.times - 1)


def _take(rt: Runtime, key: tuple[str, ...], most: int, batch: int) -> int:
    """Count once, unless the limit is reached or is 0; returns the seconds to wait, 0 for none."""
    if not most:
        return 0
    now = rt.now()
    with _TURN:
        window = _window(rt, key, now)
        if window.times >= most:
            return _seconds_left(window, now)
        times = window.times + 1
        is_due = not window.telling and times - window.told >= batch
        window = Window(window.began, times, window.told, telling=window.telling or is_due)
        _keep(rt, key, window)
    return _told(rt, key, window, most, now) if is_due else 0


def _told(rt: Runtime, key: tuple[str, ...], window: Window, most: int, now: datetime) -> int:
    """Add a batch to the store, and learn what others have counted; returns as `_take` does."""
    name = hashlib.sha256("/".join(key).encode()).hexdigest()
    began, total = window.began, window.times
    try:
        began, total = rt.store.count_in_window(name, window.times - window.told, now=now)
    except (StoreError, ConflictError):
        logs.log_exception("limit_not_shared", kind=key[0])
    finally:
        with _TURN:
            here = rt.windows.get(key, window)
            _keep(rt, key, Window(began, here.times + total - window.times, told=total))
    return _seconds_left(Window(began), now) if total > most else 0


def _window(rt: Runtime, key: tuple[str, ...], now: datetime) -> Window:
    found = rt.windows.get(key)
    return found if found is not None and abs(now - found.began) < WINDOW else Window(now)


def _keep(rt: Runtime, key: tuple[str, ...], window: Window) -> None:
    """Store a window as the latest; the one that was not used for longest gives way."""
    rt.windows.pop(key, None)
    while len(rt.windows) >= _MOST_WINDOWS:
        del rt.windows[next(iter(rt.windows))]
    rt.windows[key] = window


def _seconds_left(window: Window, now: datetime) -> int:
    left = (window.began + WINDOW - now).total_seconds()
    return min(max(1, -int(-left // 1)), int(WINDOW.total_seconds()))
