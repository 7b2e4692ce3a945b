"""The connection that writes: how long a commit waits, and when the log is copied into the database."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from chalicelib.store.sqlite_rows import Cursor

# Between two copies, so that the log has about 1,000 pages, as SQLite would leave it: small rows change 1.4 pages each.
_ROWS = 500
_BYTES = 4_000_000


class Writer:
    """One connection; its process has the turn to write while it is used."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take over a connection that waits for the disk (`synchronous = FULL`)."""
        self.connection = connection
        self.cursor: Cursor = connection.cursor(Cursor)
        self._waits, self._copied = True, 0
        # Nothing is copied while a commit does not wait: that would sync the log and hide it if the disk refuses.
        self.cursor.execute("PRAGMA wal_autocheckpoint = 0")

    def begin(self, *, durable: bool) -> None:
        """Begin a transaction, whose commit waits for the disk or not."""
        if durable != self._waits:
            self.cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._waits = durable
        self.cursor.execute("BEGIN IMMEDIATE")

    def copy_log(self) -> None:
        """Copy the log into the database if much was written; a commit that waited has just ended.

        An error is ignored, as SQLite does when it copies by itself: what is committed is in the log, on the disk.
        """
        changes = self.connection.total_changes
        if changes - self._copied >= _ROWS or self.cursor.stored >= _BYTES:
            self._copied, self.cursor.stored = changes, 0
            with suppress(sqlite3.Error):
                self.cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
