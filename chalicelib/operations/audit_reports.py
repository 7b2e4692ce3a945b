"""Audit reports: Create- and DescribeCertificateAuthorityAuditReport.

A request is recorded; a schedule writes the report.

Source: AWS Private CA API, CreateCertificateAuthorityAuditReport; User Guide, "Using audit reports".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.buckets import BucketError
from chalicelib.ca import bucket_owners
from chalicelib.ca import find as ca_find
from chalicelib.records import AuditReport
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib import shapes
    from chalicelib.runtime import Caller, Runtime

STATES = frozenset({"ACTIVE", "DISABLED"})
_NOT_REPORTING = "The certificate authority {arn} is not in a valid state for creating an audit report."


def create_certificate_authority_audit_report(
    rt: Runtime, caller: Caller, request: shapes.CreateCertificateAuthorityAuditReportRequest
) -> shapes.CreateCertificateAuthorityAuditReportResponse:
    """Request a report of all certificates that a CA has issued; a schedule writes it.

    Raises:
        InvalidStateException: the CA is neither ACTIVE nor DISABLED.
        InvalidArgsException: the bucket cannot be used; the text says what is missing.
        RequestInProgressException: the last report of this CA was requested less than 30 minutes ago.
    """
    ca = ca_find.require(rt, caller, request["CertificateAuthorityArn"], STATES, _NOT_REPORTING)
    bucket, file_format = request["S3BucketName"], request["AuditReportResponseFormat"]
    account_id = arns.parse_ca_arn(ca.arn).account_id
    try:
        bucket_owners.check(rt, account_id, bucket)
        rt.buckets.check(bucket, "PRIVATE", ca.arn)
        bucket_owners.take(rt, account_id, bucket)
    except BucketError as error:
        if not error.misconfigured:
            raise
        raise errors.InvalidArgsException(
            f"The bucket '{bucket}' cannot take the audit report. {error}", reason=str(error), member=("S3BucketName",)
        ) from error
    report_id, now = rt.new_id(), rt.now()
    report = AuditReport(
        ca_arn=ca.arn,
        report_id=report_id,
        bucket=bucket,
        key=f"audit-report/{arns.parse_ca_arn(ca.arn).ca_id}/{report_id}.{file_format.lower()}",
        format=file_format,
        status="CREATING",
        created_at=now,
        due_at=now,
    )
    seconds = int(rt.settings.audit_report_seconds)
    try:
        rt.store.reserve_audit_report(report, last_before=now - timedelta(seconds=seconds))
    except ConflictError as error:
        raise errors.RequestInProgressException(
            f"A certificate authority gives one audit report in {seconds} seconds at most, and the last one was asked "
            "for more recently.",
            retry_after_seconds=seconds,
        ) from error
    return {"AuditReportId": report_id, "S3Key": report.key}


def describe_certificate_authority_audit_report(
    rt: Runtime, caller: Caller, request: shapes.DescribeCertificateAuthorityAuditReportRequest
) -> shapes.DescribeCertificateAuthorityAuditReportResponse:
    """Describe an audit report: its status, and where it is.

    Raises:
        ResourceNotFoundException: the CA has no such report.
    """
    report = find(rt, caller, request["CertificateAuthorityArn"], request["AuditReportId"])
    return {
        "AuditReportStatus": report.status,
        "S3BucketName": report.bucket,
        "S3Key": report.key,
        "CreatedAt": report.created_at,
    }


def find(rt: Runtime, caller: Caller, ca_arn: str, report_id: str) -> AuditReport:
    """Find an audit report of a CA.

    Raises:
        ResourceNotFoundException: the caller has no such CA, or the CA no such report.
    """
    ca = ca_find.find(rt, caller, ca_arn)
    report = rt.store.get_audit_report(ca.arn, report_id)
    if report is None:
        raise errors.ResourceNotFoundException(f"Could not find audit report {report_id} of {ca.arn}.")
    return report
