"""Ask for an audit report, and read what became of it."""

from __future__ import annotations

from typing import Any

from chalicelib.reports import audit_report_writer


def ask(client: Any, arn: str, kind: str = "JSON", bucket: str = "reports") -> dict[str, Any]:
    answer: dict[str, Any] = client.create_certificate_authority_audit_report(
        CertificateAuthorityArn=arn, S3BucketName=bucket, AuditReportResponseFormat=kind
    )
    return answer


def state(client: Any, arn: str, asked: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = client.describe_certificate_authority_audit_report(
        CertificateAuthorityArn=arn, AuditReportId=asked["AuditReportId"]
    )
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def written(rt: Any, asked: dict[str, Any]) -> str:
    """The text of a report after the schedule has run."""
    audit_report_writer.write_due_reports(rt)
    return str(rt.buckets.get("reports", asked["S3Key"]).body.decode())
