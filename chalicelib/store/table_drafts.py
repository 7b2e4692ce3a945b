"""Drafts of the console's forms in the table; `chalicelib.store.draft_records` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.identities import ConsoleDraft
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, ConditionFailedError, Delete, Key, Put
from chalicelib.store.table_base import Base, version_is

if TYPE_CHECKING:
    from datetime import datetime


class Drafts(Base):
    """Drafts, in a partition for each principal."""

    def get_draft(self, account_id: str, principal: str, draft_id: str) -> ConsoleDraft | None:
        return self._draft(items.draft_key(account_id, principal, draft_id))

    def _draft(self, key: Key) -> ConsoleDraft | None:
        item = self.table.get(key)
        return None if item is None else items.from_item(ConsoleDraft, item)

    def list_drafts(self, account_id: str, principal: str) -> list[ConsoleDraft]:
        found = self.table.query(items.draft_key(account_id, principal).pk)
        drafts = [items.from_item(ConsoleDraft, item) for item in found]
        return sorted(drafts, key=lambda draft: (draft.changed_at, draft.draft_id))

    def put_draft(self, draft: ConsoleDraft) -> ConsoleDraft:
        new = replace(draft, version=draft.version + 1)
        unchanged = version_is(draft.version) if draft.version else ABSENT
        try:
            self.table.write(Put(items.draft_item(new), unchanged))
        except ConditionFailedError as error:
            raise ConflictError("The draft has changed.") from error
        return new

    def delete_draft(self, draft: ConsoleDraft) -> None:
        key = items.draft_key(draft.account_id, draft.principal, draft.draft_id)
        with suppress(ConditionFailedError):
            self.table.write(Delete(key, version_is(draft.version)))

    def expire_draft(self, name: str, *, now: datetime) -> bool:
        draft = self._draft(Key(*name.rsplit("#", 1)))
        if draft is None or draft.expires_at > now:
            return False
        self.delete_draft(draft)
        return True
