"""A mark beside the database while its write-ahead log may hold writes that the database file lacks.

SQLite opens a database whose log was deleted without a word, and the writes in the log are gone. So a process makes the
mark after its first commit that waited for the disk, before that returns. Whoever closes the database last copies the
log into the database file and removes the mark. A mark without a log therefore means lost writes.

Each process that has written holds a shared lock on the mark, which ends with the process. SQLite removes the log when
its last connection is closed, so a process keeps one connection open until it removes the mark or ends.

Source: SQLite, "Write-Ahead Logging", sections 2.2 and 4; "Database File Format", section 4.1.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from chalicelib import files
from chalicelib.store import RecordError

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = bytes.fromhex("377f06")  # the fourth byte is the byte order of the checksums
_BUSY_MILLISECONDS = 2_000  # others that open or close the database wait for this process
_LEFT: list[WalMark] = []  # open until the process ends, so that the log stays


def check(database: Path) -> None:
    """Check that the log of a database is present if there has to be one; called before the database is opened.

    Raises:
        RecordError: it was deleted or emptied.
    """
    if is_marked(database) and not _has_log(database):
        raise RecordError(
            f"{_beside(database, '-wal')} is lost, and with it the last writes: restore {database.parent} from a "
            "backup. If another program has closed the database since Signet was killed, no write is lost: remove "
            f"{_beside(database, '.open')}."
        )


def is_marked(database: Path) -> bool:
    """Tell whether the log of a database may hold writes that its file lacks."""
    return _beside(database, ".open").exists()


def _has_log(database: Path) -> bool:
    """Whether the log begins as a log does; one that was emptied while a process wrote on begins with zeros."""
    try:
        with _beside(database, "-wal").open("rb") as log:
            return log.read(len(_MAGIC)) == _MAGIC
    except FileNotFoundError:
        return False


def lock_of(database: Path) -> Path:
    """The file whose lock a process holds while it opens or closes the database."""
    return _beside(database, ".lock")


class WalMark:
    """The mark of one process for one database, and the connection that stays open."""

    def __init__(self, database: Path, connection: sqlite3.Connection) -> None:
        self._database, self._connection, self._process = database, connection, os.getpid()
        self._descriptor: int | None = None
        self._is_closed = False

    def has(self, connection: sqlite3.Connection) -> bool:
        """Tell whether this is the connection that stays open as long as the log is needed."""
        return connection is self._connection

    def written(self) -> None:
        """Make the mark unless this process has; a commit has succeeded, and nobody has been told yet."""
        if self._descriptor is not None:
            return
        with files.locked(lock_of(self._database)):
            mark = _beside(self._database, ".open")
            self._descriptor = os.open(mark, os.O_RDWR | os.O_CREAT, 0o600)
            os.fsync(self._descriptor)
            files.sync_directory(mark.parent)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def close(self, *, wait: bool = True) -> None:
        """Remove the mark if no other process has written, and nobody reads; close the connection.

        Args:
            wait: for others that open or close the database at this moment. The collector of garbage must not: it may
                have interrupted one of them. What it cannot close is closed at the end of the process.
        """
        if self._is_closed or os.getpid() != self._process:
            return
        try:
            self._is_closed = self._removed(wait=wait)
        except (OSError, sqlite3.Error):  # the directory may be gone
            self._is_closed = not self._database.exists()
        if not self._is_closed:
            _LEFT.append(self)
            return
        self._connection.close()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _removed(self, *, wait: bool) -> bool:
        """Remove the mark; True if nobody needs this process's connection any more."""
        mark = _beside(self._database, ".open")
        with files.locked(lock_of(self._database), wait=wait):
            if not mark.exists():
                return True
            descriptor = os.open(mark, os.O_RDWR) if self._descriptor is None else self._descriptor
            try:
                with suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    try:
                        return self._emptied(mark, wait=wait)
                    finally:
                        fcntl.flock(descriptor, fcntl.LOCK_SH)  # who writes next does not wait for this process
                return True
            finally:
                if self._descriptor is None:
                    os.close(descriptor)

    def _emptied(self, mark: Path, *, wait: bool) -> bool:
        """Copy the log into the database, and then remove the mark; False if somebody uses the database.

        The log stays: a mark without a log would mean lost writes, and the power may go before the mark does. An
        emptied log is not copied: it would overwrite the database with zeros.
        """
        if not _has_log(self._database):
            return False
        self._connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS if wait else 0}")
        (is_busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        if not is_busy:
            files.remove(mark)
        return not is_busy


@atexit.register
def _close_left() -> None:
    for mark in [*_LEFT]:
        mark.close()


def _beside(database: Path, suffix: str) -> Path:
    return database.with_name(database.name + suffix)
