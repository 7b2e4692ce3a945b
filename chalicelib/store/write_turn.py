"""Whose turn it is to write: processes take turns, so that none waits while another one writes again and again.

SQLite's own lock is polled: whoever has just released it would nearly always get it again. Here a process waits for its
turn at the head of a queue, and holds the queue until it has the turn; whoever has written joins the queue behind it.

A byte of the file says that a commit has begun and not ended. The next process, whichever that is, finds it if a sync
has failed or the process was killed.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BEGUN, _ENDED = b"1", b"0"


class WriteTurn:
    """The turns of one process; its threads agree among themselves who takes the next one.

    `with` holds a turn, and gives whether a commit before has not ended. Call `begin` before a commit, `end` after it.
    """

    def __init__(self, database: Path) -> None:
        self._descriptors: dict[int, list[int]] = {}  # by process: a lock belongs to an open file, which a fork shares
        self._names = [database.with_name(f"{database.name}.{name}") for name in ("queue", "turn")]
        self._held = -1
        weakref.finalize(self, _close, self._descriptors)

    def __enter__(self) -> bool:
        queue, turn = self._opened()
        fcntl.flock(queue, fcntl.LOCK_EX)
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)
        finally:
            fcntl.flock(queue, fcntl.LOCK_UN)
        self._held = turn
        try:
            return os.pread(turn, 1, 0) != _ENDED
        except BaseException:
            fcntl.flock(turn, fcntl.LOCK_UN)
            raise

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._held, fcntl.LOCK_UN)

    def begin(self) -> None:
        """Note that a commit begins."""
        os.pwrite(self._held, _BEGUN, 0)

    def end(self) -> None:
        """Note that a commit has ended, and that the disk has what it had to have."""
        os.pwrite(self._held, _ENDED, 0)

    def close(self) -> None:
        """Close the files; the next turn opens them again."""
        _close(self._descriptors)

    def _opened(self) -> list[int]:
        process = os.getpid()
        if process not in self._descriptors:
            opened = [os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for name in self._names]
            self._descriptors[process] = opened
        return self._descriptors[process]


def _close(descriptors: dict[int, list[int]]) -> None:
    for descriptor in descriptors.pop(os.getpid(), []):
        os.close(descriptor)
