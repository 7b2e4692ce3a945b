"""CRLs as clients fetch them from their distribution points over HTTP."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib import logs
from chalicelib.api import crl_http
from chalicelib.buckets.directory import DirectoryBuckets
from chalicelib.crl.publication import publish_due_crls
from chalicelib.monitor import crl_watch, ocsp_watch
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION, root_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.laptop  # the deployed function meets S3 in tests/localstack


@pytest.fixture
def rt(rt: Any) -> Iterator[Any]:
    """With CRL addresses that a server answers."""

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, bucket, _, name = self.path.split("/")
            answer = crl_http.crl_response(served, bucket, f"crl/{name}", None)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    base_url = f"http://127.0.0.1:{server.server_port}"
    served = replace(rt, buckets=DirectoryBuckets(rt.settings.data_path / "buckets", base_url=base_url))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def arn(acm_pca: Any) -> str:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    return arn


def crl_bytes(rt: Any, arn: str) -> bytes:
    body: bytes = rt.buckets.get("crl-bucket", f"crl/{arn.rsplit('/', 1)[1]}.crl").body
    return body


def test_fresh_crl_has_its_life_before_it(rt: Any, arn: str, clock: Any) -> None:
    (seen,) = crl_watch.watch_crls(rt)
    assert (seen.ca_arn, seen.problem, round(seen.life_used)) == (arn, "", 0)
    assert seen.crl_number == rt.store.get_crl_state(arn).published_number
    clock.forward(days=3)
    publish_due_crls(rt, seconds=60)
    assert round(crl_watch.watch_crls(rt)[0].life_used) == 43
    clock.forward(hours=12)
    publish_due_crls(rt, seconds=60)
    assert round(crl_watch.watch_crls(rt)[0].life_used) == 0


def test_a_publisher_that_sleeps_is_seen(rt: Any, arn: str, clock: Any) -> None:
    clock.forward(days=4)
    (seen,) = crl_watch.watch_crls(rt)
    assert (seen.problem, round(seen.life_used)) == ("", 57)
    assert seen.freshness == "old"
    clock.forward(days=4)
    (seen,) = crl_watch.watch_crls(rt)
    assert seen.problem.startswith("It expired at ")
    assert seen.life_used > 100


def test_fetched_crl_is_judged(rt: Any, arn: str, clock: Any) -> None:
    ca = rt.store.get_certificate_authority(arn)
    point = ca.distribution_points[0]
    body = crl_bytes(rt, arn)
    now = clock()
    assert crl_watch.judge(ca, point, body, now).problem == ""
    assert (
        crl_watch.judge(ca, point, body[:-1] + bytes([body[-1] ^ 1]), now).problem == "Its signature is not the CA's."
    )
    assert crl_watch.judge(ca, point, body, now - timedelta(days=1)).problem.startswith("It is not valid before ")
    of_a_partition = replace(point, partition="p", url="http://p.example/p.crl")
    assert crl_watch.judge(ca, of_a_partition, body, now).problem.startswith("Its IssuingDistributionPoint")
    other_issuer = replace(ca, certificate_der=root_certificate(now=now).public_bytes(Encoding.DER))
    assert crl_watch.judge(other_issuer, point, body, now).problem == "Its issuer is not the CA."
    with pytest.raises(ValueError, match="error parsing asn1"):
        crl_watch.judge(ca, point, b"", now)


def test_revocation_that_is_not_visible_in_time_is_seen(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    serial = serial_of(issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": 2}))
    acm_pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    assert crl_watch.watch_crls(rt)[0].problem == ""
    clock.forward(seconds=121)
    assert crl_watch.watch_crls(rt)[0].problem.startswith("It lacks the revoked serial number")
    publish_due_crls(rt, seconds=60)
    assert crl_watch.watch_crls(rt)[0].problem == ""
    for _ in range(3):  # it has been in a CRL after its end, and may go
        clock.forward(days=2)
        rt.store.schedule_crl(arn, due_at=clock())
        publish_due_crls(rt, seconds=60)
        clock.forward(seconds=121)
        assert crl_watch.watch_crls(rt)[0].problem == ""


def test_serial_that_vanished_and_a_crl_that_went_back_are_seen(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    buckets = rt.settings.data_path / "buckets"
    (path,) = (each for each in buckets.rglob("*.crl") if ".headers" not in each.parts)
    empty = path.read_bytes()
    serial = serial_of(issue(acm_pca, arn))
    acm_pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    clock.forward(minutes=5)
    publish_due_crls(rt, seconds=60)
    path.write_bytes(empty)
    assert "lacks" in crl_watch.watch_crls(rt)[0].problem
    clock.forward(seconds=121)
    assert "has been published" in crl_watch.watch_crls(rt)[0].problem


def test_name_that_older_certificates_have_is_watched(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    settings = CRL_CONFIGURATION["CrlConfiguration"] | {"CustomCname": "localhost:1"}
    acm_pca.update_certificate_authority(
        CertificateAuthorityArn=arn, RevocationConfiguration={"CrlConfiguration": settings}
    )
    issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": 2})
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=CRL_CONFIGURATION)
    issue(acm_pca, arn)
    found = {each.url.split("/")[2]: bool(each.problem) for each in crl_watch.watch_crls(rt)}
    assert found == {"localhost:1": True, found.copy().popitem()[0]: False}
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=OFF)
    assert len(crl_watch.watch_crls(rt)) == 2


def test_missing_crl_is_a_problem_and_a_metric(rt: Any, arn: str, caplog: pytest.LogCaptureFixture) -> None:
    ca = rt.store.get_certificate_authority(arn)
    elsewhere = tuple(
        replace(each, url=f"{each.url}.none.crl", key=f"{each.key}.none.crl") for each in ca.distribution_points
    )

    class Moved:
        def __getattr__(self, name: str) -> Any:
            return getattr(rt.store, name)

        def list_certificate_authorities(self, account: str, *, limit: int, after: str | None = None) -> Any:
            is_listed = after is None or after < arn.rsplit("/", 1)[1]
            return [replace(ca, distribution_points=elsewhere, revocation_configuration=OFF)] if is_listed else []

    caplog.set_level(logging.INFO, logger="signet")
    logs.LOGGER.addHandler(caplog.handler)
    try:
        (seen,) = crl_watch.watch_crls(replace(rt, store=Moved()))
    finally:
        logs.LOGGER.removeHandler(caplog.handler)
    assert seen.problem.startswith("The URL answers with 40")
    line = json.loads(logs.JsonFormatter().format(caplog.records[-1]))
    assert (line["CrlProblems"], line["CrlsWatched"]) == (1, 1)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Signet"
    assert {each["Name"] for each in directive["Metrics"]} == {"CrlLifeUsed", "CrlProblems", "CrlsWatched"}
    assert line["_aws"]["Timestamp"] == int(rt.now().timestamp() * 1000)


OFF = {"CrlConfiguration": {"Enabled": False}, "OcspConfiguration": {"Enabled": False}}


def test_nothing_to_watch_is_reported_too(rt: Any) -> None:
    assert crl_watch.watch_crls(rt) == []


def test_spoiled_record_of_one_ca_hides_no_other(rt: Any, acm_pca: Any, arn: str) -> None:
    other = active_root(acm_pca)
    issue(acm_pca, other)
    ca = rt.store.get_certificate_authority(arn)
    for spoiled in (replace(ca, certificate_der=b"\x30\x00"), replace(ca, revocation_configuration={})):
        ca = rt.store.update_certificate_authority(ca, replace(spoiled, version=ca.version))
        seen = [*crl_watch.watch_crls(rt), *ocsp_watch.watch_ocsp(rt)]
        assert {each.ca_arn for each in seen if each.problem} == {arn}
        assert other in {each.ca_arn for each in seen}
