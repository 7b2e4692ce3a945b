"""CRL numbers, leases and due times in the table; `chalicelib.store.crl_records` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chalicelib import arn as arns
from chalicelib.records import CrlState
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, Check, Clause, ConditionFailedError, Put, Update
from chalicelib.store.table_base import Base, version_is

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from chalicelib.records import CertificateAuthority, DistributionPoint
    from chalicelib.store.table import Condition, Item, Table, Value, Write

MAX_PARTITION = 16_384  # certificates: with at most 54 bytes for each entry the CRL stays below 1 MB
SLOTS_TAKEN = 64  # places that a process takes at a time; those that it does not use stay empty
_LEASE: tuple[str, ...] = ("lease_until", "lease_holder")
_UNKNOWN: Final[Item] = {"pk": "", "sk": ""}


def due_write(crl_arn: str, due_at: datetime, state: Item | None = _UNKNOWN) -> Write:
    """Make a CRL due at `due_at` at the latest, and increment its revision.

    Args:
        crl_arn: the CRL.
        due_at: an earlier due time stays.
        state: the item of the CRL state (None: there is none); by default the write assumes a later due time. Each form
            is conditional on its assumption, so the item returned with a failure selects the right form.
    """
    key, due = items.crl_key(crl_arn), items.micros(due_at)
    if state is None:
        return Check(key, ABSENT)
    if int(state.get("next_crl_at", due + 1)) <= due:
        return Update(key, ((Clause("next_crl_at", "<=", due),),), added={"revision": 1})
    condition = (
        (Clause("pk", "present"), Clause("next_crl_at", "absent")),
        (Clause("next_crl_at", ">", due),),
    )
    values: dict[str, Value] = {"next_crl_at": due, **items.due("CRL", due_at, crl_arn)}
    return Update(key, condition, values, added={"revision": 1})


class Crls(Base):
    """CRL states, and the assignment of new certificates to CRL partitions."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._slots: dict[str, tuple[str, str, int]] = {}  # address, partition and places left, by CA
        self._taking = threading.Lock()

    def take_crl_partition(self, ca_arn: str, address: str, fresh: str) -> str:
        with self._taking:
            taken_for, partition, left = self._slots.get(ca_arn, ("", "", 0))
            if taken_for != address or not left:
                partition, left = self._take_slots(ca_arn, address, fresh), SLOTS_TAKEN
            self._slots[ca_arn] = (address, partition, left - 1)
            return partition

    def _take_slots(self, ca_arn: str, address: str, fresh: str) -> str:
        """Take places in the current partition, or in a fresh one if it is full or has another address."""
        key = items.slots_key(ca_arn)
        current = self.table.get(key)
        while True:
            unchanged: Condition = ABSENT
            if current is not None:
                unchanged = ((Clause("partition", "=", current["partition"]), Clause("taken", "=", current["taken"])),)
            usable = current is not None and current["address"] == address
            if current is not None and usable and int(current["taken"]) + SLOTS_TAKEN <= MAX_PARTITION:
                partition = str(current["partition"])
                write: Write = Update(key, unchanged, added={"taken": SLOTS_TAKEN})
            else:
                partition = fresh
                new: Item = {"pk": key.pk, "sk": key.sk, "address": address, "partition": fresh, "taken": SLOTS_TAKEN}
                write = Put(new, unchanged)
            try:
                self.table.write(write)
            except ConditionFailedError as error:
                current = error.items[0]
            else:
                return partition

    def start_crl(
        self, ca: CertificateAuthority, point: DistributionPoint, *, due_at: datetime
    ) -> CertificateAuthority:
        same = {_address(point), _address(replace(point, url=""))}  # earlier versions wrote no URL
        others = (other for other in ca.distribution_points if _address(other) not in same)
        new = replace(ca, distribution_points=(*others, point), version=ca.version + 1)
        crl_arn = arns.crl_arn(ca.arn, point.partition)
        first = Put(items.crl_item(CrlState(crl_arn=crl_arn, next_crl_at=due_at)), ABSENT)
        state: Write = first
        while True:
            try:
                self.table.write(Put(items.authority_item(new), version_is(ca.version)), state)
            except ConditionFailedError as error:
                if 0 in error.items:
                    self._cache.pop(ca.arn, None)
                    raise ConflictError(f"{ca.arn} is no longer at version {ca.version}.") from error
                item = error.items[1]
                state = first if item is None else due_write(crl_arn, due_at, item)
            else:
                return self._remember(new)

    def open_crl_partition(self, ca_arn: str) -> str:
        current = self.table.get(items.slots_key(ca_arn))
        return str(current["partition"]) if current else ""

    def get_crl_state(self, crl_arn: str) -> CrlState | None:
        item = self.table.get(items.crl_key(crl_arn))
        return None if item is None else items.from_item(CrlState, item)

    def get_crl_states(self, crl_arns: Sequence[str]) -> list[CrlState]:
        states = self.table.get_many([items.crl_key(crl_arn) for crl_arn in crl_arns])
        return [items.from_item(CrlState, item) for item in states if item is not None]

    def schedule_crl(self, crl_arn: str, *, due_at: datetime) -> None:
        write = due_write(crl_arn, due_at)
        while True:
            try:
                self.table.write(write)
            except ConditionFailedError as error:
                write = due_write(crl_arn, due_at, error.items[0])
            else:
                return

    def reserve_crl(
        self, crl_arn: str, *, number: int, now: datetime, lease_until: datetime, server: str = ""
    ) -> CrlState | None:
        key = items.crl_key(crl_arn)
        state = self.table.get(key)
        while state is not None and _may_reserve(state, now, lease_until - now, server):
            reserved = max(number, int(state.get("crl_number", 0)) + 1)
            values: dict[str, Value] = {"crl_number": reserved, "lease_until": items.micros(lease_until)}
            removed = ("tbs_sha256",) if server else ("tbs_sha256", "lease_holder")
            write = Update(key, _unchanged(state), values | ({"lease_holder": server} if server else {}), removed)
            try:
                self.table.write(write)
            except ConditionFailedError as error:
                state = error.items[0]
            else:
                return items.from_item(CrlState, write.apply(state))
        return None

    def renew_crl(self, state: CrlState, *, lease_until: datetime) -> None:
        self._write_crl(state, {"lease_until": items.micros(lease_until)})

    def intend_crl(self, state: CrlState, tbs_sha256: str) -> None:
        self._write_crl(state, {"tbs_sha256": tbs_sha256})

    def complete_crl(
        self,
        state: CrlState,
        *,
        published_at: datetime,
        next_update: datetime,
        entries: int,
        next_crl_at: datetime | None,
        failure: str = "",
    ) -> None:
        values: dict[str, Value] = {
            "published_number": state.crl_number,
            "published_at": items.micros(published_at),
            "next_update": items.micros(next_update),
            "published_entries": entries,
            "failures": state.failures + 1 if failure else 0,
        }
        if state.published_at is not None:
            values["preceded_at"] = items.micros(min(state.published_at, published_at))
        removed = _LEASE
        if failure:
            values["last_error"] = failure
        else:
            removed = (*removed, "last_error")
        try:
            self._write_crl(
                state, values | _due_values(state, next_crl_at), (*removed, *_due_removed(next_crl_at)), strict=True
            )
        except _RevisionMovedError:  # a revocation was recorded after the reservation: the CRL stays due
            self._write_crl(state, values, removed)

    def fail_crl(self, state: CrlState, error: str, *, retry_at: datetime) -> None:
        values: dict[str, Value] = {"last_error": error}
        removed, added = _LEASE, {"failures": 1}
        try:
            self._write_crl(state, values | _due_values(state, retry_at), removed, added=added, strict=True)
        except _RevisionMovedError:  # a new revocation does not wait for the retry
            self._write_crl(state, values, removed, added=added)

    def _write_crl(
        self,
        state: CrlState,
        values: dict[str, Value],
        removed: tuple[str, ...] = (),
        *,
        added: dict[str, int] | None = None,
        strict: bool = False,
    ) -> None:
        """Write as the lease's holder, who reserved the last number; `strict` also requires an unchanged revision."""
        clauses = [Clause("crl_number", "=", state.crl_number), Clause("lease_until", "present")]
        if strict:
            clauses.append(Clause("revision", "=", state.revision))
        try:
            self.table.write(Update(items.crl_key(state.crl_arn), (tuple(clauses),), values, removed, added or {}))
        except ConditionFailedError as error:
            item = error.items[0] or {}
            if strict and item.get("crl_number") == state.crl_number and "lease_until" in item:
                raise _RevisionMovedError from error
            raise ConflictError(f"Another run has taken the lease on the CRL of {state.crl_arn}.") from error


def _address(point: DistributionPoint) -> tuple[str, ...]:
    return point.bucket, point.key, point.partition, point.url


class _RevisionMovedError(Exception):
    """The revision of the CRL changed while the lease was held."""


def _due_values(state: CrlState, at: datetime | None) -> dict[str, Value]:
    return {} if at is None else {"next_crl_at": items.micros(at), **items.due("CRL", at, state.crl_arn)}


def _due_removed(at: datetime | None) -> tuple[str, ...]:
    return ("next_crl_at", "due_pk", "due_sk") if at is None else ()


def _may_reserve(state: Item, now: datetime, span: timedelta, server: str) -> bool:
    """Tell whether the CRL is due and its lease is free.

    A lease that ends more than two spans from now was set by a clock far ahead, and is ignored: one span is the lease
    itself, the other allows for small differences between clocks. If it is held after all, its holder loses it at its
    next write. The lease of another server than this one is that of a dead one: only one serves a home at a time.
    """
    moment, lease_until = items.micros(now), int(state.get("lease_until", 0))
    is_dead = bool(server) and state.get("lease_holder", server) != server
    is_held = not is_dead and moment < lease_until <= items.micros(now + 2 * span)
    return int(state.get("next_crl_at", moment + 1)) <= moment and not is_held


def _unchanged(state: Item) -> Condition:
    """Condition that nothing a reservation depends on has changed since the item was read."""
    names = ("crl_number", "revision", "next_crl_at", "lease_until")
    return (tuple(Clause(name, "=", state[name]) if name in state else Clause(name, "absent") for name in names),)
