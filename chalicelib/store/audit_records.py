"""Part of the store port: the audit record of functions on AWS, and the heads and the keys of every home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

    from chalicelib.home_records import AuditHead

SigningPurpose = Literal["audit", "journal"]


class AuditRecords(Protocol):
    """Lines of the audit record, whose content the store does not look into."""

    def get_signing_key(self, purpose: SigningPurpose) -> bytes | None:
        """Return the sealed key that signs heads of chains or the journal, or None; read consistently."""
        ...

    def get_public_key(self, purpose: SigningPurpose) -> bytes | None:
        """Return the public key of a signing key, for who may not open that; None if it is not on record."""
        ...

    def put_signing_key(self, purpose: SigningPurpose, sealed: bytes, public: bytes) -> None:
        """Store a sealed key and its public key; `ConflictError` if there is one."""
        ...

    def put_audit_head(self, head: AuditHead) -> None:
        """Store the head of a chain, unless the present one is as far."""
        ...

    def list_audit_heads(self) -> list[AuditHead]:
        """Return the heads of all chains."""
        ...

    def append_audit_record(
        self, line: bytes, head: AuditHead, accounts: Sequence[str], *, now: datetime, expires_at: datetime
    ) -> None:
        """Add a record and the head of its chain in one transaction.

        Args:
            line: of the record.
            head: at this record.
            accounts: which list it.
            now: the time by which it is listed.
            expires_at: when DynamoDB may delete it.

        Raises:
            ConflictError: the chain does not end with the record before this one.
        """
        ...

    def audit_chain(self, chain: str) -> Iterator[tuple[int, bytes]]:
        """Yield the sequence numbers and lines of a chain, from the oldest."""
        ...

    def get_audit_record(self, position: str) -> bytes | None:
        """Return the line at a position, or None."""
        ...

    def newest_audit_records(
        self, account_id: str, *, before: str, now: datetime, back: timedelta
    ) -> Iterator[tuple[str, bytes]]:
        """Yield positions and lines of an account's records, the newest first, month by month and so far back.

        Raises:
            ValueError: `before` is not a position.
        """
        ...
