"""A thread that flushes a file to the disk for all who wait for it, while they work on."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from chalicelib.audit import AuditError

if TYPE_CHECKING:
    from collections.abc import Callable

_IDLE_SECONDS = 1.0  # after which what nobody waits for is flushed as well
_PATIENCE_SECONDS = 30.0


class Flusher:
    """Calls `flush`, which returns the sequence number of the last record that is durable then.

    When nothing has been written for a second, it calls `settle`, which returns the same, and its thread ends.
    """

    def __init__(self, flush: Callable[[], int], settle: Callable[[], int]) -> None:
        self._flush, self._settle = flush, settle
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wanted = self._done = self._failed = 0
        self._is_written = False  # since the last flush began

    def ask(self, sequence: int, *, soon: bool) -> None:
        """Let a record become durable: soon, if somebody will wait for it, or within a second."""
        with self._changed:
            self._is_written = True
            if soon:
                self._wanted = max(self._wanted, sequence)
                self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()

    def wait(self, sequence: int) -> None:
        """Wait until a record is durable.

        Raises:
            AuditError: the disk failed, or takes too long.
        """
        with self._changed:
            ended = self._changed.wait_for(lambda: max(self._done, self._failed) >= sequence, _PATIENCE_SECONDS)
            if not ended or self._done < sequence:
                raise AuditError("The audit record cannot be flushed to the disk.")

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted > max(self._done, self._failed), _IDLE_SECONDS)
                wanted, is_idle, self._is_written = self._wanted, not self._is_written, False
            done = 0
            with suppress(AuditError):  # the waiting are told
                done = self._settle() if is_idle else self._flush()
            with self._changed:
                self._done = max(self._done, done)
                self._failed = max(self._failed, 0 if done >= wanted else wanted)
                self._changed.notify_all()
                if is_idle and not self._is_written:
                    self._thread = None
                    return
