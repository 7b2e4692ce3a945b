"""Events and metrics in AWS Private CA's shapes (User Guide, "Monitor AWS Private CA with CloudWatch Events")."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from app import use_runtime
from chalicelib import logs
from chalicelib.buckets import BucketError, PreconditionFailedError
from chalicelib.crl import publication
from chalicelib.events.log import LogEvents
from chalicelib.keystore import KeyStoreError
from chalicelib.operations import certificates, creation
from chalicelib.reconcile import reconcile
from chalicelib.reports import audit_report_writer
from chalicelib.store import StoreError
from tests.support.authority_steps import active_root, create, issue, serial_of
from tests.support.builders import CALLER, CREATE, EC_CONFIGURATION, csr
from tests.support.ports import Port, fail
from tests.support.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Bus:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []

    def send(self, event: Mapping[str, Any]) -> None:
        self.sent.append(event)

    def take(self) -> list[tuple[str, list[str], dict[str, str]]]:
        """Detail-type, resources and detail of what was sent since the last time."""
        taken = [(each["detail-type"].removeprefix("ACM Private CA "), each["resources"], each["detail"])
                 for each in self.sent]  # fmt: skip
        self.sent.clear()
        return taken


SUCCESS, FAILURE = {"result": "success"}, {"result": "failure"}


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def rt(rt: Any, bus: Bus) -> Any:
    return replace(rt, events=bus)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """A function that gives the lines of the log by the name of their event."""
    caplog.set_level(logging.INFO, logger="signet")
    logs.LOGGER.addHandler(caplog.handler)
    formatter = logs.JsonFormatter()

    def named(event: str) -> list[dict[str, Any]]:
        return [json.loads(formatter.format(each)) for each in caplog.records if each.getMessage() == event]

    yield named
    logs.LOGGER.removeHandler(caplog.handler)


def metrics(lines: Any, arn: str) -> list[dict[str, float]]:
    """The metrics of a CA, as CloudWatch reads them."""
    found = []
    for line in lines("private_ca_metrics"):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Signet/ACMPrivateCA"
        assert directive["Dimensions"] == [[], ["PrivateCAArn"]]
        units = {"Time": "Milliseconds"}
        assert all(each["Unit"] == units.get(each["Name"], "Count") for each in directive["Metrics"])
        if line["PrivateCAArn"] == arn:
            found.append({each["Name"]: line[each["Name"]] for each in directive["Metrics"]})
    return found


def test_envelope_is_that_of_the_guide(acm_pca: Any, bus: Bus, clock: Any) -> None:
    arn = create(acm_pca)
    (event,) = bus.sent
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event["id"])
    assert list(event.items()) == [
        ("version", "0"),
        ("id", event["id"]),
        ("detail-type", "ACM Private CA Creation"),
        ("source", "aws.acm-pca"),
        ("account", "000000000000"),
        ("time", f"{clock():%Y-%m-%dT%H:%M:%SZ}"),
        ("region", "us-east-1"),
        ("resources", [arn]),
        ("detail", {"result": "success"}),
    ]


def test_every_operation_sends_its_event_once(acm_pca: Any, rt: Any, bus: Bus, lines: Any) -> None:
    arn = active_root(acm_pca)
    (own,) = [each.arn for each in rt.store.list_certificates(arn)]
    assert bus.take() == [("Creation", [arn], SUCCESS), ("Certificate Issuance", [arn, own], SUCCESS)]
    leaf = issue(acm_pca, arn, IdempotencyToken="once")
    assert bus.take() == [("Certificate Issuance", [arn, leaf], SUCCESS), ("CRL Generation", [arn], SUCCESS)]
    assert issue(acm_pca, arn, IdempotencyToken="once") == leaf
    revocation = {
        "CertificateAuthorityArn": arn,
        "CertificateSerial": serial_of(leaf),
        "RevocationReason": "SUPERSEDED",
    }
    acm_pca.revoke_certificate(**revocation)
    refusal(acm_pca.revoke_certificate, **revocation)  # no event is sent if it has been revoked already
    publication.publish_due_crls(rt, seconds=60)
    publication.publish_due_crls(rt, seconds=60)
    assert bus.take() == [("Certificate Revocation", [arn, leaf], SUCCESS), ("CRL Generation", [arn], SUCCESS)]
    report = acm_pca.create_certificate_authority_audit_report(
        CertificateAuthorityArn=arn, S3BucketName="reports", AuditReportResponseFormat="JSON"
    )["AuditReportId"]
    audit_report_writer.write_due_reports(rt)
    assert bus.take() == [("Audit Report Generation", [arn, report], SUCCESS)]
    issued = {"Success": 1, "Time": 0.0}  # the clock of the test stands still
    assert metrics(lines, arn) == [issued, issued, {"CRLGenerated": 1}, {"CRLGenerated": 1}]


def test_refused_requests_send_nothing(acm_pca: Any, bus: Bus, lines: Any) -> None:
    """There is no ARN to tell of: AWS issues after the call, and counts what fails then."""
    arn = active_root(acm_pca)
    bus.sent.clear()
    before = metrics(lines, arn)
    request = {"CertificateAuthorityArn": arn, "SigningAlgorithm": "SHA256WITHECDSA", "Csr": b"x"}
    assert refusal(acm_pca.issue_certificate, Validity={"Type": "DAYS", "Value": 1}, **request)[0] == (
        "MalformedCSRException"
    )
    wrong = EC_CONFIGURATION | {"SigningAlgorithm": "SHA256WITHRSA"}
    creation = {"CertificateAuthorityType": "ROOT", "CertificateAuthorityConfiguration": wrong}
    assert refusal(acm_pca.create_certificate_authority, **creation)[0] == "InvalidArgsException"
    assert (bus.sent, metrics(lines, arn)) == ([], before)


ISSUE: Any = {"SigningAlgorithm": "SHA256WITHECDSA", "Validity": {"Type": "DAYS", "Value": 30}}


def request_for(arn: str) -> Any:
    return ISSUE | {"CertificateAuthorityArn": arn, "Csr": csr()}


def test_failed_signature_is_a_failed_issuance(acm_pca: Any, rt: Any, bus: Bus, lines: Any) -> None:
    arn = active_root(acm_pca)
    bus.sent.clear()
    broken = replace(rt, keys=Port(rt.keys, private_key=fail(KeyStoreError("no"))))
    with pytest.raises(KeyStoreError):
        certificates.issue_certificate(broken, CALLER, request_for(arn))
    (failed,) = [each.arn for each in rt.store.list_certificates(arn) if each.status == "FAILED"]
    assert bus.take() == [("Certificate Issuance", [arn, failed], FAILURE)]
    assert metrics(lines, arn)[-1] == {"Failure": 1, "Time": 0.0}


def test_interrupted_issuance_fails_when_it_is_given_up(
    acm_pca: Any, rt: Any, bus: Bus, lines: Any, clock: Any
) -> None:
    arn = active_root(acm_pca)
    bus.sent.clear()
    dying = replace(rt, keys=Port(rt.keys, private_key=fail(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        certificates.issue_certificate(dying, CALLER, request_for(arn))
    assert bus.sent == []
    clock.forward(seconds=121)
    reconcile(rt)
    reconcile(rt)
    (failed,) = [each.arn for each in rt.store.list_certificates(arn) if each.status == "FAILED"]
    assert bus.take() == [("Certificate Issuance", [arn, failed], FAILURE)]
    assert metrics(lines, arn)[-1] == {"Failure": 1, "Time": 121_000.0}


def test_failed_creation_is_told_once(rt: Any, bus: Bus, clock: Any) -> None:
    broken = replace(rt, keys=Port(rt.keys, private_key=fail(KeyStoreError("no"))))
    with pytest.raises(KeyStoreError):
        creation.create_certificate_authority(broken, CALLER, CREATE)
    ((kind, (arn,), detail),) = bus.take()
    assert (kind, detail) == ("Creation", FAILURE)
    assert rt.store.get_certificate_authority(arn) is None
    dying = replace(rt, keys=Port(rt.keys, private_key=fail(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        creation.create_certificate_authority(dying, CALLER, CREATE)
    assert bus.sent == []
    clock.forward(seconds=121)
    reconcile(rt)
    ((kind, (arn,), detail),) = bus.take()
    assert (kind, detail) == ("Creation", FAILURE)
    assert rt.store.get_certificate_authority(arn).status == "FAILED"


def test_creation_whose_last_answer_was_lost_is_a_success(rt: Any, bus: Bus) -> None:
    def lost(old: Any, new: Any) -> Any:
        written = rt.store.update_certificate_authority(old, new)
        if written.status == "PENDING_CERTIFICATE":
            raise StoreError("the answer was lost")
        return written

    with pytest.raises(StoreError):
        creation.create_certificate_authority(
            replace(rt, store=Port(rt.store, update_certificate_authority=lost)), CALLER, CREATE
        )
    (ca,) = rt.store.list_certificate_authorities(CALLER.account_id, limit=10)
    assert bus.take() == [("Creation", [ca.arn], SUCCESS)]


CRL_FAILURES: dict[str, tuple[Any, str, list[dict[str, float]]]] = {
    "bucket refuses": (
        {"buckets": {"put": fail(BucketError("forbidden", misconfigured=True))}},
        "Failed to write CRL to S3. Check your S3 bucket permissions.",
        [{"MisconfiguredCRLBucket": 1}],
    ),
    "bucket fails": (
        {"buckets": {"put": fail(BucketError("503"))}},
        "Failed to write CRL to S3. Internal failure.",
        [],
    ),
    "key fails": (
        {"keys": {"private_key": fail(KeyStoreError("no"))}},
        "Failed to generate CRL. Internal failure.",
        [],
    ),
    "state fails": (
        {"store": {"reserve_crl": fail(StoreError("no"))}},
        "Failed to generate CRL. Internal failure.",
        [],
    ),
}


@pytest.mark.parametrize("case", CRL_FAILURES)
def test_failed_crl_gives_the_reason_of_the_guide(acm_pca: Any, rt: Any, bus: Bus, lines: Any, case: str) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    rt.store.schedule_crl(arn, due_at=rt.now())
    bus.sent.clear()
    before = len(metrics(lines, arn))
    broken, reason, measured = CRL_FAILURES[case]
    ports: Any = {name: Port(getattr(rt, name), **methods) for name, methods in broken.items()}
    assert publication.publish_crl(replace(rt, **ports), arn).result == "failed"
    assert bus.take() == [("CRL Generation", [arn], {"result": "failure", "reason": reason})]
    assert metrics(lines, arn)[before:] == measured


def test_lost_race_for_a_crl_is_no_failure(acm_pca: Any, rt: Any, bus: Bus) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    rt.store.schedule_crl(arn, due_at=rt.now())
    bus.sent.clear()
    lost = fail(PreconditionFailedError("somebody else wrote it"))
    assert publication.publish_crl(replace(rt, buckets=Port(rt.buckets, put=lost)), arn).result == "failed"
    assert bus.sent == []


def test_audit_report_that_is_given_up_is_a_failure(acm_pca: Any, rt: Any, bus: Bus) -> None:
    arn = active_root(acm_pca)
    report = acm_pca.create_certificate_authority_audit_report(
        CertificateAuthorityArn=arn, S3BucketName="reports", AuditReportResponseFormat="CSV"
    )["AuditReportId"]
    bus.sent.clear()
    refused = fail(BucketError("forbidden", misconfigured=True))
    audit_report_writer.write_due_reports(replace(rt, buckets=Port(rt.buckets, put_pieces=refused)))
    assert bus.take() == [("Audit Report Generation", [arn, report], FAILURE)]


# where they go


def test_log_has_each_event_whole_in_one_line(acm_pca: Any, rt: Any, lines: Any) -> None:
    use_runtime(replace(rt, events=LogEvents()))
    arn = create(acm_pca)
    (line,) = lines("private_ca_event")
    assert (line["level"], line["envelope"]["source"]) == ("INFO", "aws.acm-pca")
    assert (line["envelope"]["resources"], line["envelope"]["detail"]) == ([arn], SUCCESS)


def test_bus_that_fails_changes_nothing_for_anybody(acm_pca: Any, rt: Any, lines: Any) -> None:
    broken = replace(rt, events=Port(None, send=fail(RuntimeError("no bus"))))
    use_runtime(broken)
    arn = active_root(acm_pca)
    leaf = issue(acm_pca, arn)
    acm_pca.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(leaf), RevocationReason="SUPERSEDED"
    )
    assert [each.result for each in publication.publish_due_crls(broken, seconds=60)] == ["published"]
    assert acm_pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=leaf)["Certificate"]
    assert all(each.status == "ISSUED" for each in rt.store.list_certificates(arn))
    kinds = [each["envelope"]["detail-type"].split()[-1] for each in lines("private_ca_event_not_sent")]
    assert kinds == ["Creation", "Issuance", "Issuance", "Generation", "Revocation", "Generation"]
    assert {each["error"] for each in lines("private_ca_event_not_sent")} == {"RuntimeError: no bus"}
    assert len(metrics(lines, arn)) == 4  # those are lines of the log
