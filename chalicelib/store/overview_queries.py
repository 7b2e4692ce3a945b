"""The part of the store port that people look at: counts and last things, from indexes that may lag behind writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.records import AuditReport, Certificate, Revocation


class OverviewQueries(Protocol):
    """Counts and last things; what was written before they had indexes is in neither."""

    def count_certificates(
        self, account_id: str, kind: Literal["issued", "expires", "revoked"], edges: Sequence[datetime]
    ) -> list[int]:
        """How many certificates of an account were issued, end or were revoked from each time up to the next one.

        "issued" and "expires" count reservations, also those that FAILED. One count fewer than edges comes back. What
        it costs does not grow with the number of CAs.
        """
        ...

    def last_expiry(self, ca_arn: str, *, beside: int) -> datetime | None:
        """When the last of a CA's certificates ends, beside that of a serial number; None without any.

        This sees every reservation that returned.
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

    def last_audit_reports(self, account_id: str, *, limit: int) -> list[AuditReport]:
        """The audit reports of an account that were asked for last, the newest first."""
        ...
