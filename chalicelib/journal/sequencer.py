"""The sequencer: what waits in the outbox becomes part of the log, in order, and each entry once.

The store records first which items of the outbox come next. So a run that follows a crash appends the same bytes at the
same position, and the log takes them as one. Runs may overlap: whoever comes second finds the head changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.home_records import JournalHead
    from chalicelib.journal.log import Log
    from chalicelib.store.journal_records import JournalRecords

BATCH = 500  # items of the outbox; their names lie in the head


def sequence(store: JournalRecords, log: Log, *, now: datetime) -> JournalHead:
    """Append what was pending at the beginning of the call, and publish a checkpoint that has it.

    Raises:
        JournalError: the log does not continue as the store says.
        BucketError: the log cannot be read or written.
    """
    is_last = False
    while True:
        head = store.journal_head()
        try:
            if head.assigned and head.confirmed:
                store.forget_outbox(head)
            elif head.assigned:
                _append(store, log, head, store.assigned_entries(head), now)
            elif pending := [] if is_last else store.list_outbox(limit=BATCH):
                entries = [entry for each in pending for entry in each.entries]
                _append(store, log, store.assign_outbox(head, pending), entries, now)
                is_last = len(pending) < BATCH
            else:
                return head
        except ConflictError:
            continue  # another process has done it


def list_existing(store: JournalRecords, *, pages: int) -> None:
    """Add to the outbox what was there before the journal, until everything is; a later call goes on."""
    for _ in range(pages):
        head = store.journal_head()
        if head.version and head.listed_to is None:
            return
        try:
            store.list_existing(head)
        except ConflictError:
            continue  # another process does it


def _append(store: JournalRecords, log: Log, head: JournalHead, entries: Sequence[bytes], now: datetime) -> None:
    size = head.size + len(entries)
    checkpoint = log.append(head.size, entries, now=now)
    root = checkpoint.root if checkpoint.size == size else log.root_at(size)
    store.confirm_outbox(head, size=size, root=root.hex(), at=checkpoint.at or now)
