"""Audit records in the table; `chalicelib.store.audit_records.AuditRecords` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

import heapq
import re
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.home_records import AuditHead
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, Clause, ConditionFailedError, Put
from chalicelib.store.table_base import Base

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from chalicelib.store.audit_records import SigningPurpose
    from chalicelib.store.table import Item

_PAGE = 100
_MOST_BYTES = 1 << 20
_POSITION = re.compile(r"([0-9]{20})\.([0-9a-f-]{36})\.([0-9]{12})", re.ASCII)


class Audit(Base):
    """Audit records by chain and by account, heads, and the keys that sign them and the journal."""

    def get_signing_key(self, purpose: SigningPurpose) -> bytes | None:
        item = self.table.get(items.signing_key(purpose))
        return None if item is None else bytes(item["sealed"])  # type: ignore[arg-type]  # as `put_signing_key` wrote it

    def get_public_key(self, purpose: SigningPurpose) -> bytes | None:
        item = self.table.get(items.signing_key(purpose)) or {}
        return bytes(item["public"]) if "public" in item else None  # type: ignore[arg-type]  # as `put_signing_key` wrote it

    def put_signing_key(self, purpose: SigningPurpose, sealed: bytes, public: bytes) -> None:
        item = {**items.signing_key(purpose)._asdict(), "sealed": sealed, "public": public}
        try:
            self.table.write(Put(item, ABSENT))
        except ConditionFailedError as error:
            raise ConflictError(f"There is a key of the {purpose}.") from error

    def put_audit_head(self, head: AuditHead) -> None:
        behind = (Clause("sequence", "<=", head.sequence - 1),)
        try:
            self.table.write(Put(items.audit_head_item(head), (*ABSENT, behind)))
        except ConditionFailedError:
            return  # another process has published a later one

    def list_audit_heads(self) -> list[AuditHead]:
        return [items.from_item(AuditHead, item) for item in self.table.query(items.AUDIT_HEADS)]

    def append_audit_record(
        self, line: bytes, head: AuditHead, accounts: Sequence[str], *, now: datetime, expires_at: datetime
    ) -> None:
        key = items.audit_record_key(head.chain, head.sequence)
        writes = []
        for number, account_id in enumerate(accounts or ("",)):
            listed = items.audit_list_key(account_id, now, head.chain, head.sequence)
            item: Item = {
                "pk": key.pk,
                "sk": f"{key.sk}#{account_id}" if number else key.sk,
                "line": zlib.compress(line),  # half the write units
                "ttl": int(expires_at.timestamp()),
                "list_pk": listed.pk,
                "list_sk": listed.sk,
            }
            writes.append(Put(item, ABSENT))
        is_next = ABSENT if head.sequence == 1 else ((Clause("sequence", "=", head.sequence - 1),),)
        try:
            self.table.write(*writes, Put(items.audit_head_item(head), is_next))
        except ConditionFailedError as error:
            raise ConflictError(f"The audit chain {head.chain} does not end before record {head.sequence}.") from error

    def audit_chain(self, chain: str) -> Iterator[tuple[int, bytes]]:
        for item in self.table.query(items.audit_record_key(chain, 0).pk):
            if "#" not in str(item["sk"]):
                yield int(str(item["sk"])), _line(item)

    def get_audit_record(self, position: str) -> bytes | None:
        match = _POSITION.fullmatch(position)
        item = self.table.get(items.audit_record_key(match[2], int(match[3]))) if match else None
        return None if item is None else _line(item)

    def newest_audit_records(
        self, account_id: str, *, before: str, now: datetime, back: timedelta
    ) -> Iterator[tuple[str, bytes]]:
        if before and _POSITION.fullmatch(before) is None:
            raise ValueError(before)
        bound = before.replace(".", "#") or "~"
        at = items.moment(int(before[:20])) if before else now
        while at >= now - back - timedelta(days=31):
            shards = [self._audit_shard(pk, bound) for pk in items.audit_partitions(account_id, f"{at:%Y%m}")]
            for item in heapq.merge(*shards, key=lambda item: str(item["list_sk"]), reverse=True):
                yield str(item["list_sk"]).replace("#", "."), _line(item)
            at = at.replace(day=1) - timedelta(days=1)

    def _audit_shard(self, pk: str, bound: str) -> Iterator[Item]:
        """Yield the items of an index partition before a sort key, the last one first, read in pages."""
        while True:
            page = [item for item in self.table.last("list", pk, up_to=bound, limit=_PAGE) if item["list_sk"] != bound]
            yield from page
            if len(page) < _PAGE - 1:
                return
            bound = str(page[-1]["list_sk"])


def _line(item: Item) -> bytes:
    """Return the line of an item, as far as a line may reach; b"" where it is damaged."""
    try:
        return zlib.decompressobj().decompress(bytes(item["line"]), _MOST_BYTES)  # type: ignore[arg-type]  # as written
    except zlib.error:
        return b""
