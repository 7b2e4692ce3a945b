"""A thread that flushes a file to the disk for all who wait for it, while they work on."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from chalicelib.audit import AuditError

if TYPE_CHECKING:
    from collections.abc import Callable

_IDLE_SECONDS = 1.0  # after which what nobody waits for is flushed as well
_PATIENCE_SECONDS = 30.0


class Wait:
    """Called, waits until a record is durable."""

    def __init__(self, sequence: int) -> None:
        self.sequence, self._is_durable = sequence, False
        self._over = threading.Lock()  # a condition costs ten times as much
        self._over.acquire()

    def __call__(self) -> None:
        """Wait.

        Raises:
            AuditError: the disk failed, or takes too long.
        """
        is_over = self._over.acquire(timeout=_PATIENCE_SECONDS)
        if is_over:
            self._over.release()
        if not (is_over and self._is_durable):
            raise AuditError("The audit record cannot be flushed to the disk.")

    def end(self, durable: int) -> None:
        """Say which record is the last that is durable."""
        self._is_durable = durable >= self.sequence
        self._over.release()


class Flusher:
    """Calls `flush`, which returns the sequence number of the last record that is durable then.

    When nothing has been written for a second, it calls `settle`, which returns the same, and its thread ends.
    """

    def __init__(self, flush: Callable[[], int], settle: Callable[[], int]) -> None:
        self._flush, self._settle = flush, settle
        self._waits = SimpleQueue[Wait]()
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_written = False  # since the last flush began

    def written(self) -> None:
        """Let what was written become durable within a second."""
        with self._turn:
            self._is_written = True
            self._run_on()

    def ask(self, sequence: int) -> Wait:
        """Let a record become durable soon; returns what waits for it."""
        wait = Wait(sequence)
        with self._turn:
            self._waits.put(wait)
            self._run_on()
        return wait

    def _run_on(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            waits = self._waiting()
            # Whatever sets this before it is cleared has been written before, and is flushed now.
            is_idle, self._is_written = not (waits or self._is_written), False
            done = 0
            with suppress(AuditError):  # the waiting are told
                done = self._settle() if is_idle else self._flush()
            for wait in waits:
                wait.end(done)
            with self._turn:
                if is_idle and not self._is_written and self._waits.empty():
                    self._thread = None
                    return

    def _waiting(self) -> list[Wait]:
        """Return those who wait by now, or begin to within a second."""
        waits: list[Wait] = []
        with suppress(Empty):
            waits.append(self._waits.get(timeout=_IDLE_SECONDS))
            while True:
                waits.append(self._waits.get_nowait())
        return waits
