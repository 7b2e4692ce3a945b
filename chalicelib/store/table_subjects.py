"""Holders of subjects in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from chalicelib.store import items
from chalicelib.store.table import ABSENT, ConditionFailedError, Put
from chalicelib.store.table_base import Base

if TYPE_CHECKING:
    from chalicelib.store import Holder


class Subjects(Base):
    """The subjects of CAs, and of others whose certificates may verify CRLs."""

    def take_subject(self, account_id: str, name_sha256: str, holder: Holder) -> Holder:
        found = self.subject_holder(account_id, name_sha256)  # usually there: no write makes requests wait for another
        if found is not None:
            return found
        key = items.subject_key(account_id, name_sha256)
        try:
            self.table.write(Put({"pk": key.pk, "sk": key.sk, "holder": holder}, ABSENT))
        except ConditionFailedError as error:
            return cast("Holder", (error.items[0] or {})["holder"])
        return holder

    def subject_holder(self, account_id: str, name_sha256: str) -> Holder | None:
        item = self.table.get(items.subject_key(account_id, name_sha256))
        return None if item is None else cast("Holder", item["holder"])
