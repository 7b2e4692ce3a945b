"""Roles, OIDC providers and the token key in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, ConditionFailedError, Delete, Key, Put
from chalicelib.store.table_base import Base, version_is

if TYPE_CHECKING:
    from chalicelib.identities import Entity
    from chalicelib.store.access_records import E


class Entities(Base):
    """Each entity lies under its name in the partition of its kind and account."""

    def put_entity(self, entity: Entity) -> None:
        try:
            self.table.write(Put(items.to_item(entity, _key(type(entity), entity.account_id, entity.name)), ABSENT))
        except ConditionFailedError as error:
            raise ConflictError(f"{entity.name} exists.") from error

    def get_entity(self, kind: type[E], account_id: str, name: str) -> E | None:
        item = self.table.get(_key(kind, account_id, name))
        return None if item is None else items.from_item(kind, item)

    def list_entities(self, kind: type[E], account_id: str, *, after: str = "", limit: int | None = None) -> list[E]:
        found = self.table.query(items.entities_partition(kind, account_id), after=after, limit=limit)
        return [items.from_item(kind, item) for item in found]

    def update_entity(self, old: E, new: E) -> E:
        new = replace(new, version=old.version + 1)
        item = items.to_item(new, _key(type(new), new.account_id, new.name))
        try:
            self.table.write(Put(item, version_is(old.version)))
        except ConditionFailedError as error:
            raise ConflictError(f"{old.name} has changed.") from error
        return new

    def delete_entity(self, entity: Entity) -> None:
        self.table.write(Delete(_key(type(entity), entity.account_id, entity.name)))


def _key(kind: type[Any], account_id: str, name: str) -> Key:
    return Key(items.entities_partition(kind, account_id), name)
