"""The write-ahead log as a file: synced for those who did not wait for the disk, written again after a failed sync.

A kernel may take pages for written whose write has failed, so that a later sync succeeds and they are not on the disk.
What was committed without a sync before is among them. SQLite would ignore it after a power cut, and all that follows
it in the log, because the checksum of each frame continues the one before.

Source: Rebello et al., "Can Applications Recover from fsync Failures?" (USENIX ATC 2020); SQLite, "Database File
Format", section 4.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PIECE = 1 << 20


def log_of(database: Path) -> Path:
    """The log of a database; SQLite holds no lock on it, so that it may be opened and closed."""
    return database.with_name(f"{database.name}-wal")


def sync(database: Path) -> bool:
    """Return once the log is on the disk; False if there is none: then the database has it all, and was synced.

    Raises:
        OSError: the disk refuses; `rewrite` before anything else is committed.
    """
    with suppress(FileNotFoundError), log_of(database).open("rb") as log:
        os.fsync(log.fileno())
        return os.fstat(log.fileno()).st_size > 0
    return False


def rewrite(database: Path) -> None:
    """Write every byte of the log in its place again, and sync it; the caller holds SQLite's lock for writing.

    Raises:
        OSError: the disk refuses; nothing may be committed yet.
    """
    with suppress(FileNotFoundError), log_of(database).open("r+b", buffering=0) as log:
        position = 0
        while piece := os.pread(log.fileno(), _PIECE, position):
            position += os.pwrite(log.fileno(), piece, position)
        os.fsync(log.fileno())
