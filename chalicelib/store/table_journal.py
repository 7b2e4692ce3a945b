"""The outbox and the head of the journal in the table; `chalicelib.store.journal_records` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

import heapq
import json
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Self

from chalicelib.home_records import JournalHead, JournalVerification, Pending
from chalicelib.store import ConflictError, items, journal_entries, journal_items
from chalicelib.store.journaled import JournaledTable
from chalicelib.store.table import ABSENT, PRESENT, Check, ConditionFailedError, Delete, Key, Put
from chalicelib.store.table_base import MOST_WRITES, Base, version_is

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.store.table import Condition, Item, Write

_MOST_REMOVED = MOST_WRITES - 1  # beside the head
_MOST_LISTED = MOST_WRITES - 1  # beside the item of the outbox


class Journal(Base):
    """Entries that are pending, and where the journal ends."""

    def journal_head(self) -> JournalHead:
        item = self.table.get(journal_items.HEAD)
        return JournalHead() if item is None else items.from_item(JournalHead, item)

    def get_journal_verification(self) -> JournalVerification | None:
        item = self.table.get(journal_items.VERIFICATION)
        return None if item is None else items.from_item(JournalVerification, item)

    def put_journal_verification(self, verification: JournalVerification) -> None:
        self.table.write(Put(items.to_item(verification, journal_items.VERIFICATION)))

    def list_outbox(self, *, limit: int) -> list[Pending]:
        shards = [self.table.query(pk, limit=limit) for pk in journal_items.outbox_partitions()]
        oldest = heapq.merge(*shards, key=lambda item: str(item["sk"]))
        return [
            Pending(journal_items.outbox_name(item), journal_items.outbox_entries(item))
            for item in islice(oldest, limit)
        ]

    def assign_outbox(self, head: JournalHead, pending: Sequence[Pending]) -> JournalHead:
        waiting = sum(len(each.entries) for each in pending)
        names = tuple(each.name for each in pending)
        return self._put(head, replace(head, assigned=names, waiting=waiting, confirmed=False))

    def assigned_entries(self, head: JournalHead) -> list[bytes]:
        found = [self.table.get(key) for key in _keys(head)]
        if None in found:
            raise ConflictError("The entries are in the journal already.")
        return [entry for item in found if item is not None for entry in journal_items.outbox_entries(item)]

    def confirm_outbox(self, head: JournalHead, *, size: int, root: str, at: datetime) -> JournalHead:
        done = replace(head, size=size, root=root, published_at=at, waiting=0, confirmed=True)
        if len(head.assigned) <= _MOST_REMOVED:
            return self._put(head, replace(done, assigned=()), [Delete(key) for key in _keys(head)])
        return self.forget_outbox(self._put(head, done))

    def forget_outbox(self, head: JournalHead) -> JournalHead:
        keys = _keys(head)
        self._delete(keys[_MOST_REMOVED:])
        return self._put(head, replace(head, assigned=()), [Delete(key) for key in keys[:_MOST_REMOVED]])

    def list_existing(self, head: JournalHead) -> JournalHead:
        after = Key(*json.loads(head.listed_to)) if head.listed_to else None
        page = next(self.table.scan(after), [])
        for begin in range(0, len(page), _MOST_LISTED):
            self._list(page[begin : begin + _MOST_LISTED])
        return self._put(head, replace(head, listed_to=json.dumps(items.key_of(page[-1])) if page else None))

    def _list(self, page: Sequence[Item]) -> None:
        """Add entries for items, unless they have just changed: then their entries follow anyway."""
        left = [item for item in page if journal_entries.encoded([Put(item)])]
        while left:
            checks = [Check(items.key_of(item), _unchanged(item)) for item in left]
            entries = journal_entries.encoded([Put(item) for item in left])
            try:
                self.table.write(*checks, self._pending(entries))
            except ConditionFailedError as error:
                left = [item for position, item in enumerate(left) if position not in error.items]
            else:
                return

    def adopt_journal(self, head: JournalHead, *, size: int, root: str, accepted: bool = False) -> JournalHead:
        new = replace(head, size=size, root=root, assigned=(), waiting=0, confirmed=False)
        if not accepted:
            return self._put(head, new)
        entry = journal_entries.accepted(head.size, head.root)
        return self._put(head, replace(new, listed_to=""), [self._pending([entry])])

    def _pending(self, entries: Sequence[bytes]) -> Write:
        table = self.table if isinstance(self.table, JournaledTable) else JournaledTable(self.table)
        return table.pending(entries)

    def unjournaled(self) -> Self:
        """Return a store over the same table whose writes are not in the journal."""
        return type(self)(getattr(self.table, "inner", self.table))

    def _put(self, old: JournalHead, new: JournalHead, others: Sequence[Write] = ()) -> JournalHead:
        new = replace(new, version=old.version + 1, listed_to=new.listed_to if old.version else "")
        item = items.to_item(new, journal_items.HEAD)
        try:
            self.table.write(Put(item, version_is(old.version) if old.version else ABSENT), *others)
        except ConditionFailedError as error:
            raise ConflictError("Another process has written the head of the journal.") from error
        return new


def _keys(head: JournalHead) -> list[Key]:
    return [journal_items.outbox_key(name) for name in head.assigned]


def _unchanged(item: Item) -> Condition:
    """Condition under which an entry for an item still tells the truth; what only grows needs no version."""
    return version_is(int(item["version"])) if journal_entries.is_whole(item) and "version" in item else PRESENT
