"""The journal of this home: its log and its outbox, and whether the database and the log tell the same."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import logs
from chalicelib.buckets import BucketError
from chalicelib.journal import JournalError, comparison, forward, sequencer
from chalicelib.journal.comparison import Difference
from chalicelib.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from chalicelib.home_records import JournalHead
    from chalicelib.journal.forward import Report
    from chalicelib.journal.log import Log
    from chalicelib.store.table_store import TableStore

KNOWN_FOR = timedelta(seconds=30)  # a process compares again after it
_PAGES = 5  # of what was there before the journal: so much is listed by a run


class NotServingError(JournalError):
    """Nothing may change or be signed, because the database and its journal do not go together."""


class Journal:
    """What a process knows of the journal.

    Attributes:
        log: the log.
        failure: why the last run of the sequencer failed; empty if it did not.
    """

    def __init__(self, store: TableStore, log: Log) -> None:
        self._store, self.log, self.failure = store, log, ""
        self._turn = threading.Lock()
        self._known: tuple[Difference | None, datetime] | None = None

    def run(self, now: datetime) -> JournalHead:
        """Do what the schedule does: list what was there before the journal, step by step, and append what is pending.

        Raises:
            NotServingError: the database and its journal do not go together.
            JournalError, BucketError: as `sequence`.
        """
        self.require(now)
        with self._turn:
            sequencer.list_existing(self._store, pages=_PAGES)
        return self.sequence(now)

    def sequence(self, now: datetime) -> JournalHead:
        """Append what is pending, and publish a checkpoint that has it; the threads of a process take turns.

        Raises:
            JournalError: the log does not continue as the database says.
            BucketError: the log cannot be read or written.
        """
        with self._turn:
            try:
                head = sequencer.sequence(self._store, self.log, now=now)
            except (JournalError, BucketError, StoreError) as error:
                self.failure = str(error)
                if self._known:
                    self._known = self._known[0], now - KNOWN_FOR  # compare again
                raise
            self.failure = ""
            return head

    def difference(self, now: datetime) -> Difference | None:
        """Return why the database and the journal do not go together, as seen in the last seconds; None if they do."""
        known = self._known
        if not _is_fresh(known, now):
            with self._turn:
                known = self._known  # another thread may have compared meanwhile
                if not _is_fresh(known, now):
                    known = self._known = (self._compared(known[0] if known else None, is_first=known is None), now)
        return known[0] if known else None

    def _compared(self, before: Difference | None, *, is_first: bool) -> Difference | None:
        """Compare; a journal that cannot be read stops a process that has never compared."""
        try:
            found = comparison.difference(self._store, self.log)
        except BucketError as error:
            if is_first:
                return Difference(f"The journal cannot be read: {error}", "see that its bucket can be read")
            return before
        if found != before:
            level, event = (logging.ERROR, "journal_differs") if found else (logging.INFO, "journal_agrees")
            logs.log(event, level, **(found._asdict() if found else {}))
        return found

    def require(self, now: datetime) -> None:
        """Raise `NotServingError` if the database and the journal do not go together."""
        found = self.difference(now)
        if found is not None:
            raise NotServingError(f"{found.reason} Remedy: {found.remedy}.")

    def bring_forward(self, now: datetime, progress: Callable[[int], object] = lambda _: None) -> Report:
        """Let the database learn from the journal what it lacks; nothing if it is not behind.

        Raises:
            JournalError: the log is damaged, or a later release wrote an entry.
            BucketError, StoreError: the log cannot be read, or the database written.
        """
        with self._turn:
            found = comparison.difference(self._store, self.log)
            if found is None or not found.is_behind:
                return forward.Report()
            report = forward.bring_forward(self._store.unjournaled(), self.log, now=now, progress=progress)
            self._known = None
        return report

    def accept(self, now: datetime) -> None:
        """Go on from the log as it is, whatever the database knew of it; an entry and a list of everything follow.

        The database learns the revocations and serial numbers of the log first, so that nothing is forgotten.

        Raises:
            JournalError: the log is damaged: nothing can be appended to it.
            BucketError: it cannot be read.
        """
        with self._turn:
            checkpoint = self.log.checkpoint()
            size, root = (checkpoint.size, checkpoint.root.hex()) if checkpoint else (0, "")
            forward.learn(self._store.unjournaled(), self.log, now=now)
            self._store.adopt_journal(self._store.journal_head(), size=size, root=root, accepted=True)
            self._known = None


def _is_fresh(known: tuple[Difference | None, datetime] | None, now: datetime) -> bool:
    return known is not None and abs(now - known[1]) < KNOWN_FOR
