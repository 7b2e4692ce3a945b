"""The table and the buckets in memory: copied in no time, for runs by the thousand.

The store's contract suite holds the table to its port.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING

from chalicelib.buckets import PreconditionFailedError, StoredObject
from chalicelib.store import table
from chalicelib.store.table import ConditionFailedError, Delete, Key, Put, Update
from tests.support.builders import START

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chalicelib.store.table import Index, Item, Write


class MemoryTable:
    """A table of one process; items are never changed in place, so that a copy shares them.

    Attributes:
        items: what is read.
        on_disk: what a power cut leaves.
        intents: every hash that was ever on record.
    """

    MOST_PARTITIONS, MOST_WRITES = 1600 * 16, 100

    def __init__(self, items: Mapping[Key, Item] | None = None, *, page: int = table.PAGE) -> None:
        self.items, self._page = dict(items or {}), page
        self.on_disk, self.intents = dict(self.items), set[object]()

    def get(self, key: Key) -> Item | None:
        return self.items.get(key)

    def write(self, *writes: Write, durable: bool = True) -> None:
        found = [self.items.get(write.key) for write in writes]
        failed = {
            position: item
            for position, (write, item) in enumerate(zip(writes, found, strict=True))
            if not table.holds(write.condition, item)
        }
        if failed:
            raise ConditionFailedError(failed)
        for write, item in zip(writes, found, strict=True):
            if isinstance(write, Put):
                self._put(write.key, write.item)
            elif isinstance(write, Update):
                self._put(write.key, write.apply(item or {"pk": write.key.pk, "sk": write.key.sk}))
            elif isinstance(write, Delete):
                self.items.pop(write.key, None)
        if durable:
            self._sync()

    def settle(self) -> None:
        self._sync()

    def _sync(self) -> None:
        self.on_disk = dict(self.items)

    def _put(self, key: Key, item: Item) -> None:
        self.items[key] = item
        self.intents |= {item.get("tbs_sha256"), item.get("csr_tbs_sha256")}

    def query(self, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None) -> Iterator[Item]:
        return self._pages("", pk, after, up_to, limit)

    def query_index(
        self, index: Index, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        return self._pages(f"{index}_", pk, after, up_to, limit)

    def _pages(self, prefix: str, pk: str, after: str, up_to: str | None, limit: int | None) -> Iterator[Item]:
        pk_name, sk_name, left = f"{prefix}pk", f"{prefix}sk", limit
        while left is None or left > 0:
            inside = [
                item
                for item in self.items.values()
                if item.get(pk_name) == pk and str(item[sk_name]) > after and (up_to is None or item[sk_name] <= up_to)  # type: ignore[operator]  # text
            ]
            size = self._page if left is None else min(left, self._page)
            rows = sorted(inside, key=lambda item: str(item[sk_name]))[:size]
            yield from rows
            if len(rows) < size:
                return
            after = str(rows[-1][sk_name])
            left = None if left is None else left - len(rows)

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        return [self.get(key) for key in keys]

    def scan(self, after: Key | None = None) -> Iterator[list[Item]]:
        keys = sorted(key for key in self.items if after is None or key > after)
        for begin in range(0, len(keys), self._page):
            yield [self.items[key] for key in keys[begin : begin + self._page] if key in self.items]

    def last(self, index: Index | None, pk: str, *, up_to: str | None = None, limit: int) -> Iterator[Item]:
        yield from list(self._pages(f"{index}_" if index else "", pk, "", up_to, None))[: -limit - 1 : -1]

    def keys(
        self, index: Index | None, pks: Sequence[str], first: str, last: str, *, backwards: bool = False, limit: int
    ) -> list[Key]:
        prefix = f"{index}_" if index else ""
        inside = (
            Key(pk, str(item[f"{prefix}sk"])) for pk in pks for item in self._pages(prefix, pk, first, last, None)
        )
        return table.in_order((key for key in inside if key.sk < last), backwards=backwards, limit=limit)

    def count(
        self, index: Index | None, pks: Sequence[str], edges: Sequence[str], *, most: int | None = None
    ) -> list[int]:
        prefix = f"{index}_" if index else ""
        found = [str(item[f"{prefix}sk"]) for pk in pks for item in self._pages(prefix, pk, "", None, None)]
        return [sum(first <= each < last for each in found) for first, last in pairwise(edges)]


class MemoryBuckets:
    """Buckets of one process; a bucket is there when it is first named."""

    def __init__(self, objects: Mapping[tuple[str, str], bytes] | None = None) -> None:
        self.objects = dict(objects or {})

    def check(self, bucket: str, acl: str, ca_arn: str) -> None:
        """Everything can be written."""

    def get(self, bucket: str, key: str) -> StoredObject | None:
        body = self.objects.get((bucket, key))
        if body is None:
            return None
        return StoredObject(body=body, etag=_etag(body), last_modified=START, content_type="application/pkix-crl")

    def put(self, bucket: str, key: str, body: bytes, *, expected_etag: str | None, **_: str) -> str:
        current = self.objects.get((bucket, key))
        if (None if current is None else _etag(current)) != expected_etag:
            raise PreconditionFailedError(f"The object {bucket}/{key} is not the expected one.")
        self.objects[bucket, key] = body
        return _etag(body)

    def put_pieces(self, bucket: str, key: str, pieces: Iterable[bytes], *, content_type: str) -> None:
        self.objects[bucket, key] = b"".join(pieces)

    def remove_below(self, bucket: str, prefix: str) -> None:
        for name in [name for name in self.objects if name[0] == bucket and name[1].startswith(f"{prefix}/")]:
            del self.objects[name]

    def list_buckets(self) -> list[str]:
        return sorted({bucket for bucket, _ in self.objects})

    def create(self, bucket: str) -> None:
        """It is there already."""

    def policy(self, bucket: str) -> str:
        return ""

    def object_url(self, bucket: str, key: str) -> str:
        return f"http://{bucket}/{key}"


def _etag(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
