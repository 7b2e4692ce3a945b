"""CAs in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.records import CertificateAuthority, FormerCertificate, OcspResponder
from chalicelib.store import ConflictError, KeyTakenError, items
from chalicelib.store.table import ABSENT, ConditionFailedError, Delete, Item, Key, Put
from chalicelib.store.table_base import Base, check_fingerprint, token_write, version_is

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.records import IdempotencyToken
    from chalicelib.store.table import Write

_ACCOUNTS = "ACCOUNTS"
_MOST_IDS = 10_000
_DEAD = frozenset({"FAILED", "DELETED"})  # nobody can use such a CA: its token is free again


class Authorities(Base):
    """CAs."""

    def reserve_certificate_authority(
        self, ca: CertificateAuthority, token: IdempotencyToken | None, *, now: datetime
    ) -> str:
        account: Item = {"pk": _ACCOUNTS, "sk": arns.parse_ca_arn(ca.arn).account_id}
        base: list[Write] = [Put(items.authority_item(ca), ABSENT), *_guards(ca), Put(account), *_key_taken(None, ca)]
        dead_arn: str | None = None
        while True:
            writes = base if token is None else [*base, token_write(token, ca.arn, now, dead_arn)]
            try:
                self.table.write(*writes)
            except ConditionFailedError as error:
                used = error.items.get(len(base))
                if used is None:
                    _check_key_taken(error, base)
                    raise ConflictError(f"{ca.arn} already exists.") from error
                existing = self.get_certificate_authority(str(used["arn"]))
                if existing is not None and existing.status not in _DEAD:
                    check_fingerprint(token, used)
                    return existing.arn
                dead_arn = str(used["arn"])
            else:
                return ca.arn

    def certificate_authority_of(self, token: IdempotencyToken, *, now: datetime) -> str | None:
        arn = self._used_for(token, now)
        ca = None if arn is None else self.get_certificate_authority(arn)
        return ca.arn if ca is not None and ca.status not in _DEAD else None

    def get_certificate_authority(self, arn: str, *, cached: bool = False) -> CertificateAuthority | None:
        if cached and (known := self._cache.get(arn)) is not None:
            return known
        item = self.table.get(items.authority_key(arn))
        ca = None if item is None else self._authority(item)
        if ca is None or ca.arn != arn:
            self._cache.pop(arn, None)
            return None
        return self._remember(ca)

    def authority_with_key(self, key_sha256: str) -> str | None:
        item = self.table.get(items.ca_key(key_sha256))
        return None if item is None else str(item["arn"])

    def authority_arn(self, account_id: str, ca_id: str) -> str | None:
        key = Key(f"ACCOUNT#{account_id}", f"CA#{ca_id}")
        known = self._arns.get(key)
        if known is not None:
            return known
        item = self.table.get(key)
        return None if item is None else self._remember_arn(key, str(item["arn"]))

    def list_certificate_authorities(
        self, account_id: str, *, limit: int, after: str | None = None, region: str = ""
    ) -> list[CertificateAuthority]:
        page = self._in_region(f"ACCOUNT#{account_id}", region, after=after, limit=limit)
        return [self._authority(item) for item in page]

    def list_authority_ids(self, account_id: str) -> list[str]:
        keys = self.table.keys(None, [f"ACCOUNT#{account_id}"], "CA#", "CA#~", limit=_MOST_IDS)
        return [key.sk.removeprefix("CA#") for key in keys]

    def list_accounts(self) -> list[str]:
        return [str(item["sk"]) for item in self.table.query(_ACCOUNTS)]

    def update_certificate_authority(
        self, old: CertificateAuthority, new: CertificateAuthority
    ) -> CertificateAuthority:
        changed = _issues_differently(old, new)
        new = replace(new, version=old.version + 1, issuing_epoch=old.issuing_epoch + changed)
        writes = replacement(old, new)
        self._write_authority(old, [*writes, *_guards(new)] if changed else writes)
        return self._remember(new)

    def purge_certificate_authority(self, ca: CertificateAuthority) -> None:
        guards = [Delete(items.guard_key(ca.arn, number)) for number in range(items.GUARDS)]
        removals: list[Write] = [Delete(items.authority_key(ca.arn), version_is(ca.version)), *guards]
        removals += [Delete(items.issuer_key(key_hash, ca.arn)) for key_hash in ca.ocsp_key_hashes]
        removals += _key_taken(ca, replace(ca, key_sha256=None))
        removals += [Delete(key(ca.arn)) for key in (items.crl_key, items.responder_key, items.reachability_key)]
        self._write_authority(ca, removals)
        self._delete(map(items.key_of, self.table.query(items.former_partition(ca.arn))))
        for partition in {"", *(point.partition for point in ca.distribution_points)}:
            crl_arn = arns.crl_arn(ca.arn, partition)
            self.table.write(Delete(items.crl_key(crl_arn)))
            self.forget_crl_segments(crl_arn)
        self._cache.pop(ca.arn, None)

    def former_certificates(self, ca_arn: str, *, limit: int) -> list[FormerCertificate]:
        newest = self.table.last(None, items.former_partition(ca_arn), limit=limit)
        return [items.from_item(FormerCertificate, item) for item in newest]

    def former_certificate(self, ca_arn: str, version: int) -> FormerCertificate | None:
        item = self.table.get(items.former_key(ca_arn, version))
        return None if item is None else items.from_item(FormerCertificate, item)

    def end_crl(self, ca: CertificateAuthority, crl_arn: str) -> None:
        _, partition = arns.split_crl_arn(crl_arn)
        self.forget_crl_segments(crl_arn)  # first: a process that starts the CRL again at this moment rebuilds them
        others = tuple(point for point in ca.distribution_points if point.partition != partition)
        new = replace(ca, distribution_points=others, version=ca.version + 1)
        self._write_authority(
            ca, [Put(items.authority_item(new), version_is(ca.version)), Delete(items.crl_key(crl_arn))]
        )
        self._remember(new)

    def _write_authority(self, ca: CertificateAuthority, writes: list[Write]) -> None:
        try:
            self.table.write(*writes)
        except ConditionFailedError as error:
            self._cache.pop(ca.arn, None)
            if 0 not in error.items:
                _check_key_taken(error, writes)
            raise ConflictError(f"{ca.arn} is no longer at version {ca.version}.") from error


def replacement(old: CertificateAuthority, new: CertificateAuthority) -> list[Write]:
    """Writes that replace a CA, without its guards: the CA first, then what its keys lead to."""
    writes: list[Write] = [Put(items.authority_item(new), version_is(old.version)), *_key_taken(old, new)]
    writes += _certificate_replaced(old, new)
    return writes if new.ocsp_key_hashes == old.ocsp_key_hashes else [*writes, *_ocsp_started(new)]


def _guards(ca: CertificateAuthority) -> list[Write]:
    """Write the CA's issuing epoch into all its guards."""
    keys = [items.guard_key(ca.arn, number) for number in range(items.GUARDS)]
    return [Put({"pk": key.pk, "sk": key.sk, "issuing_epoch": ca.issuing_epoch}) for key in keys]


def _key_taken(old: CertificateAuthority | None, new: CertificateAuthority) -> list[Write]:
    """Let go of the key that a CA had, and take the one that it has now, unless another CA has it."""
    before = None if old is None else old.key_sha256
    if before == new.key_sha256:
        return []
    removed: list[Write] = [] if before is None else [Delete(items.ca_key(before))]
    if new.key_sha256 is None:
        return removed
    key = items.ca_key(new.key_sha256)
    return [*removed, Put({"pk": key.pk, "sk": key.sk, "arn": new.arn}, ABSENT)]


def _check_key_taken(error: ConditionFailedError, writes: list[Write]) -> None:
    """Raise `KeyTakenError` if a transaction failed because another CA has the key."""
    if any(writes[position].key.pk.startswith(items.ca_key("").pk) for position in error.items):
        raise KeyTakenError("The key belongs to another CA.") from error


def _certificate_replaced(old: CertificateAuthority, new: CertificateAuthority) -> list[Write]:
    """Keep the former certificate and chain of a CA that gets new ones."""
    if old.certificate_der is None or (old.certificate_der, old.chain_der) == (new.certificate_der, new.chain_der):
        return []
    former = FormerCertificate(
        ca_arn=old.arn,
        version=old.version,
        certificate_der=old.certificate_der,
        chain_der=old.chain_der,
        installed_at=old.installed_at,
        replaced_at=new.installed_at,
    )
    return [Put(items.to_item(former, items.former_key(old.arn, old.version)))]


def _ocsp_started(ca: CertificateAuthority) -> list[Write]:
    """Index the CA by the hashes of its key, and record a responder that is due at once."""
    keys = [items.issuer_key(key_hash, ca.arn) for key_hash in ca.ocsp_key_hashes]
    first = OcspResponder(ca_arn=ca.arn, due_at=ca.last_state_change_at)
    return [*(Put({"pk": key.pk, "sk": key.sk}) for key in keys), Put(items.responder_item(first))]


def _issues_differently(old: CertificateAuthority, new: CertificateAuthority) -> bool:
    """Tell whether a change affects issuance, and thus has to stop reservations that used the old CA."""
    members = ("status", "certificate_der", "chain_der", "revocation_configuration", "distribution_points")
    return any(getattr(old, name) != getattr(new, name) for name in members)
