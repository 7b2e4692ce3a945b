"""Certificates and revocations in the table; `chalicelib.store.certificate_records` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.records import Certificate, Revocation
from chalicelib.store import (
    CompromisedKeyError,
    ConflictError,
    SerialTakenError,
    StaleAuthorityError,
    items,
    search_items,
)
from chalicelib.store.table import ABSENT, Check, Clause, ConditionFailedError, Put, Update
from chalicelib.store.table_base import Base, check_fingerprint, token_write
from chalicelib.store.table_crls import due_write
from chalicelib.store.table_ocsp import responder_revoked
from chalicelib.store.table_search import entries

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from datetime import datetime

    from chalicelib.records import CertificateAuthority, IdempotencyToken
    from chalicelib.store.table import Condition, Value, Write

_PENDING: Condition = ((Clause("status", "=", "PENDING"),),)
_DUE = ("due_pk", "due_sk")


class Certificates(Base):
    """Certificates and revocations."""

    def reserve_certificate(
        self,
        certificate: Certificate,
        ca: CertificateAuthority,
        token: IdempotencyToken | None,
        *,
        now: datetime,
        terms: Sequence[tuple[str, str]] = (),
        key_sha256: str = "",
        durable: bool = True,
    ) -> tuple[Certificate, bool]:
        *early, last = entries(certificate, terms)
        for batch in early:  # searches skip an entry whose certificate does not exist
            self.table.write(*batch, durable=durable)
        guard = items.guard_key(ca.arn, certificate.serial_number)
        base: list[Write] = [
            Put(items.certificate_item(certificate), ABSENT),
            Check(guard, ((Clause("issuing_epoch", "=", ca.issuing_epoch),),)),
            Check(items.compromised_key(arns.parse_ca_arn(ca.arn).account_id, key_sha256), ABSENT),
        ]
        dead_arn: str | None = None
        while True:
            writes = base if token is None else [*base, token_write(token, certificate.arn, now, dead_arn)]
            try:
                self.table.write(*writes, *last, durable=durable)
            except ConditionFailedError as error:
                used = error.items.get(len(base))
                existing = None if used is None else self._by_arn(str(used["arn"]))
                if used is not None and existing is not None and existing.status != "FAILED":
                    check_fingerprint(token, used)
                    return self._settled(existing), False
                if used is None or not error.items.keys().isdisjoint({1, 2}):
                    raise self._not_reserved(certificate, ca, error.items) from error
                dead_arn = str(used["arn"])
            else:
                return certificate, True

    def _not_reserved(self, certificate: Certificate, ca: CertificateAuthority, failed: Container[int]) -> Exception:
        """The exception for the first of a reservation's conditions that failed."""
        if 1 in failed:
            self._cache.pop(ca.arn, None)
            return StaleAuthorityError(f"{ca.arn} has changed.")
        if 2 in failed:
            return CompromisedKeyError(f"The key of {certificate.arn} is compromised.")
        return SerialTakenError(f"{certificate.arn} exists.")

    def certificate_of(self, token: IdempotencyToken, *, now: datetime) -> Certificate | None:
        arn = self._used_for(token, now)
        certificate = None if arn is None else self._by_arn(arn)
        return self._settled(certificate) if certificate is not None and certificate.status != "FAILED" else None

    def _settled(self, certificate: Certificate) -> Certificate:
        """Return a certificate that is about to be given out, once no power cut can lose its record and its token."""
        if certificate.status == "PENDING":  # ISSUED is only read once it is on the disk
            self.table.settle()
        return certificate

    def _by_arn(self, arn: str) -> Certificate | None:
        parsed = arns.parse_certificate_arn(arn)
        return self.get_certificate(str(parsed.ca), parsed.serial_number)

    def complete_certificate(self, certificate: Certificate, certificate_der: bytes, *, issued_at: datetime) -> None:
        values: dict[str, Value] = {
            "status": "ISSUED",
            "certificate_der": certificate_der,
            "issued_at": items.micros(issued_at),
        }
        key = items.certificate_key(certificate.ca_arn, certificate.serial_number)
        self._write_certificate(certificate, Update(key, _PENDING, values, (*_DUE, "tbs_der")))

    def fail_certificate(self, certificate: Certificate, failure: str) -> None:
        key = items.certificate_key(certificate.ca_arn, certificate.serial_number)
        counted: dict[str, Value] = {
            "due_pk": items.failed_partition(certificate.ca_arn),
            "due_sk": f"{items.micros(certificate.reserved_at):020d}#{certificate.arn}",
        }
        self._write_certificate(certificate, Update(key, _PENDING, {"status": "FAILED", "failure": failure, **counted}))

    def _write_certificate(self, certificate: Certificate, write: Write) -> None:
        try:
            self.table.write(write)
        except ConditionFailedError as error:
            raise ConflictError(f"{certificate.arn} is no longer PENDING.") from error

    def is_compromised(self, account_id: str, key_sha256: str) -> bool:
        return self.table.get(items.compromised_key(account_id, key_sha256)) is not None

    def get_certificate(self, ca_arn: str, serial_number: int) -> Certificate | None:
        item = self.table.get(items.certificate_key(ca_arn, serial_number))
        return None if item is None else items.from_item(Certificate, item)

    def list_certificates(self, ca_arn: str) -> Iterator[Certificate]:
        shards = [
            self.table.query_index("list", items.list_partition(ca_arn, shard)) for shard in range(items.LIST_SHARDS)
        ]
        for item in heapq.merge(*shards, key=lambda item: str(item["list_sk"])):
            yield items.from_item(Certificate, item)

    def revoke_certificate(
        self, certificate: Certificate, revocation: Revocation, *, of_responder: bool = False, compromised: str = ""
    ) -> None:
        key = items.certificate_key(certificate.ca_arn, certificate.serial_number)
        values: dict[str, Value] = {
            "revoked_at": items.micros(revocation.revoked_at),
            "revocation_reason": revocation.reason,
        }
        unchanged = ((Clause("status", "=", certificate.status), Clause("revoked_at", "absent")),)
        partitions = dict.fromkeys(["", certificate.crl_partition or ""])
        crls = [arns.crl_arn(certificate.ca_arn, partition) for partition in partitions]
        base: list[Write] = [
            Update(key, unchanged, values),
            Put(items.revocation_item(revocation), ABSENT),
            Put(search_items.revoked_entry(revocation)),
            *(Put(items.new_revocation_item(revocation, crl_arn)) for crl_arn in crls),
            *(_compromised_item(certificate, compromised) if compromised else ()),
            *(responder_revoked(certificate.ca_arn, revocation.revoked_at) if of_responder else ()),
        ]
        schedules = [due_write(crl_arn, revocation.revoked_at) for crl_arn in crls]
        while True:
            try:
                self.table.write(*base, *schedules)
            except ConditionFailedError as error:
                if min(error.items) < len(base):
                    raise ConflictError(f"{certificate.arn} is already revoked, or has changed.") from error
                for position, state in error.items.items():
                    number = position - len(base)
                    schedules[number] = due_write(crls[number], revocation.revoked_at, state)
            else:
                if of_responder:
                    self._cache.pop(certificate.ca_arn, None)
                return

    def list_revocations(self, crl_arn: str) -> Iterator[Revocation]:
        ca_arn, partition = arns.split_crl_arn(crl_arn)
        for shard in range(16):
            for item in self.table.query(items.revocation_partition(ca_arn, shard)):
                if not partition or item.get("crl_partition") == partition:
                    yield items.from_item(Revocation, item)


def _compromised_item(certificate: Certificate, key_sha256: str) -> tuple[Write]:
    key = items.compromised_key(arns.parse_ca_arn(certificate.ca_arn).account_id, key_sha256)
    return (Put({"pk": key.pk, "sk": key.sk, "certificate_arn": certificate.arn}),)
