"""Reconciliation closes what a crash left open: issuances and creations without an end, deletion windows that are over.

A schedule runs it. Each step is conditional on the record that it read, so runs may overlap.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import clock, logs, recording
from chalicelib.ca import events
from chalicelib.frozen import dataclass
from chalicelib.keystore import KeyStoreError
from chalicelib.ocsp import responders
from chalicelib.operations import authorities, certificates
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.journal.forward import Report
    from chalicelib.records import DueKind
    from chalicelib.runtime import Runtime

_LIMIT = 1000
_MOST_TOLD = 20  # of what is lost, in the audit record; the log has all


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The number of records that a run closed, by kind, and of those it could not close."""

    certificates_failed: int = 0
    creations_failed: int = 0
    authorities_purged: int = 0
    responders_rotated: int = 0
    sessions_ended: int = 0
    drafts_expired: int = 0
    errors: int = 0


def reconcile(rt: Runtime) -> Reconciled:
    """Close what is overdue: PENDING certificates, CREATING CAs, DELETED CAs, old OCSP responders, ended sessions.

    Raises:
        NotServingError: the database and its journal do not go together; what seems overdue may be closed long ago.
    """
    rt.journal.require(rt.now())
    counts = Reconciled()
    recording.tell(rt)
    undecided = clock.is_undecided(rt, "records")
    if undecided:
        responders.after_the_clock_went_back(rt)
    for kind, age, close, counter, event in _STEPS:
        if kind == "RESPONDER" and rt.settings.ocsp_signer != "delegated":
            continue
        for arn in _due(rt, kind, age, undecided=undecided):
            closed = _closed(rt, arn, kind, close, event)
            name = "errors" if closed is None else counter
            counts = replace(counts, **{name: getattr(counts, name) + (closed is not False)})
    if undecided:
        clock.decided(rt, "records")
    if counts != Reconciled():
        logs.log("reconciled", **{name: getattr(counts, name) for name in Reconciled.__slots__})
    return counts


def bring_forward(rt: Runtime, progress: Callable[[int], object] = lambda _: None) -> Report:
    """Let the database learn from its journal what it lacks, and destroy keys of deleted CAs that the copy has.

    Raises:
        JournalError, BucketError, StoreError: as `Journal.bring_forward`.
    """
    report = rt.journal.bring_forward(rt.now(), progress)
    for arn in report.purged if rt.settings.keys == "software" else ():  # a copy of the directory has old keys, too
        try:
            rt.keys.delete_key(rt.keys.key_id_of(arn), arn)
        except KeyStoreError:  # a lost key harms nobody
            logs.log_exception("key_not_deleted", ca=arn)
    for sentence in report.lost.values():
        logs.log("journal_cannot_bring_back", logging.WARNING, what=sentence)
    if report.entries:
        done = {kind: number for kind, number in sorted(report.done.items()) if number}
        logs.log("brought_forward", logging.WARNING, entries=report.entries, done=done)
        details = {"entries": report.entries, "done": done, "lost": list(report.lost.values())[:_MOST_TOLD]}
        recording.done(rt, "BringForward", rt.settings.account_id, [], **details)
    return report


def run_journal(rt: Runtime, *, seconds: float) -> dict[str, int]:
    """Bring the database forward if it is behind, and append what is pending until nothing is, or the time is used up.

    Returns:
        how many entries the database lacked, and how many the journal has.
    """
    deadline = rt.now() + timedelta(seconds=seconds)
    lacked = bring_forward(rt).entries
    while True:
        before, head = rt.store.journal_head(), rt.journal.run(rt.now())
        if head.version == before.version or rt.now() >= deadline:
            return {"lacked": lacked, "entries": head.size}


def _closed(rt: Runtime, arn: str, kind: DueKind, close: Callable[[Runtime, str], bool], event: str) -> bool | None:
    """Close a record and record that; None if it failed, because one broken record must not stop the others."""
    try:
        closed = close(rt, arn)
        if closed and event:
            recording.done(rt, event, arn.split(":")[4], [arn])
    except Exception:  # noqa: BLE001  the next run tries again
        logs.log_exception("reconcile_failed", arn=arn, kind=kind)
        return None
    return closed


def _due(rt: Runtime, kind: DueKind, age: int, *, undecided: bool) -> list[str]:
    """List what is due of a kind; what is destroyed for good waits while the clock is in doubt."""
    now = clock.settled(rt) if kind == "PURGE" else rt.now()
    due = rt.store.list_due(kind, now=now - age * timedelta(seconds=int(rt.settings.pending_seconds)), limit=_LIMIT)
    if undecided and age:  # begun by a clock that ran ahead
        due += rt.store.iter_due(kind, since=now + clock.STEP_BACK, now=clock.EVER)
    return due


def _fail_certificate(rt: Runtime, arn: str) -> bool:
    """Fail a certificate; a signature may exist that nobody has seen, so its serial stays on record, and revocable."""
    parsed = arns.parse_certificate_arn(arn)
    certificate = rt.store.get_certificate(str(parsed.ca), parsed.serial_number)
    if certificate is None or certificate.status != "PENDING":
        return False
    try:
        rt.store.fail_certificate(certificate, "The issuance was interrupted before the certificate was recorded.")
    except ConflictError:
        return False
    events.issuance_failed(rt, certificate)
    return True


def _fail_creation(rt: Runtime, arn: str) -> bool:
    ca = rt.store.get_certificate_authority(arn)
    if ca is None or ca.status != "CREATING":
        return False
    failed = replace(
        ca,
        status="FAILED",
        failure_reason="REQUEST_TIMED_OUT",
        last_state_change_at=rt.now(),
        key_id=None,
        key_sha256=None,
    )
    try:
        rt.store.update_certificate_authority(ca, failed)
    except ConflictError:
        return False
    events.creation_failed(rt, arn)
    rt.keys.delete_key(rt.keys.key_id_of(arn), arn)
    return True


def _purge(rt: Runtime, arn: str) -> bool:
    ca = rt.store.get_certificate_authority(arn)
    if ca is None or ca.status != "DELETED" or ca.restorable_until is None:
        return False
    if ca.restorable_until > clock.settled(rt):
        return False
    try:
        authorities.purge(rt, ca)
    except ConflictError:
        return False
    return True


def _rotate(rt: Runtime, arn: str) -> bool:
    try:
        return responders.rotate(rt, arn, certificates.issue_certificate)
    except ConflictError:
        return False


def _end_session(rt: Runtime, id_sha256: str) -> bool:
    return rt.store.take_session(id_sha256) is not None


def _expire_draft(rt: Runtime, name: str) -> bool:
    return rt.store.expire_draft(name, now=rt.now())


# Kind, how many times the patience must have passed, what closes a record, the counter, and the event that is recorded.
_STEPS: tuple[tuple[DueKind, int, Callable[[Runtime, str], bool], str, str], ...] = (
    ("PENDING", 1, _fail_certificate, "certificates_failed", "FailIssuance"),
    ("CREATING", 1, _fail_creation, "creations_failed", "FailCreation"),
    ("PURGE", 0, _purge, "authorities_purged", "PurgeCertificateAuthority"),
    ("RESPONDER", 0, _rotate, "responders_rotated", "RenewOcspResponder"),
    ("SESSION", 0, _end_session, "sessions_ended", ""),
    ("DRAFT", 0, _expire_draft, "drafts_expired", ""),
)
