"""Audit reports: their description, and every line of what is in the bucket."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.conformance import material
from chalicelib.conformance.sources import GUIDE_SAMPLE, about, guide, model, reference

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Authority, Target

CREATE, REPORTS = reference("CreateCertificateAuthorityAuditReport"), guide("PcaAuditReport")
COLUMNS = (
    *("awsAccountId", "requestedByServicePrincipal", "certificateArn", "serial", "subject", "notBefore", "notAfter"),
    *("issuedAt", "revokedAt", "revocationReason", "templateArn"),
)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", re.ASCII)


@dataclass
class Report:
    """A report of a CA, what Describe says of it, and its object."""

    created: dict[str, str]
    authority: Authority
    good: dict[str, str]
    bad: dict[str, str]
    described: dict[str, Any] = field(default_factory=dict)
    body: str = ""


@pytest.fixture(scope="module")
def reports(target: Target, bucket: str) -> dict[str, Report]:
    """A report of a CA in each format; both are written while the fixture waits."""
    made = {form: requested(target, bucket, form) for form in ("JSON", "CSV")}
    deadline = time.monotonic() + target.patience
    for report in made.values():
        named = {"CertificateAuthorityArn": report.authority.arn, "AuditReportId": report.created["AuditReportId"]}
        while True:
            report.described = target.wire.call("DescribeCertificateAuthorityAuditReport", **named).accepted()
            if report.described["AuditReportStatus"] != "CREATING" or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        report.body = target.read_object(report.created["S3Key"]).decode()
    return made


def requested(target: Target, bucket: str, form: str) -> Report:
    """A CA that has issued two certificates and revoked one, and its report, which is not written yet."""
    authority = target.root()
    good, bad = authority.issue(material.csr("good.example.com")), authority.issue(material.csr("bad.example.com"))
    authority.revoke(bad["Arn"].rpartition("/")[2]).accepted()
    asked = {"CertificateAuthorityArn": authority.arn, "S3BucketName": bucket, "AuditReportResponseFormat": form}
    created = target.wire.call("CreateCertificateAuthorityAuditReport", **asked).accepted()
    return Report(created, authority, good, bad)


@pytest.fixture(params=["JSON", "CSV"])
def report(request: pytest.FixtureRequest, reports: dict[str, Report]) -> Report:
    found = reports[request.param]
    assert found.body, "the report is not in the bucket"
    return found


def lines(report: Report) -> list[dict[str, Any]]:
    """The certificates in a report; empty cells of CSV are absent, as in JSON."""
    if report.created["S3Key"].endswith(".json"):
        found: list[dict[str, Any]] = json.loads(report.body)
        return found
    return [{name: value for name, value in row.items() if value} for row in csv.DictReader(io.StringIO(report.body))]


def line(report: Report, issued: dict[str, str]) -> dict[str, Any]:
    (found,) = [each for each in lines(report) if each["certificateArn"] == issued["Arn"]]
    return found


pytestmark = pytest.mark.waits


@about("CreateCertificateAuthorityAuditReport", REPORTS)
def test_key_has_the_ca_and_the_report(report: Report) -> None:
    number, ca = report.created["AuditReportId"], report.authority.arn.rpartition("/")[2]
    assert re.fullmatch("[a-z0-9]{8}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}", number)
    assert report.created["S3Key"].rpartition(".")[0] == f"audit-report/{ca}/{number}"


@about("DescribeCertificateAuthorityAuditReport", reference("DescribeCertificateAuthorityAuditReport"))
def test_description_has_bucket_key_and_time(report: Report, bucket: str) -> None:
    found = report.described
    assert (found["AuditReportStatus"], found["S3BucketName"]) == ("SUCCESS", bucket)
    assert found["S3Key"] == report.created["S3Key"]
    assert abs(found["CreatedAt"] - time.time()) < 3600


@about("CreateCertificateAuthorityAuditReport", REPORTS)
def test_report_has_every_certificate_and_the_root_s_own(report: Report) -> None:
    subjects = sorted(each["subject"] for each in lines(report))
    assert len(subjects) == 3
    assert subjects[1:] == ["CN=bad.example.com", "CN=good.example.com"]


@about("CreateCertificateAuthorityAuditReport", REPORTS)
def test_line_has_the_members_of_the_guide_in_their_order(report: Report) -> None:
    found = list(line(report, report.bad))
    assert found == [name for name in COLUMNS if name != "requestedByServicePrincipal"]


@about("CreateCertificateAuthorityAuditReport", REPORTS)
def test_certificate_that_is_not_revoked_has_no_revocation(report: Report) -> None:
    assert not {"revokedAt", "revocationReason"} & line(report, report.good).keys()


@about("CreateCertificateAuthorityAuditReport", REPORTS)
def test_revoked_certificate_has_time_and_reason(report: Report) -> None:
    found = line(report, report.bad)
    assert found["revocationReason"] == "SUPERSEDED"
    assert MOMENT.fullmatch(found["revokedAt"])


@about("CreateCertificateAuthorityAuditReport", GUIDE_SAMPLE)
def test_line_describes_its_certificate(report: Report, target: Target) -> None:
    found, certificate = line(report, report.good), material.read(report.good["Certificate"])
    digits = f"{certificate.serial_number:032x}"
    assert found["serial"] == ":".join(digits[place : place + 2] for place in range(0, 32, 2))
    assert found["awsAccountId"] == target.account
    assert found["notBefore"] == certificate.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%S+0000")
    assert found["notAfter"] == certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%S+0000")
    assert MOMENT.fullmatch(found["issuedAt"])
    assert found["templateArn"] == target.template("EndEntityCertificate")


@about("CreateCertificateAuthorityAuditReport", model("AuditReportResponseFormat"))
def test_report_has_the_format_that_was_asked_for(report: Report) -> None:
    if report.created["S3Key"].endswith(".csv"):
        assert report.body.splitlines()[0] == ",".join(COLUMNS)
    else:
        assert report.body.lstrip().startswith("[")


@about("CreateCertificateAuthorityAuditReport", CREATE)
def test_second_report_within_half_an_hour_is_refused(report: Report, target: Target, bucket: str) -> None:
    named = {"CertificateAuthorityArn": report.authority.arn}
    asked = {"S3BucketName": bucket, "AuditReportResponseFormat": "JSON"}
    assert target.wire.call("CreateCertificateAuthorityAuditReport", **named, **asked).status == 400


@about("DescribeCertificateAuthorityAuditReport", model("errors of the operation have ResourceNotFoundException"))
def test_unknown_report_is_not_found(target: Target, issuer: Authority) -> None:
    named = {"CertificateAuthorityArn": issuer.arn, "AuditReportId": "11111111-2222-3333-4444-555555555555"}
    answer = target.wire.call("DescribeCertificateAuthorityAuditReport", **named)
    answer.refused("ResourceNotFoundException", "InvalidArgsException")
