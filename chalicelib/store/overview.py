"""The part of the store port that people look at: counts and last things, from indexes that may lag behind writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.records import AuditReport, Certificate, Revocation


class Overview(Protocol):
    """Counts and last things; what has been revoked before revocations had an index of their times is in neither."""

    def count_certificates(
        self, ca_arns: Sequence[str], kind: Literal["issued", "expires", "revoked"], edges: Sequence[datetime]
    ) -> list[int]:
        """How many certificates of some CAs were issued, end or were revoked from each time up to the next one.

        "issued" and "expires" count reservations, also those that FAILED. One count fewer than edges comes back.
        """
        ...

    def last_certificates(self, ca_arn: str, *, limit: int) -> list[Certificate]:
        """The certificates of a CA that were reserved last, in whatever status, the newest first."""
        ...

    def last_revocations(self, ca_arn: str, *, limit: int) -> list[Revocation]:
        """The last revocations of a CA, the newest first."""
        ...

    def list_audit_reports(self, ca_arn: str, *, limit: int) -> list[AuditReport]:
        """The audit reports of a CA that were asked for last, the newest first."""
        ...
