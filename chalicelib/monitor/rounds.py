"""One round of a watch over all CAs, in which no account and no slow address takes the time of others.

Each account has threads of its own, each CA a budget of time for its fetches, and the round an end. What was not looked
at is reported as a problem, because nobody knows then whether it is well.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from chalicelib.ca import iterate
from chalicelib.fetching import Deadline
from chalicelib.monitor.sightings import Sighting, unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

    Watch = Callable[[CertificateAuthority, "Budget"], Iterable[Sighting]]

T = TypeVar("T")
ROUND_SECONDS = 45.0  # the function that watches has 60
AUTHORITY_SECONDS = 10.0
_THREADS = 8
_LEAST_THREADS = 2  # of each account
NO_TIME = "It was not looked at: the time for its CA is over."


class Budget:
    """The time that the fetches of one CA may take in a round."""

    def __init__(self, of_round: Deadline) -> None:
        self._round, self._left = of_round, AUTHORITY_SECONDS

    def spend(self, seconds: float, fetch: Callable[[Deadline], bytes]) -> bytes:
        """Fetch by a deadline, and take off what it took.

        Raises:
            TimeoutError: nothing is left.
        """
        if min(self._left, self._round.seconds) <= 0:
            raise TimeoutError(NO_TIME)
        started = time.monotonic()
        try:
            return fetch(Deadline(min(self._left, seconds), within=self._round))
        finally:
            self._left -= time.monotonic() - started


class _Turns:
    """Hands the CAs of an account to several threads, one at a time."""

    def __init__(self, authorities: Iterator[CertificateAuthority]) -> None:
        self._authorities, self._turn = authorities, threading.Lock()

    def take(self) -> CertificateAuthority | None:
        """The next CA; None after the last one."""
        with self._turn:
            return next(self._authorities, None)


def watch_all(rt: Runtime, watch: Watch) -> list[Sighting]:
    """Let a watch look at every CA."""
    accounts = rt.store.list_accounts()
    turns = [_Turns(iterate.of_account(rt, account)) for account in accounts]
    threads = max(_LEAST_THREADS, _THREADS // max(1, len(accounts)))
    of_round = Deadline(ROUND_SECONDS)
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
    """Look at CAs of one account until there is none left."""
    sightings: list[Sighting] = []
    while (ca := turns.take()) is not None:
        if of_round.seconds <= 0:
            sightings.append(unread(ca.arn, NO_TIME))
            continue
        budget = Budget(of_round)
        sightings += iterate.look_at(ca, lambda each, left=budget: watch(each, left), unread)  # type: ignore[misc]
    return sightings
