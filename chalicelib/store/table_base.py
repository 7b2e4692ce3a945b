"""Base of the store over a table: the cache of CAs, the removal of segments, due times, versions and tokens."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

import hashlib
import heapq
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.records import CertificateAuthority
from chalicelib.store import TokenMismatchError, items
from chalicelib.store.table import ABSENT, Clause, Delete, Item, Key, Put

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from chalicelib.records import DueKind, IdempotencyToken
    from chalicelib.store.table import Table

_CACHED, _CONVERTED, _ARNS = 1000, 2000, 20_000
_PAGE = 100
MOST_WRITES = 100  # in a transaction


class Base:
    """A table, and the CAs that this process has read."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._cache: dict[str, CertificateAuthority] = {}
        self._converted: dict[str, tuple[Item, CertificateAuthority]] = {}
        self._arns: dict[Key, str] = {}

    def probe(self, *, now: datetime) -> None:
        key = items.probe_key()
        self.table.write(Put({"pk": key.pk, "sk": key.sk, "at": items.micros(now)}))

    def _remember(self, ca: CertificateAuthority) -> CertificateAuthority:
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        self._cache[ca.arn] = ca
        return ca

    def _remember_arn(self, key: Key, arn: str) -> str:
        """Keep the ARN of a CA, which never changes."""
        if len(self._arns) >= _ARNS:
            self._arns.clear()
        self._arns[key] = arn
        return arn

    def _authority(self, item: Item) -> CertificateAuthority:
        """Convert an item to its CA, anew only if the item has changed: an overview reads a thousand of them."""
        self._remember_arn(items.key_of(item), str(item["arn"]))
        known = self._converted.get(str(item["sk"]))
        if known is not None and known[0] == item:
            return known[1]
        if len(self._converted) >= _CONVERTED:
            self._converted.clear()
        ca = items.from_item(CertificateAuthority, item)
        self._converted[str(item["sk"])] = (item, ca)
        return ca

    def _used_for(self, token: IdempotencyToken, now: datetime) -> str | None:
        """Return the ARN recorded with an unexpired token of the same fingerprint; its record may be FAILED or gone."""
        item = self.table.get(token_key(token))
        if (
            item is None
            or item["fingerprint"] != token.fingerprint
            or int(str(item["expires_at"])) <= items.micros(now)
        ):
            return None
        return str(item["arn"])

    def forget_crl_segments(self, crl_arn: str) -> None:
        self.table.write(Delete(items.segment_list_key(crl_arn)))  # first: segments without the list are ignored
        pk = items.segments_partition(crl_arn)
        self._delete([items.segment_key(crl_arn, str(item["segment_id"])) for item in self.table.query(pk)])

    def _in_region(self, pk: str, region: str, *, after: str | None, limit: int) -> Iterator[Item]:
        """Yield up to `limit` items of a partition whose ARN has a region, or of any region if it is empty."""
        position, size = f"CA#{after or ''}", limit
        while True:
            page = list(self.table.query(pk, after=position, limit=size))
            found = [item for item in page if not region or arns.parse_ca_arn(str(item["arn"])).region == region]
            yield from found[:limit]
            limit -= len(found)
            if limit <= 0 or len(page) < size:
                return
            position, size = str(page[-1]["sk"]), max(size, _PAGE)

    def _delete(self, keys: Iterable[Key]) -> None:
        removals = [Delete(key) for key in keys]
        for begin in range(0, len(removals), MOST_WRITES):
            self.table.write(*removals[begin : begin + MOST_WRITES])

    def list_due(self, kind: DueKind, *, now: datetime, limit: int) -> list[str]:
        return list(islice(self._due(kind, None, now, limit), limit))

    def iter_due(self, kind: DueKind, *, since: datetime | None, now: datetime) -> Iterator[str]:
        return self._due(kind, since, now, None)

    def due_after(self, kind: DueKind, moment: datetime) -> datetime | None:
        after = _bound(moment)
        firsts = [
            str(item["due_sk"])
            for shard in range(items.DUE_SHARDS[kind])
            for item in self.table.query_index("due", items.due_partition(kind, shard), after=after, limit=1)
        ]
        return items.moment(int(min(firsts).split("#", 1)[0])) if firsts else None

    def _due(self, kind: DueKind, since: datetime | None, now: datetime, limit: int | None) -> Iterator[str]:
        after, up_to = _bound(since) if since else "", _bound(now)
        shards = [
            self.table.query_index("due", items.due_partition(kind, shard), after=after, up_to=up_to, limit=limit)
            for shard in range(items.DUE_SHARDS[kind])
        ]
        for item in heapq.merge(*shards, key=lambda item: str(item["due_sk"])):
            yield str(item["due_sk"]).split("#", 1)[1]


def _bound(moment: datetime) -> str:
    return f"{items.micros(moment):020d}~"  # sorts after every "#"


def version_is(version: int) -> tuple[tuple[Clause, ...], ...]:
    """Condition that an item is still at the version that was read."""
    return ((Clause("version", "=", version),),)


def token_key(token: IdempotencyToken) -> Key:
    """Key of a token: a hash, because tokens may contain any character."""
    digest = hashlib.sha256(f"{token.scope}/{token.token}".encode()).hexdigest()
    return Key(f"TOKEN#{digest}", "TOKEN")


def token_write(token: IdempotencyToken, arn: str, now: datetime, dead_arn: str | None) -> Put:
    """Claim a token that is unused, has expired, or was used for `dead_arn`, which nobody can use."""
    key = token_key(token)
    item: Item = {
        "pk": key.pk,
        "sk": key.sk,
        "arn": arn,
        "fingerprint": token.fingerprint,
        "expires_at": items.micros(token.expires_at),
        "ttl": int(token.expires_at.timestamp()) + 86400,
    }
    condition = (*ABSENT, (Clause("expires_at", "<=", items.micros(now)),))
    if dead_arn is not None:
        condition = (*condition, (Clause("arn", "=", dead_arn),))
    return Put(item, condition)


def check_fingerprint(token: IdempotencyToken | None, item: Item) -> None:
    """Raise `TokenMismatchError` if the token was used with other parameters."""
    if token is not None and item["fingerprint"] != token.fingerprint:
        raise TokenMismatchError
