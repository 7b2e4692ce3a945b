"""Routes beside the API: health, CRLs, schedules; and what the app imports."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib import logs
from tests.support.builders import START
from tests.support.client import Context, gateway_event

ROOT = Path(__file__).resolve().parents[3]


def test_only_what_is_not_text_is_a_binary_type(acm_pca: Any, rt: Any) -> None:
    """API Gateway leaves the base64 of a binary answer as it is unless the request accepts that very type."""
    import app as signet_app

    assert signet_app.app.api.binary_types == ["application/cbor", "application/pkix-crl", "multipart/form-data"]
    for path, method in (("/", "POST"), ("/healthz", "GET")):
        answer = signet_app.app(gateway_event(method, f"http://x{path}", [], b"\xff"), Context())
        assert not answer.get("isBase64Encoded")
        assert json.loads(answer["body"])


def test_health_says_version_and_adapters_and_nothing_secret(acm_pca: Any, rt: Any) -> None:
    status, headers, body = _get("/healthz", "/healthz")
    found = json.loads(body)
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert found.keys() == {"status", "version", "adapters", "failing", "journal", "clock"}
    assert found["adapters"] == {each: getattr(rt.settings, each) for each in ("state", "buckets", "keys")}


def test_health_names_a_clock_that_jumped_and_is_well(acm_pca: Any, clock: Any) -> None:
    assert json.loads(_get("/healthz", "/healthz")[2])["clock"] == ""
    clock.forward(days=40)
    status, _, body = _get("/healthz", "/healthz")
    assert status == 200
    assert json.loads(body)["clock"].startswith("The clock went ahead by 40 days")


def _get(
    route: str, path: str, headers: dict[str, str] | None = None, **parameters: str
) -> tuple[int, dict[str, str], bytes]:
    import app as signet_app

    event = gateway_event("GET", f"http://x{path}", list((headers or {}).items()), b"")
    event["requestContext"]["resourcePath"] = route
    event["pathParameters"] = parameters
    answer = signet_app.app(event, Context())
    body = answer["body"]
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return answer["statusCode"], answer["headers"], content


@pytest.mark.laptop  # S3 serves its own
def test_crl_is_served_with_its_headers_and_by_its_tag(acm_pca: Any, rt: Any) -> None:
    from tests.support.authority_steps import active_root, issue

    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    name = arn.rsplit("/", 1)[1] + ".crl"
    status, headers, body = _get("/{bucket}/crl/{name}", f"/crl-bucket/crl/{name}", bucket="crl-bucket", name=name)
    assert status == 200
    assert body == rt.buckets.get("crl-bucket", f"crl/{name}").body
    assert headers["Content-Type"] == "application/pkix-crl"
    assert headers["Cache-Control"] == "public, max-age=60"
    status, _, again = _get("/crl/{name}", f"/crl/{name}", {"If-None-Match": f"W/{headers['ETag']}"}, name=name)
    assert (status, again) == (304, b"")
    assert _get("/crl/{name}", f"/crl/{name}", name=name)[2] == body
    assert _get("/crl/{name}", "/crl/x.crl", name="x.crl")[0] == 404


@pytest.mark.laptop  # S3 serves its own
def test_crl_that_cannot_be_read_is_an_error_without_detail(
    acm_pca: Any, rt: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from chalicelib.local.crl_and_ocsp import crl
    from chalicelib.local.gateway import HttpRequest
    from tests.support.authority_steps import active_root, issue

    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    name = arn.rsplit("/", 1)[1] + ".crl"
    stored = rt.settings.data_path / "buckets" / "crl-bucket" / "crl" / name
    stored.unlink()
    assert _get("/crl/{name}", f"/crl/{name}", name=name)[0] == 404
    stored.mkdir()  # reading it is EISDIR
    logs.LOGGER.addHandler(caplog.handler)
    try:
        status, headers, body = _get("/{bucket}/crl/{name}", f"/crl-bucket/crl/{name}", bucket="crl-bucket", name=name)
    finally:
        logs.LOGGER.removeHandler(caplog.handler)
    assert (status, headers["Retry-After"]) == (503, "1")
    assert json.loads(body) == {
        "__type": "ServiceUnavailable",
        "message": "A part of the service does not answer; try again.",
    }
    (record,) = [each for each in caplog.records if each.exc_info]  # other threads may write lines meanwhile
    line = logs.JsonFormatter().format(record)
    assert "IsADirectoryError" in line
    assert headers["x-amzn-RequestId"] in line
    for path in (f"/crl-bucket/crl/{name}", f"/crl/{name}"):  # the server's way, past the gateway
        answer = crl(rt, HttpRequest("GET", path, "", (), b""))
        assert answer is not None
        assert answer.status == 503


def test_schedules_run_what_is_due(acm_pca: Any, rt: Any) -> None:
    import app as signet_app
    from chalicelib.local.scheduler import Scheduler, scheduled_event, scheduled_handlers
    from tests.support.authority_steps import active_root, issue

    arn = active_root(acm_pca)
    serial = issue(acm_pca, arn).rsplit("/", 1)[1]
    acm_pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    handlers = scheduled_handlers(signet_app.app)
    assert handlers.keys() == {
        "publish_crls",
        "reconcile",
        "sequence_journal",
        "write_audit_reports",
        "remind",
        "monitor",
    }
    event = scheduled_event(rt, "publish_crls")
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["time"] == START.strftime("%Y-%m-%dT%H:%M:%SZ")
    Scheduler(signet_app.app, rt).tick()
    state = rt.store.get_crl_state(arn)
    assert state.published_entries == 1


def test_import_of_the_app_is_cheap() -> None:
    """Lambda pays it at every cold start: no client, no environment, no template engine."""
    code = (
        "import sys; sys.path.insert(0, '.'); import app;"
        "heavy = ('boto3', 'botocore', 'jinja2', 'click', 'granian', 'chalicelib.store');"
        "print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
