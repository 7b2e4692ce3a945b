"""Search entries of certificates in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING, Literal

from chalicelib import arn as arns
from chalicelib.records import Certificate, Revocation
from chalicelib.store import SEPARATOR, items, search_items, search_value
from chalicelib.store.overview_queries import CertificateCounts
from chalicelib.store.table import Index, Put
from chalicelib.store.table_base import Base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from chalicelib.store import Span
    from chalicelib.store.table import Write

_BATCH = 80  # entries in a transaction of 100 items; the certificate itself needs some
_LAST = "\U0010ffff"
_COUNTED: dict[str, Index | None] = {"issued": "list", "expires": "list", "revoked": None}


def entries(certificate: Certificate, terms: Sequence[tuple[str, str]]) -> list[list[Write]]:
    """Writes of a certificate's search entries, in batches of one transaction each."""
    expiry, template = f"{items.micros(certificate.not_after):020d}", certificate.template_arn.split("/")[1]
    values = [("expires", expiry), ("template", template), *terms]
    puts: list[Write] = [Put(item) for item in search_items.find_items(certificate, dict.fromkeys(values))]
    return [puts[start : start + _BATCH] for start in range(0, len(puts), _BATCH)]


class Search(Base):
    """Searches, counts and most recent records."""

    def find_certificates(self, ca_arn: str, span: Span, *, after: str = "", limit: int) -> list[tuple[str, int]]:
        shards = [self._positions(ca_arn, span, shard, after, limit) for shard in range(search_items.FIND_SHARDS)]
        positions = islice(heapq.merge(*shards), limit)
        return [(position, int(position[-32:], 16)) for position in positions]

    def count_certificates(
        self, account_id: str, kind: Literal["issued", "expires", "revoked"], edges: Sequence[datetime]
    ) -> list[int]:
        pks = [search_items.counted_partition(kind, account_id, shard) for shard in range(search_items.COUNT_SHARDS)]
        return self.table.count(_COUNTED[kind], pks, [f"{items.micros(edge):020d}" for edge in edges])

    def count_issued(self, ca_arns: Sequence[str], since: datetime, until: datetime) -> int:
        pks = [items.list_partition(arn, shard) for arn in ca_arns for shard in range(items.LIST_SHARDS)]
        return sum(self.table.count("list", pks, [f"{items.micros(edge):020d}" for edge in (since, until)]))

    def list_expiring(
        self, account_id: str, *, since: datetime, until: datetime, limit: int
    ) -> list[tuple[datetime, str, int]]:
        first, last = (f"{items.micros(edge):020d}" for edge in (since, until))  # no sort key is so short
        shards = (
            search_items.counted_partition("expires", account_id, shard) for shard in range(search_items.COUNT_SHARDS)
        )
        pages = [self.table.query_index("list", pk, after=first, up_to=last, limit=limit) for pk in shards]
        keys = (str(item["list_sk"]).split("#") for item in heapq.merge(*pages, key=lambda item: str(item["list_sk"])))
        return [(items.moment(int(at)), ca_id, int(serial, 16)) for at, ca_id, serial in islice(keys, limit)]

    def count_of(self, ca_arn: str) -> CertificateCounts:
        shards = range(items.LIST_SHARDS)
        reserved = [items.list_partition(ca_arn, shard) for shard in shards]
        revoked = [items.revoked_partition(ca_arn, shard) for shard in shards]
        everything = ["0", _LAST]  # sort keys begin with a time
        return CertificateCounts(
            reserved=sum(self.table.count("list", reserved, everything)),
            failed=sum(self.table.count("due", [items.failed_partition(ca_arn)], everything)),
            revoked=sum(self.table.count("list", revoked, everything)),
        )

    def last_expiry(self, ca_arn: str, *, beside: int) -> datetime | None:
        kind, excluded = f"expires{SEPARATOR}", arns.serial_hex(beside)
        shards = (search_items.find_partition(ca_arn, shard) for shard in range(search_items.FIND_SHARDS))
        last = (str(item["sk"]) for pk in shards for item in self.table.last(None, pk, up_to=kind + _LAST, limit=2))
        expiries = [int(sk.split(SEPARATOR)[1]) for sk in last if sk.startswith(kind) and not sk.endswith(excluded)]
        return items.moment(max(expiries)) if expiries else None

    def last_certificates(self, ca_arn: str, *, limit: int) -> list[Certificate]:
        serials = self._last(items.list_partition, ca_arn, limit)
        found = self.table.get_many([items.certificate_key(ca_arn, int(serial, 16)) for serial in serials])
        return [items.from_item(Certificate, item) for item in found if item is not None]

    def last_revocations(self, ca_arn: str, *, limit: int) -> list[Revocation]:
        serials = self._last(items.revoked_partition, ca_arn, limit)
        found = self.table.get_many([items.revocation_key(ca_arn, serial) for serial in serials])
        return [items.from_item(Revocation, item) for item in found if item is not None]

    def _last(self, partition: Callable[[str, int], str], ca_arn: str, limit: int) -> list[str]:
        """The serial numbers of a CA's last certificates or revocations, by the keys of its shards, newest first."""
        pks = [partition(ca_arn, shard) for shard in range(items.LIST_SHARDS)]
        keys = self.table.keys("list", pks, "0", _LAST, backwards=True, limit=limit)
        return [key.sk.split("#")[1] for key in keys]

    def _positions(self, ca_arn: str, span: Span, shard: int, after: str, limit: int) -> Iterator[str]:
        if span.kind == "revoked":
            page = self.table.query(items.revocation_partition(ca_arn, shard), after=after, limit=limit)
            return (str(item["sk"]) for item in page)
        if span.kind == "issued":
            first, last = max(after, span.first), span.last + _LAST
            partition = items.list_partition(ca_arn, shard)
            page = self.table.query_index("list", partition, after=first, up_to=last, limit=limit)
            return (str(item["list_sk"]) for item in page)
        first, last = (f"{span.kind}{SEPARATOR}{search_value(value)}" for value in (span.first, span.last))
        last += SEPARATOR if span.whole else ""
        partition = search_items.find_partition(ca_arn, shard)
        page = self.table.query(partition, after=max(after, first), up_to=last + _LAST, limit=limit)
        return (str(item["sk"]) for item in page)
