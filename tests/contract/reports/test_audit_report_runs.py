"""Runs that write audit reports: outages, runs that died, runs side by side, and long ones."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.buckets import BucketError
from chalicelib.reports import audit_report_writer
from chalicelib.store import ConflictError
from tests.support.audit_reports import ask, state
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import START
from tests.support.builders import csr as request_for


class Broken:
    """Buckets that fail a number of times."""

    def __init__(self, inner: Any, failures: list[Exception]) -> None:
        self._inner, self._failures = inner, failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put_pieces(self, *arguments: Any, **more: Any) -> None:
        if self._failures:
            raise self._failures.pop()
        self._inner.put_pieces(*arguments, **more)

    def check(self, *arguments: Any) -> None:
        if self._failures:
            raise self._failures.pop()


def test_outage_is_tried_again(acm_pca: Any, rt: Any, arn: str, clock: Any) -> None:
    asked = ask(acm_pca, arn)
    broken = replace(rt, buckets=Broken(rt.buckets, [BucketError("out"), ValueError("bug")]))
    for _ in range(2):
        (report,) = audit_report_writer.write_due_reports(broken)
        assert (report.status, report.due_at) == ("CREATING", clock() + timedelta(seconds=15))
        assert audit_report_writer.write_due_reports(broken) == []
        clock.forward(seconds=15)
    assert state(acm_pca, arn, asked)["AuditReportStatus"] == "CREATING"
    assert audit_report_writer.write_due_reports(broken)[0].status == "SUCCESS"


@pytest.mark.parametrize(
    ("failures", "runs"), [([BucketError("no policy", misconfigured=True)], 1), ([BucketError("out")] * 5, 5)]
)
def test_hopeless_report_fails_and_another_may_be_asked_for(
    acm_pca: Any, rt: Any, clock: Any, failures: list[Exception], runs: int
) -> None:
    arn = active_root(acm_pca)
    asked = ask(acm_pca, arn)
    broken = replace(rt, buckets=Broken(rt.buckets, [*failures]))
    for _ in range(runs):
        (report,) = audit_report_writer.write_due_reports(broken)
        clock.forward(seconds=15)
    assert (report.status, report.attempts) == ("FAILED", runs)
    assert state(acm_pca, arn, asked)["AuditReportStatus"] == "FAILED"
    ask(acm_pca, arn)


def test_outage_of_the_bucket_is_no_fault_of_the_client(acm_pca: Any, rt: Any, arn: str) -> None:
    from tests.support.client import client_for

    client = client_for(replace(rt, buckets=Broken(rt.buckets, [BucketError("out")])))
    parameters = {"CertificateAuthorityArn": arn, "S3BucketName": "reports", "AuditReportResponseFormat": "CSV"}
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        client.create_certificate_authority_audit_report(**parameters)
    ask(client, arn)


def test_run_that_died_is_taken_over_after_a_minute(acm_pca: Any, rt: Any, arn: str, clock: Any) -> None:
    class Killed(BaseException):
        """What kill -9 looks like from inside."""

    asked = ask(acm_pca, arn)
    with pytest.raises(Killed):
        audit_report_writer.write_due_reports(replace(rt, buckets=Broken(rt.buckets, [Killed()])))  # type: ignore[list-item]  # not an Exception on purpose
    assert audit_report_writer.write_due_reports(rt) == []
    clock.forward(seconds=61)
    assert audit_report_writer.write_due_reports(rt)[0].attempts == 2
    assert state(acm_pca, arn, asked)["AuditReportStatus"] == "SUCCESS"


def test_two_runs_do_not_write_the_same_report(acm_pca: Any, rt: Any, arn: str) -> None:
    ask(acm_pca, arn)
    inner: list[Any] = []

    class Meanwhile(Broken):
        def put_pieces(self, *arguments: Any, **more: Any) -> None:
            inner.append(audit_report_writer.write_due_reports(rt))
            super().put_pieces(*arguments, **more)

    outer = audit_report_writer.write_due_reports(replace(rt, buckets=Meanwhile(rt.buckets, [])))
    assert ([each.status for each in outer], inner) == (["SUCCESS"], [[]])


def test_hold_is_renewed_while_a_long_report_is_written(acm_pca: Any, rt: Any, arn: str, clock: Any) -> None:
    (certificate,) = rt.store.list_certificates(arn)
    ask(acm_pca, arn)

    class Long:
        """A store with many certificates, each of which takes its time."""

        def __getattr__(self, name: str) -> Any:
            return getattr(rt.store, name)

        def list_certificates(self, ca_arn: str) -> Any:
            for _ in range(4000):
                clock.forward(milliseconds=40)
                yield certificate

    assert audit_report_writer.write_due_reports(replace(rt, store=Long()))[0].status == "SUCCESS"
    assert clock() - START > timedelta(seconds=120)


def test_hold_that_was_lost_ends_the_run(acm_pca: Any, rt: Any, arn: str, clock: Any) -> None:
    """A run that slept past its hold does not overwrite what another one has recorded."""
    (certificate,) = rt.store.list_certificates(arn)
    asked = ask(acm_pca, arn)

    class Asleep:
        def __getattr__(self, name: str) -> Any:
            return getattr(rt.store, name)

        def list_certificates(self, ca_arn: str) -> Any:
            for number in range(2000):
                if number == 999:
                    clock.forward(seconds=120)
                    assert audit_report_writer.write_due_reports(rt)[0].status == "SUCCESS"
                yield certificate

    assert audit_report_writer.write_due_reports(replace(rt, store=Asleep())) == []
    assert state(acm_pca, arn, asked)["AuditReportStatus"] == "SUCCESS"
    assert len(json.loads(rt.buckets.get("reports", asked["S3Key"]).body)) == 1


@pytest.mark.slow
def test_report_takes_bounded_memory(acm_pca: Any, rt: Any, arn: str) -> None:
    """Held at a time are a piece of 1,000 rows of 380 bytes and, for S3, a part of 5 MiB."""
    rows, most = (20_000, 4_000_000) if rt.settings.buckets == "directory" else (80_000, 20_000_000)
    issued = issue(acm_pca, arn, Csr=request_for())
    record = rt.store.get_certificate(arn, int(serial_of(issued), 16))
    asked = ask(acm_pca, arn)

    class Many:
        def __getattr__(self, name: str) -> Any:
            return getattr(rt.store, name)

        def list_certificates(self, ca_arn: str) -> Any:
            return (record for _ in range(rows))

    tracemalloc.start()
    audit_report_writer.write_due_reports(replace(rt, store=Many()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(rt.buckets.get("reports", asked["S3Key"]).body) > max(1.5 * most, 375 * rows)
    assert peak < most


def test_conflict_while_recording_the_end_is_no_error(acm_pca: Any, rt: Any, arn: str) -> None:
    ask(acm_pca, arn)

    class Lost:
        def __getattr__(self, name: str) -> Any:
            return getattr(rt.store, name)

        def update_audit_report(self, old: Any, new: Any) -> Any:
            if new.status == "SUCCESS":
                raise ConflictError
            return rt.store.update_audit_report(old, new)

    assert audit_report_writer.write_due_reports(replace(rt, store=Lost())) == []
