"""Search entries of certificates in the table. What the methods promise is said in `chalicelib.store.Store`."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING, Literal

from chalicelib import arn as arns
from chalicelib.records import Certificate, Revocation
from chalicelib.store import SEPARATOR, items, search_value
from chalicelib.store.table import Index, Put
from chalicelib.store.table_base import Base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from chalicelib.store import Span
    from chalicelib.store.table import Item, Write

_BATCH = 80  # a transaction has 100 items, and some are the certificate's own
_LAST = "\U0010ffff"
_COUNTED: dict[str, Index | None] = {"issued": "list", "expires": "list", "revoked": None}


def entries(certificate: Certificate, terms: Sequence[tuple[str, str]]) -> list[list[Write]]:
    """The writes that make a certificate found by its terms, in batches for a transaction each."""
    end, template = f"{items.micros(certificate.not_after):020d}", certificate.template_arn.split("/")[1]
    wanted = [("expires", end), ("template", template), *terms]
    puts: list[Write] = [Put(items.find_item(certificate, kind, value)) for kind, value in dict.fromkeys(wanted)]
    return [puts[start : start + _BATCH] for start in range(0, len(puts), _BATCH)]


class Search(Base):
    """Certificates by what is in them."""

    def find_certificates(self, ca_arn: str, span: Span, *, after: str = "", limit: int) -> list[tuple[str, int]]:
        shards = [self._positions(ca_arn, span, shard, after, limit) for shard in range(items.FIND_SHARDS)]
        found = islice(heapq.merge(*shards), limit)
        return [(position, int(position[-32:], 16)) for position in found]

    def count_certificates(
        self, account_id: str, kind: Literal["issued", "expires", "revoked"], edges: Sequence[datetime]
    ) -> list[int]:
        pks = [items.counted_partition(kind, account_id, shard) for shard in range(items.COUNT_SHARDS)]
        return self.table.count(_COUNTED[kind], pks, [f"{items.micros(edge):020d}" for edge in edges])

    def last_expiry(self, ca_arn: str, *, beside: int) -> datetime | None:
        kind, own = f"expires{SEPARATOR}", arns.serial_hex(beside)
        shards = (items.find_partition(ca_arn, shard) for shard in range(items.FIND_SHARDS))
        found = (str(item["sk"]) for pk in shards for item in self.table.last(None, pk, up_to=kind + _LAST, limit=2))
        ends = [int(sk.split(SEPARATOR)[1]) for sk in found if sk.startswith(kind) and not sk.endswith(own)]
        return items.moment(max(ends)) if ends else None

    def last_certificates(self, ca_arn: str, *, limit: int) -> list[Certificate]:
        return [items.from_item(Certificate, item) for item in self._last(items.list_partition, ca_arn, limit)]

    def last_revocations(self, ca_arn: str, *, limit: int) -> list[Revocation]:
        return [items.from_item(Revocation, item) for item in self._last(items.revoked_partition, ca_arn, limit)]

    def _last(self, partition: Callable[[str, int], str], ca_arn: str, limit: int) -> list[Item]:
        shards = (partition(ca_arn, shard) for shard in range(items.LIST_SHARDS))
        found = (item for pk in shards for item in self.table.last("list", pk, limit=limit))
        return heapq.nlargest(limit, found, key=lambda item: str(item["list_sk"]))

    def _positions(self, ca_arn: str, span: Span, shard: int, after: str, limit: int) -> Iterator[str]:
        if span.kind == "revoked":
            found = self.table.query(items.revocation_partition(ca_arn, shard), after=after, limit=limit)
            return (str(item["sk"]) for item in found)
        if span.kind == "issued":
            first, last = max(after, span.first), span.last + _LAST
            listed = items.list_partition(ca_arn, shard)
            found = self.table.query_index("list", listed, after=first, up_to=last, limit=limit)
            return (str(item["list_sk"]) for item in found)
        first, last = (f"{span.kind}{SEPARATOR}{search_value(each)}" for each in (span.first, span.last))
        last += SEPARATOR if span.whole else ""
        partition = items.find_partition(ca_arn, shard)
        found = self.table.query(partition, after=max(after, first), up_to=last + _LAST, limit=limit)
        return (str(item["sk"]) for item in found)
