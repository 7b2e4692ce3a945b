"""Part of the store port: drafts of the console's forms, which belong to principals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.identities import ConsoleDraft


class DraftRecords(Protocol):
    """One record for each draft; `ConflictError` is `chalicelib.store.ConflictError`."""

    def get_draft(self, account_id: str, principal: str, draft_id: str) -> ConsoleDraft | None:
        """Return the draft, or None; read consistently."""
        ...

    def list_drafts(self, account_id: str, principal: str) -> list[ConsoleDraft]:
        """Return the drafts of a principal, the one that was changed last at the end."""
        ...

    def put_draft(self, draft: ConsoleDraft) -> ConsoleDraft:
        """Replace the draft of version `draft.version` (0: there is none); return it with the next version.

        Raises:
            ConflictError: it is no longer at that version.
        """
        ...

    def delete_draft(self, draft: ConsoleDraft) -> None:
        """Remove a draft, if it is still at its version."""
        ...

    def expire_draft(self, name: str, *, now: datetime) -> bool:
        """Remove a draft if it has expired; tell whether it had.

        Args:
            name: as `list_due` names it.
            now: the time.
        """
        ...
