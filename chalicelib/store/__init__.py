"""The store port: all state that Signet records, and every way to change it.

Each method is one conditional write, one transaction of at most 100 items, or a query that no single busy CA turns into
a hot partition (docs/state.md lists keys and costs). Callers pass the time: a store reads no clock.

This package holds the port, the store written once over a table (`table_*.py`), and the tables' drivers: SQLite and
DynamoDB. It does not decide anything about certificates or CRLs: that belongs to `operations` and the services.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from chalicelib.store.access_records import AccessRecords
from chalicelib.store.acme_state import AcmeState
from chalicelib.store.audit_records import AuditRecords
from chalicelib.store.certificate_records import CertificateRecords
from chalicelib.store.clock_records import ClockRecords
from chalicelib.store.crl_records import CrlRecords
from chalicelib.store.draft_records import DraftRecords
from chalicelib.store.journal_records import JournalRecords
from chalicelib.store.listing_queries import ListingQueries
from chalicelib.store.overview_queries import OverviewQueries
from chalicelib.store.reachability_records import ReachabilityRecords

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from chalicelib.identities import ConsoleSession
    from chalicelib.records import (
        AuditReport,
        CertificateAuthority,
        DueKind,
        IdempotencyToken,
        OcspResponder,
        ResourcePolicy,
    )


class StoreError(Exception):
    """The store is unavailable at the moment."""


class RecordError(StoreError):
    """A record, or the whole database, is in a form that this version does not understand."""


class ThrottledError(StoreError):
    """The store is out of capacity; a later retry may succeed."""


class TooLargeError(Exception):
    """A record is larger than the store allows; the text names both sizes."""


class ConflictError(Exception):
    """Another write came first, so the condition of this one no longer holds."""


class StaleAuthorityError(ConflictError):
    """The CA changed since it was read."""


class SerialTakenError(ConflictError):
    """The CA has used this serial number before."""


class KeyTakenError(Exception):
    """The key belongs to another CA."""


class CompromisedKeyError(Exception):
    """The key belongs to a certificate that the account has revoked because its key was compromised."""


class TokenMismatchError(Exception):
    """The idempotency token was used with other parameters."""


class TooManySharesError(Exception):
    """The owner's policies name an account as often as they may; the text is the account."""


_AUTHORITIES = 100  # in a page
WINDOW = timedelta(minutes=1)  # in which `count_in_window` counts
SEPARATOR = "\x1f"  # between the parts of a position; sorts before every character that names may contain


def search_value(value: str) -> str:
    """Normalize a value for search entries: case-folded, and cut to 200 characters to fit into a key."""
    return value.casefold()[:200].replace(SEPARATOR, " ")


Holder = Literal["ca", "subscriber"]  # of a subject: CAs, or others whose certificates may verify CRLs


class Span(NamedTuple):
    """A range of values of one kind, case-insensitive: from `first` through every value that begins with `last`.

    Values of "issued" and "expires" are microseconds since 1970 in 20 digits; "revoked" has no values.

    Attributes:
        whole: `last` must match the whole value, not only its beginning.
    """

    kind: Literal["subject", "san", "template", "expires", "issued", "revoked"]
    first: str = ""
    last: str = ""
    whole: bool = False


class Store(
    AccessRecords,
    AcmeState,
    CertificateRecords,
    ListingQueries,
    OverviewQueries,
    CrlRecords,
    AuditRecords,
    ClockRecords,
    JournalRecords,
    ReachabilityRecords,
    DraftRecords,
    Protocol,
):
    """All state that Signet records."""

    # certificate authorities

    def reserve_certificate_authority(
        self, ca: CertificateAuthority, token: IdempotencyToken | None, *, now: datetime
    ) -> str:
        """Record a new CA (status CREATING), its token, and its key if that is known, in one transaction.

        Returns:
            the ARN of `ca`, or of the CA already created with an unexpired token of the same fingerprint. A token whose
            CA is FAILED, DELETED or purged counts as unused.

        Raises:
            KeyTakenError: another CA has the key `ca.key_sha256`.
            TokenMismatchError: the unexpired token has another fingerprint.
        """
        ...

    def certificate_authority_of(self, token: IdempotencyToken, *, now: datetime) -> str | None:
        """Return the ARN that `reserve_certificate_authority` would return for a used token, or None."""
        ...

    def get_certificate_authority(self, arn: str, *, cached: bool = False) -> CertificateAuthority | None:
        """Return the CA, or None.

        Args:
            arn: the CA's ARN, in the form that `arn.parse_ca_arn` accepts.
            cached: allow a copy that this process read earlier; `reserve_certificate` detects a stale one.
        """
        ...

    def authority_with_key(self, key_sha256: str) -> str | None:
        """Return the ARN of the CA, of any account, that has a public key; None if no CA has it."""
        ...

    def authority_arn(self, account_id: str, ca_id: str) -> str | None:
        """Return the ARN of an account's CA with this id, in whichever region; it may be seconds old."""
        ...

    def list_certificate_authorities(
        self, account_id: str, *, limit: int, after: str | None = None, region: str = ""
    ) -> list[CertificateAuthority]:
        """Return up to `limit` CAs of an account, ordered by CA id, starting after the CA id `after`; consistent.

        Those of one region, or of all if `region` is empty.
        """
        ...

    def list_accounts(self) -> list[str]:
        """Return the accounts that have, or had, a CA."""
        ...

    def update_certificate_authority(
        self, old: CertificateAuthority, new: CertificateAuthority
    ) -> CertificateAuthority:
        """Replace a CA; return `new` with its version, and its issuing epoch where needed, incremented.

        If the certificate or the chain changes, the old ones become a former certificate in the same transaction.
        The issuing epoch is incremented if status, certificate, chain, revocation configuration or distribution
        points differ. A change of `key_sha256` releases the old key and takes the new one, in the same transaction.

        Raises:
            ConflictError: the CA is no longer at `old.version`.
            KeyTakenError: another CA has the new key.
        """
        ...

    def purge_certificate_authority(self, ca: CertificateAuthority) -> None:
        """Delete the records of a CA and its CRLs, and let go of its key; certificates and revocations stay on record.

        Raises:
            ConflictError: the CA is no longer at `ca.version`.
        """
        ...

    # OCSP

    def list_issuers(self, key_hash: str) -> list[str]:
        """Return the ARNs of the CAs whose `ocsp_key_hashes` include this hash; read consistently.

        `update_certificate_authority` writes this index, and a responder record that is due at once.
        """
        ...

    def get_responder(self, ca_arn: str) -> OcspResponder | None:
        """Return the OCSP responder of a CA, or None if OCSP was never enabled."""
        ...

    def update_responder(self, old: OcspResponder, new: OcspResponder) -> None:
        """Replace a responder; `ConflictError` if its generation or its due time no longer matches `old`."""
        ...

    # resource policies

    def get_policy(self, ca_arn: str) -> ResourcePolicy | None:
        """Return the resource policy of a CA, or None; the whole ARN must match, not only the CA id."""
        ...

    def put_policy(self, old: ResourcePolicy | None, new: ResourcePolicy, *, most: int) -> None:
        """Attach a policy that names at most 40 accounts, replacing `old` (None: there is none yet).

        Args:
            old: the present policy.
            new: the policy to attach.
            most: the number of CAs that one account may share with another one.

        Raises:
            ConflictError: the CA's policy is no longer `old`.
            TooManySharesError: the policy names another account, and the owner shares `most` CAs with it.
            ThrottledError: other policies of the owner kept changing meanwhile.
        """
        ...

    def delete_policy(self, policy: ResourcePolicy) -> None:
        """Remove a policy; `ConflictError` if the CA no longer has this policy."""
        ...

    def is_shared(self, ca_arn: str, account_id: str) -> bool:
        """Tell whether the CA's policy names an account or all of them: the same reads whether there is such a CA."""
        ...

    def list_shared(self, account_id: str, *, limit: int, after: str | None = None, region: str = "") -> list[str]:
        """Return the ARNs of CAs whose policy names an account, ordered by CA id, starting after the CA id `after`.

        Those of one region, or of all if `region` is empty.
        """
        ...

    def accept_shares(self, account_id: str, owner: str) -> None:
        """Record that an account accepts the CAs that another one shares with it."""
        ...

    def reject_shares(self, account_id: str, owner: str) -> None:
        """Remove the record that an account accepts the CAs of another one."""
        ...

    def list_accepted(self, account_id: str) -> list[str]:
        """Return the accounts whose CAs an account accepts."""
        ...

    # buckets

    def take_bucket(self, bucket: str, account_id: str) -> str:
        """Record the owner of a bucket that has none, and return the account that owns it now."""
        ...

    def bucket_owners(self, buckets: Sequence[str]) -> dict[str, str]:
        """Return the accounts that own these buckets, which must differ; a bucket without an owner is left out."""
        ...

    # subjects

    def take_subject(self, account_id: str, name_sha256: str, holder: Holder) -> Holder:
        """Record who has a subject that nobody has had in an account, for good; returns who has it now."""
        ...

    def subject_holder(self, account_id: str, name_sha256: str) -> Holder | None:
        """Return who has a subject, or None."""
        ...

    # limits

    def count_in_window(self, name: str, times: int, *, now: datetime) -> tuple[datetime, int]:
        """Add to a count that begins again a minute after it began; returns when it began, and the sum.

        Raises:
            ConflictError: the minute ended meanwhile; nothing was added.
        """
        ...

    # audit reports

    def reserve_audit_report(self, report: AuditReport, *, last_before: datetime) -> None:
        """Record a requested audit report.

        Raises:
            ConflictError: the previous report was requested after `last_before`. A request time further in the future
                than `last_before` is in the past came from a fast clock and does not count.
        """
        ...

    def get_audit_report(self, ca_arn: str, report_id: str) -> AuditReport | None:
        """Return the record of an audit report, or None."""
        ...

    def update_audit_report(self, old: AuditReport, new: AuditReport) -> AuditReport:
        """Replace a record; return `new` with its version incremented.

        Raises:
            ConflictError: it is no longer at `old.version`.
        """
        ...

    def forget_last_audit_report(self, report: AuditReport) -> None:
        """Allow another report to be requested at once, if this was the last one."""
        ...

    # sessions of the console

    def put_session(self, session: ConsoleSession) -> None:
        """Add a session; `ConflictError` if its id exists."""
        ...

    def get_session(self, id_sha256: str) -> ConsoleSession | None:
        """Return the session, or None; read consistently."""
        ...

    def update_session(self, old: ConsoleSession, new: ConsoleSession) -> ConsoleSession:
        """Replace a session; return `new` with its version incremented.

        Raises:
            ConflictError: it is no longer at `old.version`, or was removed.
        """
        ...

    def take_session(self, id_sha256: str) -> ConsoleSession | None:
        """Remove a session and return it; of simultaneous callers one gets it, and the others get None."""
        ...

    # what is due

    def list_due(self, kind: DueKind, *, now: datetime, limit: int) -> list[str]:
        """Return up to `limit` ARNs that are due, longest overdue first; only due entries are read.

        CRL: CRLs (`arn.crl_arn`) by `next_crl_at`. PENDING: certificates by `reserved_at`. CREATING: CAs by
        `created_at`. PURGE: DELETED CAs by `restorable_until`. REPORT: audit reports by `due_at`, as `{CA ARN}/audit-
        report/{id}`. RESPONDER: CAs by their OCSP responder's `due_at`. SESSION: `id_sha256` of sessions, a day after
        `expires_at`. DRAFT: drafts by `expires_at`, named for `expire_draft`. The index may lag slightly behind writes:
        read the record itself before acting.
        """
        ...

    def iter_due(self, kind: DueKind, *, since: datetime | None, now: datetime) -> Iterator[str]:
        """Yield the ARNs that became due after `since`, without a limit; pages are read as they are consumed."""
        ...

    def due_after(self, kind: DueKind, moment: datetime) -> datetime | None:
        """Return the first time after `moment` at which something of a kind is due, if anything is."""
        ...


def authorities_of(store: Store, account_id: str, *, after: str | None = None) -> Iterator[CertificateAuthority]:
    """Yield the CAs of an account, or those after a CA id, by id; read in pages."""
    while page := store.list_certificate_authorities(account_id, limit=_AUTHORITIES, after=after):
        yield from page
        after = page[-1].arn.rsplit("/", 1)[1]
