"""One round of a watch over all CAs, in which no account and no slow address takes the time of others.

Each account has threads of its own, each CA a budget of time for its fetches, and the round an end. The next round
begins where this one ended, so that a round over thousands of CAs costs no more than its time, and each gets its turn.
"""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import Future
from functools import partial
from itertools import chain, takewhile
from typing import TYPE_CHECKING, TypeVar

from chalicelib import arn as arns
from chalicelib.ca import iterate
from chalicelib.fetching import Deadline
from chalicelib.monitor.sightings import Sighting, unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

    Watch = Callable[[CertificateAuthority, "Budget"], Iterable[Sighting]]

T = TypeVar("T")
ROUND_SECONDS = 45.0  # the function that watches has 60; a look that has begun may take 10 more
LAPTOP_SECONDS = 6.0  # of each minute
AUTHORITY_SECONDS = 10.0
_THREADS = 8
_LEAST_THREADS = 2  # of each account
NO_TIME = "It was not looked at: the time for its CA is over."


class Budget:
    """The time that the fetches of one CA may take in a round."""

    def __init__(self) -> None:
        self._left = AUTHORITY_SECONDS

    def spend(self, seconds: float, fetch: Callable[[Deadline], bytes]) -> bytes:
        """Fetch by a deadline, and take off what it took.

        Raises:
            TimeoutError: nothing is left.
        """
        if self._left <= 0:
            raise TimeoutError(NO_TIME)
        started = time.monotonic()
        try:
            return fetch(Deadline(min(self._left, seconds)))
        finally:
            self._left -= time.monotonic() - started


class _Turns:
    """Hands the CAs of an account to several threads, one at a time, from where the last round ended."""

    def __init__(self, rt: Runtime, watch_name: str, account_id: str) -> None:
        self._known, self._key, self._now = rt.known, ("watched", watch_name, account_id), rt.now()
        begin, _ = self._known.get(self._key, (str(uuid.uuid4()), None))
        rest = takewhile(lambda ca: _id_of(ca) <= begin, iterate.of_account(rt, account_id))
        self._authorities = chain(iterate.of_account(rt, account_id, after=begin), rest)
        self._turn = threading.Lock()

    def take(self) -> CertificateAuthority | None:
        """The next CA; None after the last one."""
        with self._turn:
            ca = next(self._authorities, None)
            if ca is not None:
                self._known[self._key] = (_id_of(ca), self._now)
            return ca


def _id_of(ca: CertificateAuthority) -> str:
    return arns.parse_ca_arn(ca.arn).ca_id


def seconds_of(rt: Runtime) -> float:
    """How long a scheduled round may take."""
    return LAPTOP_SECONDS if rt.settings.state == "sqlite" else ROUND_SECONDS


def watch_all(rt: Runtime, watch: Watch, name: str, *, seconds: float) -> list[Sighting]:
    """Let a watch look at the CAs, at every one if there is time."""
    accounts = rt.store.list_accounts()
    turns = [_Turns(rt, name, account) for account in accounts]
    threads = max(_LEAST_THREADS, _THREADS // max(1, len(accounts)))
    of_round = Deadline(seconds)
    looks = [partial(_look, turn, watch, of_round) for _ in range(threads) for turn in turns]
    return [sighting for sightings in together(looks, threads=_THREADS) for sighting in sightings]


def together(calls: Sequence[Callable[[], T]], *, threads: int) -> list[T]:
    """Return the results of calls that run side by side; a process that ends does not wait for them.

    Threads of a `ThreadPoolExecutor` would hold it up for as long as a slow host takes.
    """
    futures: list[Future[T]] = [Future() for _ in calls]
    waiting = iter(list(zip(futures, calls, strict=True)))
    turn = threading.Lock()

    def work() -> None:
        while True:
            with turn:
                task = next(waiting, None)
            if task is None:
                return
            future, call = task
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  raised again by who waits for it
                future.set_exception(error)

    for _ in range(min(threads, len(futures))):
        threading.Thread(target=work, daemon=True).start()
    return [future.result() for future in futures]


def _look(turns: _Turns, watch: Watch, of_round: Deadline) -> list[Sighting]:
    """Look at CAs of one account until there is none left, or no time."""
    sightings: list[Sighting] = []
    while of_round.seconds > 0 and (ca := turns.take()) is not None:
        budget = Budget()
        sightings += iterate.look_at(ca, lambda each, left=budget: watch(each, left), unread)  # type: ignore[misc]
    return sightings
