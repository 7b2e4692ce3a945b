"""Lists of certificates from the indexes of the table; `chalicelib.store.Store` documents the methods.

Accounts and CAs have different indexes of time, whose sort keys hold the same parts in the same order.
"""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib.records import Certificate
from chalicelib.store import SEPARATOR, items, search_items, search_value
from chalicelib.store.listing_queries import Entry
from chalicelib.store.table_base import Base

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from chalicelib.store import Span
    from chalicelib.store.listing_queries import Period
    from chalicelib.store.table import Index, Key

_LAST = "\U0010ffff"
MOST_COUNTED = 100_000  # for a page: 10 milliseconds of SQLite, 2,500 read units of DynamoDB
_AT_LEAST = 8  # entries, at whose cost a partition without any is read


class _Source(NamedTuple):
    """An index of time.

    Attributes:
        where: the index of the table; None: the table itself.
        partition: the name of each of its partitions.
        prefix: of the sort keys, which go on with a time.
    """

    where: Index | None
    partition: Callable[[str, int], str]
    shards: int
    prefix: str = ""


def _counted(kind: str) -> Callable[[str, int], str]:
    return lambda account_id, shard: search_items.counted_partition(kind, account_id, shard)


# By the kind of a period, and whether its scope is a CA.
_SOURCES = {
    ("issued", False): _Source("list", _counted("issued"), search_items.COUNT_SHARDS),
    ("expires", False): _Source("list", _counted("expires"), search_items.COUNT_SHARDS),
    ("revoked", False): _Source(None, _counted("revoked"), search_items.COUNT_SHARDS),
    ("issued", True): _Source("list", items.list_partition, items.LIST_SHARDS),
    ("expires", True): _Source(None, search_items.find_partition, search_items.FIND_SHARDS, f"expires{SEPARATOR}"),
    ("revoked", True): _Source("list", items.revoked_partition, items.LIST_SHARDS),
}


class Listing(Base):
    """Lists and counts of certificates."""

    def entries_by_time(self, period: Period, *, beyond: str = "", backwards: bool = False, limit: int) -> list[Entry]:
        source, pks, first, last = _bounds(period)
        first, last = (first, min(beyond or last, last)) if backwards else (max(beyond, first), last)
        if first >= last:  # DynamoDB refuses such a span
            return []
        keys = self.table.keys(source.where, pks, first, last, backwards=backwards, limit=limit)
        return [_entry_of_time(key, period.scope, source.prefix) for key in keys]

    def count_by_time(self, period: Period, *, most: int | None = None) -> tuple[int, bool]:
        source, pks, first, last = _bounds(period)
        bound = MOST_COUNTED if most is None else most
        if first >= last:
            return 0, True
        (number,) = self.table.count(source.where, pks, [first, last], most=bound + 1)
        return min(number, bound), number <= bound

    def count_failed(self, ca_arns: Sequence[str]) -> int:
        (number,) = self.table.count("due", list(map(items.failed_partition, ca_arns)), ["0", _LAST])
        return number

    def entries_by_name(self, ca_arns: Sequence[str], span: Span, *, beyond: str = "", limit: int) -> list[Entry]:
        first, last = (f"{span.kind}{SEPARATOR}{search_value(value)}" for value in (span.first, span.last))
        last += (SEPARATOR if span.whole else "") + _LAST
        pks = [search_items.find_partition(arn, shard) for arn in ca_arns for shard in range(search_items.FIND_SHARDS)]
        keys = self.table.keys(None, pks, max(beyond, first), last, limit=limit)
        return [_entry_of_name(key) for key in keys]

    def entries_ending(
        self, ca_arn: str, kind: Literal["san", "subject"], ending: str, *, beyond: str = "", most: int
    ) -> tuple[list[Entry], str, int]:
        first, last = f"{kind}{SEPARATOR}", f"{kind}{SEPARATOR}{_LAST}"
        entries, read = list[Entry](), 0
        for shard in range(int(beyond[:1] or "0", 16), search_items.FIND_SHARDS):
            if read >= most:
                return entries, f"{shard:x}", read
            limit = most - read
            keys = self.table.keys(
                None, [search_items.find_partition(ca_arn, shard)], beyond[1:] or first, last, limit=limit
            )
            entries += [entry for entry in map(_entry_of_name, keys) if entry.value.endswith(ending)]
            read += max(len(keys), _AT_LEAST)
            beyond = ""
            if len(keys) == limit:
                return entries, f"{shard:x}{keys[-1].sk}", read
        return entries, "", read

    def most_searched(self) -> int:
        return self.table.MOST_PARTITIONS // search_items.FIND_SHARDS

    def get_certificates(self, entries: Sequence[Entry], ca_arns: Sequence[str]) -> list[Certificate | None]:
        keys = [items.certificate_key(arn, int(entry.serial, 16)) for entry, arn in zip(entries, ca_arns, strict=True)]
        return [None if item is None else items.from_item(Certificate, item) for item in self.table.get_many(keys)]


def _bounds(period: Period) -> tuple[_Source, list[str], str, str]:
    """The index of a period, its partitions, and two values between which its sort keys are."""
    source = _SOURCES[period.kind, period.scope.startswith("arn:")]
    pks = [source.partition(period.scope, shard) for shard in range(source.shards)]
    first, last = _digits(period.begins, "0"), _digits(period.ends, _LAST)
    return source, pks, source.prefix + first, source.prefix + last


def _digits(moment: datetime | None, without: str) -> str:
    return without if moment is None else f"{max(0, items.micros(moment)):020d}"


def _entry_of_time(key: Key, scope: str, prefix: str) -> Entry:
    parts = key.sk.removeprefix(prefix).replace(SEPARATOR, "#").split("#")
    ca_id = items.ca_id_of(scope) if scope.startswith("arn:") else parts[1]
    return Entry(key.sk, ca_id, parts[-1], parts[0])


def _entry_of_name(key: Key) -> Entry:
    _, value, time, serial = key.sk.split(SEPARATOR)
    return Entry(key.sk, key.pk.split("#")[1], serial, time, value)
