"""Group commit: threads that write at the same time share a transaction, which waits for the disk once.

A thread that finds no other one writing leads: it commits all waiting requests, then hands the lead to the next thread.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
Commit: TypeAlias = "Callable[[Sequence[T]], Sequence[Exception | None]]"
MOST = 64  # requests in a transaction


class _Request(Generic[T]):
    """A thread's request; a thread that does not lead sleeps until it is woken, with an outcome or to lead."""

    def __init__(self, content: T) -> None:
        self.content, self.is_done = content, False
        self.error: Exception | None = None
        self._sleep: threading.Lock | None = None

    def end(self, error: Exception | None) -> None:
        self.is_done, self.error = True, error
        self.wake()

    def fall_asleep(self) -> None:
        """Make `wait` wait for `wake`; called before another thread knows of the request."""
        self._sleep = threading.Lock()
        self._sleep.acquire()

    def wake(self) -> None:
        if self._sleep is not None:
            self._sleep.release()

    def wait(self) -> None:
        if self._sleep is not None:
            self._sleep.acquire()


class GroupCommit(Generic[T]):
    """A queue of requests in front of a function that commits several of them at once."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._waiting: list[_Request[T]] = []
        self._is_led = False

    def run(self, commit: Commit[T], content: T) -> None:
        """Return after the commit of a request; raises the reason if it was left out, or what its own commit raises.

        Args:
            commit: commits requests in their order, each after those before it. It returns for each the reason why it
                left it out, or None; if it raises, it has committed nothing. All threads give the same function.
            content: the request.
        """
        request = _Request(content)
        with self._turn:
            if self._is_led:
                request.fall_asleep()
            self._waiting.append(request)
            self._is_led = True
        request.wait()
        if not request.is_done:
            self._lead(commit)
        if request.error is not None:
            raise request.error

    def _lead(self, commit: Commit[T]) -> None:
        """Commit all waiting requests, beginning with this thread's."""
        with self._turn:
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        errors: Sequence[Exception | None] | None = None
        try:
            errors = _committed(commit, group)
        finally:  # if this thread is interrupted, the others go on
            with self._turn:
                if errors is None:
                    self._waiting = group[1:] + self._waiting
                following = self._waiting[0] if self._waiting else None
                self._is_led = following is not None
            if following is not None:
                following.wake()
        for request, error in zip(group, errors, strict=True):
            request.end(error)


def _committed(commit: Commit[T], group: Sequence[_Request[T]]) -> Sequence[Exception | None]:
    try:
        return commit([request.content for request in group])
    except Exception as error:  # noqa: BLE001  raised again by the threads that it concerns
        return [error] if len(group) == 1 else [_alone(commit, request) for request in group]


def _alone(commit: Commit[T], request: _Request[T]) -> Exception | None:
    """Commit a request of a group that failed, so that it fails for its own reason or not at all."""
    try:
        (error,) = commit([request.content])
    except Exception as raised:  # noqa: BLE001  see above
        return raised
    return error
