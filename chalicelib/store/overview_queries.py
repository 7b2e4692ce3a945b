"""Part of the store port: counts and recent records for overviews, from indexes that may lag behind writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.records import AuditReport, Certificate, FormerCertificate, Revocation


class CertificateCounts(NamedTuple):
    """The certificates of a CA: those whose serial numbers were ever reserved, and some of these."""

    reserved: int
    failed: int
    revoked: int


class OverviewQueries(Protocol):
    """Counts and recent records; records written before their index existed are missing from both."""

    def count_certificates(
        self, account_id: str, kind: Literal["issued", "expires", "revoked"], edges: Sequence[datetime]
    ) -> list[int]:
        """Count the certificates of an account that were issued, expire or were revoked between consecutive edges.

        Returns:
            one count fewer than there are edges. "issued" and "expires" count reservations, including FAILED ones. The
            cost does not grow with the number of CAs.
        """
        ...

    def count_issued(self, ca_arns: Sequence[str], since: datetime, until: datetime) -> int:
        """Count the certificates that some CAs reserved in a time, including FAILED ones; 16 counts for each CA."""
        ...

    def list_expiring(
        self, account_id: str, *, since: datetime, until: datetime, limit: int
    ) -> list[tuple[datetime, str, int]]:
        """Return the first certificates of an account that expire from `since` on and before `until`.

        Returns:
            expiry, CA id and serial number of each, by expiry, whatever its status.
        """
        ...

    def count_of(self, ca_arn: str) -> CertificateCounts:
        """Count the certificates of a CA in index entries; the cost hardly grows with their number."""
        ...

    def last_expiry(self, ca_arn: str, *, beside: int) -> datetime | None:
        """Return the latest expiry of a CA's certificates, leaving out the serial number `beside`; None without any.

        Every reservation that returned before is seen.
        """
        ...

    def last_certificates(self, ca_arn: str, *, limit: int) -> list[Certificate]:
        """Return the most recently reserved certificates of a CA, whatever their status, newest first."""
        ...

    def last_revocations(self, ca_arn: str, *, limit: int) -> list[Revocation]:
        """Return the most recent revocations of a CA, newest first."""
        ...

    def former_certificates(self, ca_arn: str, *, limit: int) -> list[FormerCertificate]:
        """Return the certificates that a CA had before, newest first."""
        ...

    def former_certificate(self, ca_arn: str, version: int) -> FormerCertificate | None:
        """Return the certificate that a CA had until a version, or None."""
        ...

    def list_audit_reports(self, ca_arn: str, *, limit: int) -> list[AuditReport]:
        """Return the most recently requested audit reports of a CA, newest first."""
        ...

    def last_audit_reports(self, account_id: str, *, limit: int) -> list[AuditReport]:
        """Return the most recently requested audit reports of an account, newest first."""
        ...
