"""Part of the store port: entries of the journal that wait in the outbox, and how far the journal is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.home_records import JournalHead, JournalVerification, Pending


class JournalRecords(Protocol):
    """The outbox, and the head of the journal. One batch of the outbox has its positions in the journal at a time."""

    def journal_head(self) -> JournalHead:
        """Return the head; read consistently."""
        ...

    def get_journal_verification(self) -> JournalVerification | None:
        """Return how the journal was verified last, or None."""
        ...

    def put_journal_verification(self, verification: JournalVerification) -> None:
        """Record how the journal was verified."""
        ...

    def list_outbox(self, *, limit: int) -> list[Pending]:
        """Return up to `limit` items of the outbox, the oldest first."""
        ...

    def assign_outbox(self, head: JournalHead, pending: Sequence[Pending]) -> JournalHead:
        """Give items of the outbox the next positions, in this order.

        Raises:
            ConflictError: the head is no longer `head`.
        """
        ...

    def assigned_entries(self, head: JournalHead) -> list[bytes]:
        """Return the entries of the assigned items.

        Raises:
            ConflictError: another process has confirmed them meanwhile.
        """
        ...

    def confirm_outbox(self, head: JournalHead, *, size: int, root: str, at: datetime) -> JournalHead:
        """Record that the journal has `size` entries and this root, and remove the assigned items.

        Raises:
            ConflictError: the head is no longer `head`.
        """
        ...

    def forget_outbox(self, head: JournalHead) -> JournalHead:
        """Remove the assigned items that are in the journal, where a crash prevented it; raises `ConflictError`."""
        ...

    def list_existing(self, head: JournalHead) -> JournalHead:
        """Add entries for the next page of items that were there before the journal; `ConflictError` as above."""
        ...

    def adopt_journal(self, head: JournalHead, *, size: int, root: str, accepted: bool = False) -> JournalHead:
        """Record how much of the journal the database has; nothing is assigned any more.

        Args:
            head: the present head.
            size: of the part that the database has.
            root: of its tree, in hex.
            accepted: the journal did not go on from `head`: an entry says so, and everything is listed again.

        Raises:
            ConflictError: the head is no longer `head`.
        """
        ...
