"""The store port: what Signet remembers, and the only ways in which it changes.

Each method is one conditional write, one transaction of at most 100 items, or a query on a key that one busy CA does
not heat (docs/architecture.md lists keys and costs). Times are given by the caller: a store reads no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from chalicelib.store.crl_records import CrlRecords
from chalicelib.store.overview_queries import OverviewQueries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from chalicelib.records import (
        AccessKey,
        AuditReport,
        Certificate,
        CertificateAuthority,
        ConsoleSession,
        DueKind,
        IdempotencyToken,
        OcspResponder,
        ResourcePolicy,
    )


class StoreError(Exception):
    """The store cannot answer at the moment."""


class ThrottledError(StoreError):
    """The store is out of capacity; trying again later helps."""


class TooLargeError(Exception):
    """A record would be larger than the store keeps; the text says how much that is."""


class ConflictError(Exception):
    """Somebody else's write came first: what the write was conditional on does not hold any more."""


class StaleAuthorityError(ConflictError):
    """The CA changed since it was read."""


class SerialTakenError(ConflictError):
    """The CA has used this serial number before."""


class TokenMismatchError(Exception):
    """The idempotency token was used with other parameters."""


SEPARATOR = "\x1f"  # of the parts of a position; sorts before everything that names hold


def search_value(value: str) -> str:
    """A value as search entries have it: without case, and not longer than a key may be."""
    return value.casefold()[:200].replace(SEPARATOR, " ")


class Span(NamedTuple):
    """Values of one kind, without case: from `first` through everything that begins with `last`.

    Values of "issued" and "expires" are 20 digits of microseconds since 1970; "revoked" has no values.

    Attributes:
        whole: `last` has to be the whole value.
    """

    kind: Literal["subject", "san", "template", "expires", "issued", "revoked"]
    first: str = ""
    last: str = ""
    whole: bool = False


class Store(OverviewQueries, CrlRecords, Protocol):
    """Everything that Signet remembers."""

    # access keys

    def put_access_key(self, key: AccessKey) -> None:
        """Add an access key; `ConflictError` if its id exists."""
        ...

    def get_access_key(self, access_key_id: str) -> AccessKey | None:
        """The access key, or None."""
        ...

    def list_access_keys(self) -> list[AccessKey]:
        """All access keys, oldest first."""
        ...

    def delete_access_key(self, access_key_id: str) -> None:
        """Remove an access key; no error where there is none."""
        ...

    # certificate authorities

    def reserve_certificate_authority(
        self, ca: CertificateAuthority, token: IdempotencyToken | None, *, now: datetime
    ) -> str:
        """Record a new CA (status CREATING) and its token in one transaction.

        Returns:
            the ARN of `ca`, or of the CA that a live token with the same fingerprint already made. A token whose CA has
            FAILED or is gone counts as never used.

        Raises:
            TokenMismatchError: the live token has another fingerprint.
        """
        ...

    def certificate_authority_of(self, token: IdempotencyToken, *, now: datetime) -> str | None:
        """The ARN that `reserve_certificate_authority` would answer for a token that was used already, or None."""
        ...

    def get_certificate_authority(self, arn: str, *, cached: bool = False) -> CertificateAuthority | None:
        """The CA, or None.

        Args:
            arn: of the CA, as `arn.parse_ca_arn` accepts it.
            cached: a copy read by this process earlier will do; `reserve_certificate` finds out when it is stale.
        """
        ...

    def list_certificate_authorities(
        self, account_id: str, *, limit: int, after: str | None = None
    ) -> list[CertificateAuthority]:
        """Up to `limit` CAs of an account, ordered by CA id, beginning behind the CA id `after`; read consistently."""
        ...

    def list_accounts(self) -> list[str]:
        """Accounts that have, or had, a CA."""
        ...

    def update_certificate_authority(
        self, old: CertificateAuthority, new: CertificateAuthority
    ) -> CertificateAuthority:
        """Replace a CA; returns `new` with its version (and where needed its issuing epoch) grown.

        The issuing epoch grows when status, certificate, chain, revocation configuration or distribution points differ.

        Raises:
            ConflictError: the CA is not at `old.version` any more.
        """
        ...

    def purge_certificate_authority(self, ca: CertificateAuthority) -> None:
        """Forget a CA and its CRL state; certificates and revocations stay on record.

        Raises:
            ConflictError: the CA is not at `ca.version` any more.
        """
        ...

    # certificates

    def reserve_certificate(
        self,
        certificate: Certificate,
        ca: CertificateAuthority,
        token: IdempotencyToken | None,
        *,
        now: datetime,
        terms: Sequence[tuple[str, str]] = (),
    ) -> tuple[Certificate, bool]:
        """Record the intent to sign: serial, plan, token and search entries in one transaction.

        `terms` are pairs of "subject" or "san" and a value; by each one, and by template and end, the certificate is
        found. Where there are more than a transaction holds, some are written before it.

        Returns:
            `certificate` and True; or, where a live token with the same fingerprint already made one, that certificate
            and False. A token whose certificate has FAILED counts as never used.

        Raises:
            StaleAuthorityError: the CA is not at `ca.issuing_epoch` any more: read it again, plan again.
            SerialTakenError: take another serial number.
            TokenMismatchError: the live token has another fingerprint.
        """
        ...

    def certificate_of(self, token: IdempotencyToken, *, now: datetime) -> Certificate | None:
        """The certificate that `reserve_certificate` would answer for a token that was used already, or None."""
        ...

    def complete_certificate(self, certificate: Certificate, certificate_der: bytes, *, issued_at: datetime) -> None:
        """PENDING becomes ISSUED.

        Raises:
            ConflictError: it is not PENDING any more; the signed certificate must not be given out.
        """
        ...

    def fail_certificate(self, certificate: Certificate, failure: str) -> None:
        """PENDING becomes FAILED; `ConflictError` if it is not PENDING any more."""
        ...

    def get_certificate(self, ca_arn: str, serial_number: int) -> Certificate | None:
        """The certificate with this serial, in whatever status, or None; read consistently."""
        ...

    def list_certificates(self, ca_arn: str) -> Iterator[Certificate]:
        """All certificates of a CA by the time of their reservation, read in pages."""
        ...

    def find_certificates(self, ca_arn: str, span: Span, *, after: str = "", limit: int) -> list[tuple[str, int]]:
        """Up to `limit` certificates of a CA whose value lies in a span, each as its position and its serial number.

        Args:
            ca_arn: the CA.
            span: what to look for.
            after: a position; the answer begins behind it. Positions are ordered by value, then by time of reservation;
                of "subject", "san", "template" and "expires" the value is the second of the parts.
            limit: how many index entries are read for an answer at most, times 16 shards.
        """
        ...

    # OCSP

    def list_issuers(self, key_hash: str) -> list[str]:
        """ARNs of the CAs whose `ocsp_key_hashes` have this one; read consistently.

        `update_certificate_authority` writes what they are found by, and a responder that is due at once.
        """
        ...

    def get_responder(self, ca_arn: str) -> OcspResponder | None:
        """The OCSP responder of a CA, or None where OCSP was never on."""
        ...

    def update_responder(self, old: OcspResponder, new: OcspResponder) -> None:
        """Replace a responder; `ConflictError` if its generation or its due time is not that of `old` any more."""
        ...

    # resource policies

    def get_policy(self, ca_arn: str) -> ResourcePolicy | None:
        """The resource policy of a CA, or None; the whole ARN must be the CA's, not its id alone."""
        ...

    def put_policy(self, old: ResourcePolicy | None, new: ResourcePolicy) -> None:
        """Attach a policy that names at most 40 accounts, in the place of `old` (None: there is none).

        Raises:
            ConflictError: the CA's policy is not `old` any more.
        """
        ...

    def delete_policy(self, policy: ResourcePolicy) -> None:
        """Remove a policy; `ConflictError` if the CA's policy is not this one any more."""
        ...

    def list_shared(self, account_id: str, *, limit: int, after: str | None = None) -> list[str]:
        """ARNs of CAs whose policy names an account, ordered by CA id, beginning behind the CA id `after`."""
        ...

    # audit reports

    def reserve_audit_report(self, report: AuditReport, *, last_before: datetime) -> None:
        """Record an audit report that is to be written.

        Raises:
            ConflictError: the one before it was asked for later than `last_before`, and not further in the future than
                that is in the past: a clock that was ahead stops nobody.
        """
        ...

    def get_audit_report(self, ca_arn: str, report_id: str) -> AuditReport | None:
        """The record of an audit report, or None."""
        ...

    def update_audit_report(self, old: AuditReport, new: AuditReport) -> AuditReport:
        """Replace a record; returns `new` with its version grown.

        Raises:
            ConflictError: it is not at `old.version` any more.
        """
        ...

    def forget_last_audit_report(self, report: AuditReport) -> None:
        """Let another report be asked for at once, if this was the last one."""
        ...

    # sessions of the console

    def put_session(self, session: ConsoleSession) -> None:
        """Add a session; `ConflictError` if its id exists."""
        ...

    def get_session(self, id_sha256: str) -> ConsoleSession | None:
        """The session, or None; read consistently."""
        ...

    def update_session(self, old: ConsoleSession, new: ConsoleSession) -> ConsoleSession:
        """Replace a session; returns `new` with its version grown.

        Raises:
            ConflictError: it is not at `old.version` any more, or has been taken.
        """
        ...

    def take_session(self, id_sha256: str) -> ConsoleSession | None:
        """Remove a session and return it; of those who try at the same time, one gets it and the others None."""
        ...

    # what is due

    def list_due(self, kind: DueKind, *, now: datetime, limit: int) -> list[str]:
        """ARNs whose time has come, longest overdue first; reads only what is due.

        CRL: CRLs (`arn.crl_arn`) by `next_crl_at`. PENDING: certificates by `reserved_at`. CREATING: CAs by
        `created_at`. PURGE: DELETED
        CAs by `restorable_until`. REPORT: audit reports by `due_at`, as `{CA ARN}/audit-report/{id}`. RESPONDER: CAs by
        their OCSP responder's `due_at`. SESSION: `id_sha256` of sessions by `expires_at`. The
        answer may lag a little behind writes: look at the record itself before acting.
        """
        ...

    def each_due(self, kind: DueKind, *, since: datetime | None, now: datetime) -> Iterator[str]:
        """The same of those whose time came after `since`, without a limit: read in pages, as far as they are taken."""
        ...
