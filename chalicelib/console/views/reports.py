"""A CA's audit reports: asked for, followed until they are written, downloaded."""

from __future__ import annotations

import math
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.buckets import BucketError
from chalicelib.console import render, text, web
from chalicelib.console.commands import command
from chalicelib.console.forms import revocation_checks
from chalicelib.console.forms.refusals import in_words
from chalicelib.console.parts import authority_page
from chalicelib.console.views.wizard import own_arn
from chalicelib.operations import audit_reports
from chalicelib.reports import audit_format

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

TAB = "reports"
_SHOWN = 20
_MOST_BYTES = 4 * 1024 * 1024  # of a download where the answer goes through Lambda, which passes 6 MB of JSON
_TOO_LONG = "The report is longer than the gateway passes on. Fetch it from its bucket: aws s3 cp {address} ."


def show(visit: Visit) -> WireResponse:
    """The last reports, and the form for the next one."""
    return _page(visit, {})


def _page(visit: Visit, problems: dict[str, str]) -> WireResponse:
    ca = authority_page.describe(visit)
    reports = audit_reports.last(visit.rt, visit.caller, ca["Arn"], limit=_SHOWN)
    request = {"CertificateAuthorityArn": ca["Arn"]}
    wanted = request | {"S3BucketName": "BUCKET", "AuditReportResponseFormat": "CSV"}
    shown = [command("CreateCertificateAuthorityAuditReport", wanted)]
    if reports:
        asked = request | {"AuditReportId": reports[0].report_id}
        shown.append(command("DescribeCertificateAuthorityAuditReport", asked))
    return authority_page.show(
        visit,
        "authority_reports.html",
        TAB,
        ca=ca,
        problems=problems,
        commands=tuple(shown),
        reports=reports,
        waiting=any(each.status == "CREATING" for each in reports),
        requestable=ca["Status"] in audit_reports.STATES,
        buckets=revocation_checks.list_buckets(visit),
        formats=list(audit_format.WRITERS),
        typed=visit.form.fields,
    )


def request_report(visit: Visit) -> WireResponse:
    """Ask for a report."""
    try:
        visit.call(
            "CreateCertificateAuthorityAuditReport",
            CertificateAuthorityArn=own_arn(visit),
            S3BucketName=visit.form.get("bucket"),
            AuditReportResponseFormat=visit.form.get("format"),
        )
    except errors.RequestInProgressException:
        return _page(visit, {"": _too_soon(visit)})
    except errors.ApiError as error:
        field = "format" if "auditReportResponseFormat" in error.message else "bucket"
        return _page(visit, {field: in_words(error.message)})
    return authority_page.done(visit, TAB, "requested")


def _too_soon(visit: Visit) -> str:
    """When the next report can be asked for."""
    pause = timedelta(seconds=int(visit.rt.settings.audit_report_seconds))
    (last,) = audit_reports.last(visit.rt, visit.caller, own_arn(visit), limit=1)
    minutes = math.ceil(pause.total_seconds() / 60)
    return f"A CA gives one audit report in {minutes} minutes: the next from {text.utc(last.created_at + pause)} on."


def report_row(visit: Visit) -> WireResponse:
    """How far a report is: a row of the table, which asks again until the report is finished."""
    arn, report_id = own_arn(visit), visit.query.get("id", "")
    visit.call("DescribeCertificateAuthorityAuditReport", CertificateAuthorityArn=arn, AuditReportId=report_id)
    report = audit_reports.find(visit.rt, visit.caller, arn, report_id)
    return render.page(visit, "report_row.html", title="", report=report, ca_id=visit.named["ca_id"])


def download(visit: Visit) -> WireResponse:
    """A finished report, read from its bucket for who may see the CA."""
    try:
        report, body = audit_reports.read(visit.rt, visit.caller, own_arn(visit), visit.named["report_id"])
    except BucketError as error:
        return render.error_page(visit, 502, "The report cannot be read", str(error))
    if visit.rt.settings.buckets == "s3" and len(body) > _MOST_BYTES:
        told = _TOO_LONG.format(address=shlex.quote(f"s3://{report.bucket}/{report.key}"))
        return render.error_page(visit, 413, "The report is too long", told)
    _, content_type = audit_format.WRITERS[report.format]
    name = f"audit-report-{report.report_id}.{report.format.lower()}"
    return web.download(body, name, f"{content_type}; charset=utf-8")
