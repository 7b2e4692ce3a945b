"""The audit reports of a CA: requested, followed until they are written, downloaded."""

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
from chalicelib.console.forms.refusals import problems_of
from chalicelib.console.parts import authority_page
from chalicelib.operations import audit_reports
from chalicelib.reports import audit_format, audit_report_reader

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.runtime import Caller, Runtime

TAB = "reports"
_SHOWN = 20
_MOST_BYTES = 4 * 1024 * 1024  # of a download where the answer goes through Lambda, which passes 6 MB of JSON
_TOO_LONG = "The report is too long for the gateway. Get it from its bucket: aws s3 cp {address} ."


def show(visit: Visit) -> WireResponse:
    """The latest reports, and the form for the next one."""
    return _page(visit, {})


def _page(visit: Visit, problems: dict[str, str]) -> WireResponse:
    ca = visit.ca.described
    reports = audit_report_reader.last(visit.rt, visit.caller, ca["Arn"], limit=_SHOWN)
    request = {"CertificateAuthorityArn": ca["Arn"]}
    filled = visit.query if web.asks_for_commands(visit) else visit.form.fields
    bucket, kind = filled.get("report_bucket", "").strip(), filled.get("format", "")
    wanted = request | {
        "S3BucketName": bucket or "BUCKET",
        "AuditReportResponseFormat": kind if kind in audit_format.WRITERS else "CSV",
    }
    shown = [command("CreateCertificateAuthorityAuditReport", wanted)]
    if reports:
        asked = request | {"AuditReportId": reports[0].report_id}
        shown.append(command("DescribeCertificateAuthorityAuditReport", asked))
    return authority_page.show(
        visit,
        "authority_reports.html",
        TAB,
        problems=problems,
        commands=tuple(shown),
        reports=reports,
        waiting=any(report.status == "CREATING" for report in reports),
        requestable=ca["Status"] in audit_reports.STATES,
        buckets=revocation_checks.list_buckets(visit.rt, visit.caller.account_id),
        creates=visit.rt.settings.buckets == "directory",
        formats=list(audit_format.WRITERS),
        typed=visit.form.fields,
    )


def request_report(visit: Visit) -> WireResponse:
    """Request a report."""
    try:
        visit.client.call(
            "CreateCertificateAuthorityAuditReport",
            CertificateAuthorityArn=visit.ca.arn,
            S3BucketName=visit.form.get("report_bucket"),
            AuditReportResponseFormat=visit.form.get("format"),
        )
    except errors.RequestInProgressException:
        return _page(visit, {"": _too_soon(visit.rt, visit.caller, visit.ca.arn)})
    except errors.ApiError as error:
        return _page(visit, problems_of(error, otherwise="report_bucket"))
    return authority_page.done(visit, TAB, "requested")


def _too_soon(rt: Runtime, caller: Caller, arn: str) -> str:
    """The time from which the next report can be requested."""
    pause = timedelta(seconds=int(rt.settings.audit_report_seconds))
    (last,) = audit_report_reader.last(rt, caller, arn, limit=1)
    minutes, moment = math.ceil(pause.total_seconds() / 60), text.utc(last.created_at + pause)
    return f"A CA writes at most one audit report in {minutes} minutes. You can request the next one at {moment}."


def report_row(visit: Visit) -> WireResponse:
    """The progress of a report: a row of the table, which reloads itself until the report is finished."""
    arn, report_id = visit.ca.arn, visit.query.get("id", "")
    visit.client.call("DescribeCertificateAuthorityAuditReport", CertificateAuthorityArn=arn, AuditReportId=report_id)
    report = audit_reports.find(visit.rt, visit.caller, arn, report_id)
    return render.page(visit, "report_row.html", title="", report=report, ca_id=visit.ca.ca_id)


def download(visit: Visit) -> WireResponse:
    """A finished report, read from its bucket."""
    try:
        report, body = audit_report_reader.read(visit.rt, visit.caller, visit.ca.arn, visit.named["report_id"])
    except BucketError as error:
        return render.error_page(visit, 502, "The report cannot be read", str(error))
    if visit.rt.settings.buckets == "s3" and len(body) > _MOST_BYTES:
        hint = _TOO_LONG.format(address=shlex.quote(f"s3://{report.bucket}/{report.key}"))
        return render.error_page(visit, 413, "The report is too long", hint)
    _, content_type = audit_format.WRITERS[report.format]
    name = f"audit-report-{report.report_id}.{report.format.lower()}"
    return web.download(body, name, f"{content_type}; charset=utf-8")
