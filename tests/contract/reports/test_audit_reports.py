"""Audit reports: asked for, written by a schedule, read as a spreadsheet would (AWS Private CA, audit reports)."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from chalicelib.pki.x509 import names
from chalicelib.reports import audit_format, audit_report_writer
from tests.support.audit_reports import ask, state, written
from tests.support.authority_steps import active_root, create, issue, serial_of
from tests.support.builders import START
from tests.support.refusals import refusal

KEYS = [
    "awsAccountId",
    "certificateArn",
    "serial",
    "subject",
    "notBefore",
    "notAfter",
    "issuedAt",
    "templateArn",
]
HEADER = (
    "awsAccountId,requestedByServicePrincipal,certificateArn,serial,subject,notBefore,notAfter,issuedAt,revokedAt,"
    "revocationReason,templateArn"
)


def test_report_goes_from_creating_to_success(acm_pca: Any, rt: Any, arn: str, clock: Any) -> None:
    asked = ask(acm_pca, arn)
    ca_id = arn.rsplit("/", 1)[1]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", asked["AuditReportId"])
    assert asked["S3Key"] == f"audit-report/{ca_id}/{asked['AuditReportId']}.json"
    described = {"S3BucketName": "reports", "S3Key": asked["S3Key"], "CreatedAt": clock()}
    assert state(acm_pca, arn, asked) == described | {"AuditReportStatus": "CREATING"}
    assert rt.buckets.get("reports", asked["S3Key"]) is None
    (report,) = audit_report_writer.write_due_reports(rt)
    assert report.status == "SUCCESS"
    assert state(acm_pca, arn, asked) == described | {"AuditReportStatus": "SUCCESS"}
    acm_pca.get_waiter("audit_report_created").wait(CertificateAuthorityArn=arn, AuditReportId=asked["AuditReportId"])
    assert audit_report_writer.write_due_reports(rt) == []
    assert rt.buckets.get("reports", asked["S3Key"]).content_type == "application/json"


def test_json_has_aws_s_keys_in_their_order(acm_pca: Any, rt: Any, arn: str, clock: Any) -> None:
    clock.forward(seconds=1)
    first = issue(acm_pca, arn)
    clock.forward(minutes=5)
    acm_pca.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(first), RevocationReason="KEY_COMPROMISE"
    )
    rows = json.loads(written(rt, ask(acm_pca, arn)))
    own, leaf = rows
    assert list(own) == KEYS
    assert (own["subject"], own["templateArn"]) == ("CN=Test CA", "arn:aws:acm-pca:::template/RootCACertificate/V1")
    assert list(leaf) == [*KEYS[:-1], "revokedAt", "revocationReason", KEYS[-1]]
    assert leaf == {
        "awsAccountId": "000000000000",
        "certificateArn": first,
        "serial": ":".join(re.findall("..", serial_of(first))),
        "subject": "CN=leaf.example.com",
        "notBefore": "2030-01-01T11:00:01+0000",
        "notAfter": "2030-01-31T12:00:01+0000",
        "issuedAt": "2030-01-01T12:00:01+0000",
        "revokedAt": "2030-01-01T12:05:01+0000",
        "revocationReason": "KEY_COMPROMISE",
        "templateArn": "arn:aws:acm-pca:::template/EndEntityCertificate/V1",
    }


def test_csv_has_aws_s_header_and_empty_columns(acm_pca: Any, rt: Any, arn: str) -> None:
    asked = ask(acm_pca, arn, "CSV")
    assert asked["S3Key"].endswith(".csv")
    text = written(rt, asked)
    header, row, end = text.split("\n")
    assert (header, end) == (HEADER, "")
    cells = row.split(",")
    assert (cells[0], cells[1], cells[4], cells[8], cells[9]) == ("000000000000", "", '"CN=Test CA"', "", "")
    assert rt.buckets.get("reports", asked["S3Key"]).content_type == "text/csv"


HOSTILE = [
    '=cmd|"/C calc"!A0',
    "a;=1+1",
    'say "hi", you',
    "-2+3",
    "@SUM(1)",
    "+1",
    "\\back",
    "#hash",
    " space ",
    "=é漢",
]


def hostile_csr(text: str) -> bytes:
    from tests.support.builders import LEAF_KEY

    names = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, text),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
            x509.NameAttribute(x509.ObjectIdentifier("1.2.840.113549.1.9.1"), "a@example.com"),
        ]
    )
    made = x509.CertificateSigningRequestBuilder().subject_name(names).sign(LEAF_KEY, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def test_hostile_subjects_stay_in_their_cell(acm_pca: Any, rt: Any, arn: str, clock: Any) -> None:
    for text in HOSTILE:
        clock.forward(seconds=1)
        issue(acm_pca, arn, Csr=hostile_csr(text))
    report = written(rt, ask(acm_pca, arn, "CSV"))
    rows = list(csv.reader(io.StringIO(report)))
    assert {len(row) for row in rows} == {11}
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
    assert all(not re.search(r";\s*[=+@-]", cell) for row in rows for cell in row), "a cell for those who split at ';'"
    by_comma = rows[2:]
    assert by_comma[2][4].startswith("1.2.840.113549.1.9.1=#160d6140")
    assert by_comma[2][4].endswith(r"CN=say \"hi\"\, you,O=say \"hi\"\, you,C=US")
    assert by_comma[1][4].endswith(r"CN=a\3B=1+1,O=a\3B=1+1,C=US".replace("+", r"\+"))
    clock.forward(minutes=31)
    found = [row["subject"] for row in json.loads(written(rt, ask(acm_pca, arn)))]
    assert found[1:] == [names.rfc2253(name_of(text)) for text in HOSTILE]
    assert found[2].endswith(r"CN=a\;=1\+1,O=a\;=1\+1,C=US")


def name_of(text: str) -> bytes:
    return x509.load_pem_x509_csr(hostile_csr(text)).subject.public_bytes()


def test_cell_that_would_begin_a_formula_is_text() -> None:
    row = audit_format.Row("1", None, "a", "s", "=1+1", "b", "c", "d", None, None, "t")
    assert b'"\'=1+1"' in b"".join(audit_format.csv_pieces([row]))


def test_second_report_has_to_wait(acm_pca: Any, rt: Any, arn: str, clock: Any) -> None:
    ask(acm_pca, arn)
    clock.forward(minutes=29, seconds=59)
    parameters = {"CertificateAuthorityArn": arn, "S3BucketName": "reports", "AuditReportResponseFormat": "CSV"}
    code, message = refusal(acm_pca.create_certificate_authority_audit_report, **parameters)
    assert (code, "1800 seconds" in message) == ("RequestInProgressException", True)
    ask(acm_pca, active_root(acm_pca))
    clock.forward(seconds=1)
    ask(acm_pca, arn)
    assert [report.status for report in audit_report_writer.write_due_reports(rt)] == ["SUCCESS"] * 3


def test_report_of_a_clock_that_was_ahead_stops_no_other(acm_pca: Any, rt: Any, arn: str, clock: Any) -> None:
    clock.forward(days=3)
    ask(acm_pca, arn)
    clock.forward(days=-3)
    ask(acm_pca, arn)
    assert [report.status for report in audit_report_writer.write_due_reports(rt)] == ["SUCCESS"]
    parameters = {"CertificateAuthorityArn": arn, "S3BucketName": "reports", "AuditReportResponseFormat": "CSV"}
    assert refusal(acm_pca.create_certificate_authority_audit_report, **parameters)[0] == "RequestInProgressException"


def test_waiting_is_a_setting(acm_pca: Any, rt: Any, arn: str) -> None:
    from tests.support.client import client_for

    client = client_for(replace(rt, settings=replace(rt.settings, audit_report_seconds="0")))
    for _ in range(3):
        ask(client, arn)


def test_states(acm_pca: Any, arn: str) -> None:
    parameters = {"S3BucketName": "reports", "AuditReportResponseFormat": "CSV"}
    call = acm_pca.create_certificate_authority_audit_report
    assert refusal(call, CertificateAuthorityArn=create(acm_pca), **parameters)[0] == "InvalidStateException"
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    ask(acm_pca, arn)
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn)
    assert refusal(call, CertificateAuthorityArn=arn, **parameters)[0] == "InvalidStateException"


def test_unknown_report_is_not_found(acm_pca: Any, arn: str) -> None:
    asked = ask(acm_pca, arn)
    for ca, report in (
        (arn, "00000000-0000-0000-0000-000000000000"),
        (active_root(acm_pca), asked["AuditReportId"]),
    ):
        parameters = {"CertificateAuthorityArn": ca, "AuditReportId": report}
        call = acm_pca.describe_certificate_authority_audit_report
        assert refusal(call, **parameters)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize("bucket", ["Not-A-Bucket", "192.168.0.1", "a..b"])
def test_bucket_that_cannot_be_used_is_refused(acm_pca: Any, rt: Any, arn: str, bucket: str) -> None:
    parameters = {"CertificateAuthorityArn": arn, "S3BucketName": bucket, "AuditReportResponseFormat": "CSV"}
    code, message = refusal(acm_pca.create_certificate_authority_audit_report, **parameters)
    assert (code, bucket in message) == ("InvalidArgsException", True)
    ask(acm_pca, arn)


def test_certificates_that_were_never_issued_are_not_in_it(acm_pca: Any, rt: Any, arn: str) -> None:
    issued = issue(acm_pca, arn)
    record = rt.store.get_certificate(arn, int(serial_of(issued), 16))
    number = record.serial_number ^ 1
    pending = replace(record, arn=f"{arn}/certificate/{number:032x}", serial_number=number)
    unsigned = replace(pending, status="PENDING", certificate_der=None, tbs_der=b"x")
    rt.store.reserve_certificate(unsigned, rt.store.get_certificate_authority(arn), None, now=START)
    assert len(json.loads(written(rt, ask(acm_pca, arn)))) == 2


def test_report_of_nothing_is_an_empty_array() -> None:
    assert json.loads(b"".join(audit_format.json_pieces([]))) == []


@pytest.mark.laptop  # S3 serves its own
def test_report_is_not_public(acm_pca: Any, rt: Any, arn: str) -> None:
    asked = ask(acm_pca, arn)
    written(rt, asked)
    assert rt.buckets.public_object("reports", asked["S3Key"]) is None
