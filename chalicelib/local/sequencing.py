"""The thread of the laptop home that makes the outbox part of the journal, in the place of a schedule."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from chalicelib import logs

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

EVERY_SECONDS = 1.0  # a checkpoint is at most this much older than what the database says, and the run's own time


class Sequencing:
    """A thread that runs the sequencer every second; a failure is logged once, until a run succeeds."""

    def __init__(self, rt: Runtime, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._rt, self._every_seconds = rt, every_seconds
        self._stopping, self._is_failing = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after one more run, which has all that was written before."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            self._sequence()
        self._sequence()

    def _sequence(self) -> None:
        try:
            self._rt.journal.run(self._rt.now())
        except Exception:  # noqa: BLE001  the next run is the retry
            if not self._is_failing:
                logs.log_exception("journal_failed")
            self._is_failing = True
        else:
            self._is_failing = False
