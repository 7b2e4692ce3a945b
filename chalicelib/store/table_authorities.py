"""Access keys and CAs in the table. What the methods promise is said in `chalicelib.store.Store`."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

import hashlib
import heapq
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.records import AccessKey, CertificateAuthority, OcspResponder
from chalicelib.store import ConflictError, TokenMismatchError, items
from chalicelib.store.table import ABSENT, Clause, ConditionFailedError, Delete, Item, Key, Put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.records import DueKind, IdempotencyToken
    from chalicelib.store.table import Table, Write

_KEYS = "KEYS"
_ACCOUNTS = "ACCOUNTS"
_CACHED = 1000


class Base:
    """A table, and what this process has read of CAs."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._cache: dict[str, CertificateAuthority] = {}

    def _remember(self, ca: CertificateAuthority) -> CertificateAuthority:
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        self._cache[ca.arn] = ca
        return ca

    def _used_for(self, token: IdempotencyToken, now: datetime) -> str | None:
        """The ARN that a live token with the same fingerprint was used for; that may have come to nothing."""
        held = self.table.get(token_key(token))
        if (
            held is None
            or held["fingerprint"] != token.fingerprint
            or int(str(held["expires_at"])) <= items.micros(now)
        ):
            return None
        return str(held["arn"])

    def list_due(self, kind: DueKind, *, now: datetime, limit: int) -> list[str]:
        return list(islice(self._due(kind, None, now, limit), limit))

    def each_due(self, kind: DueKind, *, since: datetime | None, now: datetime) -> Iterator[str]:
        return self._due(kind, since, now, None)

    def _due(self, kind: DueKind, since: datetime | None, now: datetime, limit: int | None) -> Iterator[str]:
        after, up_to = _bound(since) if since else "", _bound(now)
        shards = [
            self.table.query_index("due", items.due_partition(kind, shard), after=after, up_to=up_to, limit=limit)
            for shard in range(items.DUE_SHARDS[kind])
        ]
        for item in heapq.merge(*shards, key=lambda item: str(item["due_sk"])):
            yield str(item["due_sk"]).split("#", 1)[1]


def _bound(moment: datetime) -> str:
    return f"{items.micros(moment):020d}~"  # sorts behind every "#"


def version_is(version: int) -> tuple[tuple[Clause, ...], ...]:
    """The condition of an optimistic write."""
    return ((Clause("version", "=", version),),)


def token_key(token: IdempotencyToken) -> Key:
    """Where a token lies; tokens hold any characters, so the key is their hash."""
    digest = hashlib.sha256(f"{token.scope}/{token.token}".encode()).hexdigest()
    return Key(f"TOKEN#{digest}", "TOKEN")


def token_write(token: IdempotencyToken, arn: str, now: datetime, dead_arn: str | None) -> Put:
    """Take a token that was never used, has expired, or belongs to `dead_arn`, which came to nothing."""
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


class Authorities(Base):
    """Access keys and CAs."""

    def put_access_key(self, key: AccessKey) -> None:
        try:
            self.table.write(Put(items.to_item(key, Key(_KEYS, key.access_key_id)), ABSENT))
        except ConditionFailedError as error:
            raise ConflictError(f"Access key {key.access_key_id} exists.") from error

    def get_access_key(self, access_key_id: str) -> AccessKey | None:
        item = self.table.get(Key(_KEYS, access_key_id))
        return None if item is None else items.from_item(AccessKey, item)

    def list_access_keys(self) -> list[AccessKey]:
        found = [items.from_item(AccessKey, item) for item in self.table.query(_KEYS)]
        return sorted(found, key=lambda key: (key.created_at, key.access_key_id))

    def delete_access_key(self, access_key_id: str) -> None:
        self.table.write(Delete(Key(_KEYS, access_key_id)))

    def reserve_certificate_authority(
        self, ca: CertificateAuthority, token: IdempotencyToken | None, *, now: datetime
    ) -> str:
        account: Item = {"pk": _ACCOUNTS, "sk": arns.parse_ca_arn(ca.arn).account_id}
        base: list[Write] = [Put(items.authority_item(ca), ABSENT), *_guards(ca), Put(account)]
        dead_arn: str | None = None
        while True:
            writes = base if token is None else [*base, token_write(token, ca.arn, now, dead_arn)]
            try:
                self.table.write(*writes)
            except ConditionFailedError as error:
                held = error.items.get(len(base))
                if held is None:
                    raise ConflictError(f"{ca.arn} exists.") from error
                existing = self.get_certificate_authority(str(held["arn"]))
                if existing is not None and existing.status != "FAILED":
                    check_fingerprint(token, held)
                    return existing.arn
                dead_arn = str(held["arn"])
            else:
                return ca.arn

    def certificate_authority_of(self, token: IdempotencyToken, *, now: datetime) -> str | None:
        arn = self._used_for(token, now)
        ca = None if arn is None else self.get_certificate_authority(arn)
        return ca.arn if ca is not None and ca.status != "FAILED" else None

    def get_certificate_authority(self, arn: str, *, cached: bool = False) -> CertificateAuthority | None:
        if cached and (known := self._cache.get(arn)) is not None:
            return known
        item = self.table.get(items.authority_key(arn))
        ca = None if item is None else items.from_item(CertificateAuthority, item)
        if ca is None or ca.arn != arn:
            self._cache.pop(arn, None)
            return None
        return self._remember(ca)

    def list_certificate_authorities(
        self, account_id: str, *, limit: int, after: str | None = None
    ) -> list[CertificateAuthority]:
        behind = "CA#" if after is None else f"CA#{after}"
        found = self.table.query(f"ACCOUNT#{account_id}", after=behind, limit=limit)
        return [items.from_item(CertificateAuthority, item) for item in found]

    def list_accounts(self) -> list[str]:
        return [str(item["sk"]) for item in self.table.query(_ACCOUNTS)]

    def update_certificate_authority(
        self, old: CertificateAuthority, new: CertificateAuthority
    ) -> CertificateAuthority:
        changed = _issues_differently(old, new)
        new = replace(new, version=old.version + 1, issuing_epoch=old.issuing_epoch + changed)
        writes: list[Write] = [Put(items.authority_item(new), version_is(old.version))]
        if new.ocsp_key_hashes != old.ocsp_key_hashes:
            writes += _ocsp_started(new)
        self._write_authority(old, [*writes, *_guards(new)] if changed else writes)
        return self._remember(new)

    def purge_certificate_authority(self, ca: CertificateAuthority) -> None:
        guards = [Delete(items.guard_key(ca.arn, number)) for number in range(items.GUARDS)]
        doomed: list[Write] = [Delete(items.authority_key(ca.arn), version_is(ca.version)), *guards]
        doomed += [Delete(items.issuer_key(each, ca.arn)) for each in ca.ocsp_key_hashes]
        self._write_authority(ca, [*doomed, Delete(items.crl_key(ca.arn)), Delete(items.responder_key(ca.arn))])
        for partition in {"", *(each.partition for each in ca.distribution_points)}:
            crl_arn = arns.crl_arn(ca.arn, partition)
            self.table.write(Delete(items.crl_key(crl_arn)))
            self._delete_segments(crl_arn)
        self._cache.pop(ca.arn, None)

    def end_crl(self, ca: CertificateAuthority, crl_arn: str) -> None:
        _, partition = arns.split_crl_arn(crl_arn)
        self._delete_segments(crl_arn)  # first: where somebody begins the CRL anew meanwhile, they are made again
        kept = tuple(each for each in ca.distribution_points if each.partition != partition)
        new = replace(ca, distribution_points=kept, version=ca.version + 1)
        self._write_authority(
            ca, [Put(items.authority_item(new), version_is(ca.version)), Delete(items.crl_key(crl_arn))]
        )
        self._remember(new)

    def _delete_segments(self, crl_arn: str) -> None:
        pk = items.segments_partition(crl_arn)
        for item in self.table.query(pk):  # the list of them comes first, without which they count for nothing
            self.table.write(Delete(Key(pk, str(item["sk"]))))

    def _write_authority(self, ca: CertificateAuthority, writes: list[Write]) -> None:
        try:
            self.table.write(*writes)
        except ConditionFailedError as error:
            self._cache.pop(ca.arn, None)
            raise ConflictError(f"{ca.arn} is not at version {ca.version} any more.") from error


def _guards(ca: CertificateAuthority) -> list[Write]:
    """The CA's guards with its issuing epoch."""
    keys = [items.guard_key(ca.arn, number) for number in range(items.GUARDS)]
    return [Put({"pk": key.pk, "sk": key.sk, "issuing_epoch": ca.issuing_epoch}) for key in keys]


def _ocsp_started(ca: CertificateAuthority) -> list[Write]:
    """What finds the CA by the hashes of its key; and that it has no responder of its own yet, so that one is due."""
    hashes = [items.issuer_key(each, ca.arn) for each in ca.ocsp_key_hashes]
    first = OcspResponder(ca_arn=ca.arn, due_at=ca.last_state_change_at)
    return [*(Put({"pk": key.pk, "sk": key.sk}) for key in hashes), Put(items.responder_item(first))]


def _issues_differently(old: CertificateAuthority, new: CertificateAuthority) -> bool:
    """Return whether issuance changes: what a certificate is made from, or which distribution points it may name."""
    members = ("status", "certificate_der", "chain_der", "revocation_configuration", "distribution_points")
    return any(getattr(old, name) != getattr(new, name) for name in members)
