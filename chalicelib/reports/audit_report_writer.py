"""The schedule that writes audit reports.

A run takes a lease on a report, writes it piece by piece and records the result. If a run dies, its lease expires after
`_LEASE`, and the next run writes the report again, to the same key.

Source: AWS Private CA User Guide, "Using audit reports".
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import clock, logs, recording
from chalicelib.buckets import BucketError
from chalicelib.ca import events
from chalicelib.pki.x509 import names, reading
from chalicelib.reports import audit_format
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.records import AuditReport, Certificate
    from chalicelib.runtime import Runtime

_LEASE = timedelta(seconds=60)
_RETRY = timedelta(seconds=15)
_ATTEMPTS = 5
_LIMIT = 100
_EVER = datetime(9999, 1, 1, tzinfo=UTC)


def write_due_reports(rt: Runtime) -> list[AuditReport]:
    """Write the audit reports that are due; one that fails stops no other."""
    _after_the_clock_went_back(rt)
    written = []
    for name in rt.store.list_due("REPORT", now=rt.now(), limit=_LIMIT):
        ca_arn, _, report_id = name.partition("/audit-report/")
        try:
            report = rt.store.get_audit_report(ca_arn, report_id)
            if report is not None and report.due_at is not None and report.due_at <= rt.now():
                written.append(_write(rt, report))
                details = {"auditReportId": report_id, "status": written[-1].status}
                recording.done(rt, "WriteAuditReport", arns.parse_ca_arn(ca_arn).account_id, [ca_arn], **details)
        except ConflictError:
            continue  # another run has it
        except Exception:  # noqa: BLE001  the next run tries again
            logs.log_exception("audit_report_not_recorded", report=name)
    return written


def _after_the_clock_went_back(rt: Runtime) -> None:
    """Make every report due that a clock that ran ahead leased or put off."""
    if not clock.is_undecided(rt, "reports"):
        return
    for name in list(rt.store.iter_due("REPORT", since=rt.now() + _LEASE, now=_EVER)):
        ca_arn, _, report_id = name.partition("/audit-report/")
        report = rt.store.get_audit_report(ca_arn, report_id)
        if report is not None and report.due_at is not None:
            with suppress(ConflictError):  # another run has it
                rt.store.update_audit_report(report, replace(report, due_at=rt.now()))
    clock.decided(rt, "reports")


def _write(rt: Runtime, report: AuditReport) -> AuditReport:
    lease = _Lease(rt, report)
    pieces, content_type = audit_format.WRITERS[report.format]
    try:
        rt.buckets.put_pieces(report.bucket, report.key, pieces(_rows(lease)), content_type=content_type)
    except ConflictError:
        raise
    except Exception as error:  # noqa: BLE001  recorded and retried
        logs.log_exception("audit_report_failed", ca=report.ca_arn, report_id=report.report_id)
        return _failed(rt, lease.report, error)
    logs.log("audit_report_written", ca=report.ca_arn, report_id=report.report_id)
    done = rt.store.update_audit_report(lease.report, replace(lease.report, status="SUCCESS", due_at=None))
    events.audit_report_ended(rt, done)
    return done


def _failed(rt: Runtime, report: AuditReport, error: Exception) -> AuditReport:
    """Schedule another attempt; fail for good after a few, or at once if the owner must change something first."""
    hopeless = isinstance(error, BucketError) and error.misconfigured
    failure = f"{type(error).__name__}: {error}"[:500]
    if not hopeless and report.attempts < _ATTEMPTS:
        return rt.store.update_audit_report(report, replace(report, due_at=rt.now() + _RETRY, failure=failure))
    failed = rt.store.update_audit_report(report, replace(report, status="FAILED", due_at=None, failure=failure))
    events.audit_report_ended(rt, failed)
    rt.store.forget_last_audit_report(failed)
    return failed


class _Lease:
    """A run's lease on a report: taken at the beginning, and renewed while the run lasts."""

    def __init__(self, rt: Runtime, report: AuditReport) -> None:
        self.rt = rt
        self.report = self._extended(replace(report, attempts=report.attempts + 1), report)

    def renew(self) -> None:
        """Extend the lease once half of it has passed; `ConflictError` if another run has taken the report."""
        if self.report.due_at is not None and self.report.due_at - self.rt.now() < _LEASE / 2:
            self.report = self._extended(self.report, self.report)

    def _extended(self, new: AuditReport, old: AuditReport) -> AuditReport:
        return self.rt.store.update_audit_report(old, replace(new, due_at=self.rt.now() + _LEASE))


def _rows(lease: _Lease) -> Iterator[audit_format.Row]:
    for number, certificate in enumerate(lease.rt.store.list_certificates(lease.report.ca_arn)):
        if number % 1000 == 0:
            lease.renew()
        if certificate.certificate_der is not None:
            yield _row(certificate, certificate.certificate_der)


def _row(certificate: Certificate, certificate_der: bytes) -> audit_format.Row:
    revoked_at = certificate.revoked_at
    return audit_format.Row(
        awsAccountId=certificate.requester_account or arns.parse_ca_arn(certificate.ca_arn).account_id,
        requestedByServicePrincipal=None,
        certificateArn=certificate.arn,
        serial=arns.serial_pairs(certificate.serial_number, octets=16),
        subject=names.rfc2253(reading.subject_of(certificate_der)),
        notBefore=audit_format.timestamp(certificate.not_before),
        notAfter=audit_format.timestamp(certificate.not_after),
        issuedAt=audit_format.timestamp(certificate.issued_at or certificate.reserved_at),
        revokedAt=audit_format.timestamp(revoked_at) if revoked_at else None,
        revocationReason=certificate.revocation_reason,
        templateArn=certificate.template_arn,
    )
