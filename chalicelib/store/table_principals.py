"""Principals and access keys in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.identities import ADMINISTRATOR, AccessKey, Principal
from chalicelib.store import ConflictError, items
from chalicelib.store.table import (
    ABSENT,
    PRESENT,
    Check,
    Clause,
    Condition,
    ConditionFailedError,
    Delete,
    Key,
    Put,
    Update,
)
from chalicelib.store.table_base import Base, version_is

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from chalicelib.store.table import Write

_KEYS = "KEYS"


class Principals(Base):
    """Access keys, and principals, each under its name in its account's partition."""

    def put_access_key(self, key: AccessKey) -> None:
        writes: list[Write] = [Put(items.to_item(key, Key(_KEYS, key.access_key_id)), ABSENT)]
        if key.principal != ADMINISTRATOR:
            writes.append(Check(Key(items.principals_partition(key.account_id), key.principal), PRESENT))
        try:
            self.table.write(*writes)
        except ConditionFailedError as error:
            exists = 0 in error.items
            raise ConflictError(
                f"Access key {key.access_key_id} exists." if exists else f"There is no principal {key.principal}."
            ) from error

    def update_access_key(self, old: AccessKey, new: AccessKey) -> None:
        as_read: Condition = ((Clause("sealed_secret", "=", old.sealed_secret),),)
        try:
            self.table.write(Put(items.to_item(new, Key(_KEYS, new.access_key_id)), as_read))
        except ConditionFailedError as error:
            raise ConflictError(f"Access key {old.access_key_id} has changed.") from error

    def note_access_key_use(self, access_key_id: str, *, now: datetime, every: timedelta) -> None:
        first = (Clause("access_key_id", "present"), Clause("last_used_at", "absent"))
        again = (Clause("last_used_at", "<=", items.micros(now - every)),)
        ahead = (Clause("last_used_at", ">", items.micros(now + every)),)  # by a clock that ran ahead
        used = Update(Key(_KEYS, access_key_id), (first, again, ahead), values={"last_used_at": items.micros(now)})
        with suppress(ConditionFailedError):
            self.table.write(used)

    def get_access_key(self, access_key_id: str) -> AccessKey | None:
        item = self.table.get(Key(_KEYS, access_key_id))
        return None if item is None else items.from_item(AccessKey, item)

    def list_access_keys(self) -> list[AccessKey]:
        found = [items.from_item(AccessKey, item) for item in self.table.query(_KEYS)]
        return sorted(found, key=lambda key: (key.created_at, key.access_key_id))

    def delete_access_key(self, access_key_id: str) -> None:
        self.table.write(Delete(Key(_KEYS, access_key_id)))

    def put_principal(self, principal: Principal) -> None:
        try:
            self.table.write(Put(items.to_item(principal, _key(principal)), ABSENT))
        except ConditionFailedError as error:
            raise ConflictError(f"The principal {principal.name} exists.") from error

    def get_principal(self, account_id: str, name: str) -> Principal | None:
        item = self.table.get(Key(items.principals_partition(account_id), name))
        return None if item is None else items.from_item(Principal, item)

    def list_principals(self, account_id: str) -> list[Principal]:
        return [items.from_item(Principal, item) for item in self.table.query(items.principals_partition(account_id))]

    def update_principal(self, old: Principal, new: Principal) -> Principal:
        new = replace(new, version=old.version + 1)
        try:
            self.table.write(Put(items.to_item(new, _key(new)), version_is(old.version)))
        except ConditionFailedError as error:
            raise ConflictError(f"The principal {old.name} has changed.") from error
        return new

    def delete_principal(self, account_id: str, name: str) -> None:
        self.table.write(Delete(Key(items.principals_partition(account_id), name)))  # no access key is made any more
        for key in self.list_access_keys():
            if (key.account_id, key.principal) == (account_id, name):
                self.delete_access_key(key.access_key_id)


def _key(principal: Principal) -> Key:
    return Key(items.principals_partition(principal.account_id), principal.name)
