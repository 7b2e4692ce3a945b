"""A table whose transactions carry their entries of the journal: with what they write, they add an item of the outbox.

So an entry is pending exactly if its transaction has taken place, whatever dies afterwards.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from chalicelib.store import journal_entries, journal_items
from chalicelib.store.table import Put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.store.table import Index, Item, Key, Table, Write


class JournaledTable:
    """Any driver, with the outbox.

    Attributes:
        inner: the driver; what is written there is not in the journal.
    """

    def __init__(self, inner: Table, *, shards: int = 1, nanoseconds: Callable[[], int] = time.time_ns) -> None:
        """Wrap a driver.

        Args:
            inner: the driver.
            shards: partitions of the outbox. One is read as of one moment, so that no write comes before the one that
                it follows from; several take more writes in a second.
            nanoseconds: a clock, which only orders what is pending.
        """
        self.inner, self._shards, self._nanoseconds = inner, shards, nanoseconds
        self.MOST_PARTITIONS = inner.MOST_PARTITIONS
        self.MOST_WRITES = inner.MOST_WRITES
        self._last, self._turn = 0, threading.Lock()

    def write(self, *writes: Write, durable: bool = True) -> None:
        """Make all writes or none, and add their entries to the outbox; the added write comes last and cannot fail."""
        entries = journal_entries.encoded(writes)
        if entries:
            self.inner.write(*writes, self.pending(entries), durable=durable)
        else:
            self.inner.write(*writes, durable=durable)

    def settle(self) -> None:
        """Wait until all that can be read is on the disk."""
        self.inner.settle()

    def pending(self, entries: Sequence[bytes]) -> Put:
        """Return the write that adds entries to the outbox."""
        random = int.from_bytes(os.urandom(4))
        return Put(journal_items.outbox_item(random % self._shards, self._next(), random, entries))

    def _next(self) -> int:
        """A number above the last one of this process, so that what follows from a write comes after it."""
        with self._turn:
            self._last = max(self._last + 1, self._nanoseconds())
            return self._last

    def scan(self, after: Key | None = None) -> Iterator[list[Item]]:
        """Yield all items in pages."""
        return self.inner.scan(after)

    def get(self, key: Key) -> Item | None:
        """Read an item."""
        return self.inner.get(key)

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read items."""
        return self.inner.get_many(keys)

    def query(self, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None) -> Iterator[Item]:
        """Yield the items of a partition."""
        return self.inner.query(pk, after=after, up_to=up_to, limit=limit)

    def query_index(
        self, index: Index, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        """Yield the items of an index partition."""
        return self.inner.query_index(index, pk, after=after, up_to=up_to, limit=limit)

    def last(self, index: Index | None, pk: str, *, up_to: str | None = None, limit: int) -> Iterator[Item]:
        """Yield the last items of a partition."""
        return self.inner.last(index, pk, up_to=up_to, limit=limit)

    def keys(
        self, index: Index | None, pks: Sequence[str], first: str, last: str, *, backwards: bool = False, limit: int
    ) -> list[Key]:
        """List the keys of some partitions between two sort keys."""
        return self.inner.keys(index, pks, first, last, backwards=backwards, limit=limit)

    def count(
        self, index: Index | None, pks: Sequence[str], edges: Sequence[str], *, most: int | None = None
    ) -> list[int]:
        """Count the items of some partitions between edges."""
        return self.inner.count(index, pks, edges, most=most)

    def __getattr__(self, name: str) -> Any:
        """What only the driver has."""
        return getattr(self.inner, name)
