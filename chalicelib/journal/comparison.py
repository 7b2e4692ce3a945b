"""The comparison of the database with its journal: the same, the database behind, or a journal that was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.journal import JournalError

if TYPE_CHECKING:
    from chalicelib.home_records import JournalHead
    from chalicelib.journal.checkpoints import Checkpoint
    from chalicelib.journal.log import Log
    from chalicelib.store.journal_records import JournalRecords

_TRIES = 3
_RUN = "signet reconcile --journal"
_DECIDE = f"find out who changed it and put it back, or accept it as it is: `{_RUN} --accept-fork`"
_REPLACE = f"put the journal back as it was, or move it away and begin another one: `{_RUN} --accept-fork`"


class Difference(NamedTuple):
    """Why the database and its journal do not go together.

    Attributes:
        reason: one sentence.
        remedy: what to do.
        is_behind: the journal has more, and the database can be brought forward.
    """

    reason: str
    remedy: str = _DECIDE
    is_behind: bool = False


def difference(store: JournalRecords, log: Log) -> Difference | None:
    """Compare the head in the database with the checkpoint of the log; None if they go together.

    Raises:
        BucketError: the log cannot be read.
        StoreError: the database cannot be read.
    """
    for _ in range(_TRIES):
        head = store.journal_head()
        try:
            checkpoint = log.checkpoint()
            found = _judge(log, head, checkpoint)
        except JournalError as error:
            return Difference(str(error), _REPLACE)
        if found is None or store.journal_head() == head:
            return found
    return None  # other processes append to it at this very moment, and compare with each run


def _judge(log: Log, head: JournalHead, checkpoint: Checkpoint | None) -> Difference | None:
    if checkpoint is None:
        return Difference(f"The journal is lost: the database knows of {head.size} entries.") if head.size else None
    if checkpoint.size < head.size:
        return Difference(f"The journal has {checkpoint.size} entries, but the database knows of {head.size}.")
    if head.size and log.root_at(head.size).hex() != head.root:
        return Difference(f"The journal was rewritten: its first {head.size} entries are not those of the database.")
    more = checkpoint.size - head.size
    if more > head.waiting:  # a run that has not ended may have appended so many
        return Difference(f"The database lacks {more} entries of its journal.", f"run `{_RUN}`", is_behind=True)
    return None
