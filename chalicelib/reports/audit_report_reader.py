"""Audit reports for the console: the last ones of a CA, and their content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.ca import find as ca_find
from chalicelib.operations import audit_reports

if TYPE_CHECKING:
    from chalicelib.records import AuditReport
    from chalicelib.runtime import Caller, Runtime


def last(rt: Runtime, caller: Caller, ca_arn: str, *, limit: int) -> list[AuditReport]:
    """The audit reports of a CA that were requested last, the newest first.

    Raises:
        ResourceNotFoundException: the caller has no such CA.
    """
    return rt.store.list_audit_reports(ca_find.find(rt, caller, ca_arn).arn, limit=limit)


def read(rt: Runtime, caller: Caller, ca_arn: str, report_id: str) -> tuple[AuditReport, bytes]:
    """Read an audit report from its bucket.

    Raises:
        ResourceNotFoundException: the CA has no such report, or it is not written yet, or its object was removed.
        BucketError: it cannot be read.
    """
    report = audit_reports.find(rt, caller, ca_arn, report_id)
    stored = rt.buckets.get(report.bucket, report.key) if report.status == "SUCCESS" else None
    if stored is None:
        raise errors.ResourceNotFoundException(f"Audit report {report_id} of {ca_arn} is not in its bucket.")
    return report, stored.body
