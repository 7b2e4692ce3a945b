"""The wire from outside: every operation's form, the one error exit, and routes (AWS JSON 1.1)."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import errors, logs
from chalicelib.access import access_keys
from chalicelib.api import dispatch, model
from chalicelib.api.sigv4 import WireRequest
from chalicelib.buckets import BucketError
from chalicelib.keystore import KeyStoreError
from chalicelib.store import StoreError, ThrottledError
from tests.support.authority_steps import create
from tests.support.builders import START
from tests.support.client import Context, gateway_event, send

ROOT = Path(__file__).resolve().parents[3]
JSON = ("content-type", "application/x-amz-json-1.1")
TARGET = ("x-amz-target", "ACMPrivateCA.ListCertificateAuthorities")


def request(rt: Any, body: bytes = b"{}", *, target: str = TARGET[1], path: str = "/") -> WireRequest:
    """A signed request."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    root = access_keys.ensure_root_key(rt)
    headers = {"host": "x", "content-type": JSON[1], "x-amz-target": target}
    made = AWSRequest("POST", f"http://x{path}", headers=headers, data=body)
    SigV4Auth(Credentials(root.access_key_id, root.secret), "acm-pca", "us-east-1").add_auth(made)
    found = tuple((name.lower(), value) for name, value in made.headers.items())
    return WireRequest(method="POST", path=path, query="", headers=found, body=body)


@pytest.fixture
def signed(acm_pca: Any, rt: Any) -> Any:
    """Make signed requests at the time of the test's clock."""
    return lambda body=b"{}", **more: request(rt, body, **more)


def refusal(response: dispatch.WireResponse) -> str:
    body = json.loads(response.body)
    assert body.keys() == {"__type", "message"}
    assert response.headers["x-amzn-ErrorType"] == body["__type"]
    return str(body["__type"])


def test_answer_has_content_type_and_request_id(rt: Any, signed: Any) -> None:
    response = dispatch.handle(rt, signed())
    assert (response.status, response.body) == (200, b'{"CertificateAuthorities":[]}')
    assert response.headers["Content-Type"] == JSON[1]
    assert len(response.headers["x-amzn-RequestId"]) == 36


WIRE_REFUSALS: dict[str, tuple[tuple[tuple[str, str], ...], bytes, str, int]] = {
    "no target": ((JSON,), b"{}", "UnknownOperationException", 400),
    "unknown operation": ((JSON, ("x-amz-target", "ACMPrivateCA.Nothing")), b"{}", "UnknownOperationException", 400),
    "other service": (
        (JSON, ("x-amz-target", "DynamoDB_20120810.ListTables")),
        b"{}",
        "UnknownOperationException",
        400,
    ),
    "content type": ((("content-type", "text/xml"), TARGET), b"{}", "SerializationException", 400),
    "no content type": ((TARGET,), b"{}", "SerializationException", 400),
    "unsigned": ((JSON, TARGET), b"{}", "MissingAuthenticationTokenException", 400),
    "too long": ((JSON, TARGET), b" " * (5 * 1024 * 1024 + 1), "RequestEntityTooLargeException", 413),
}


@pytest.mark.parametrize("case", WIRE_REFUSALS)
def test_request_that_is_not_the_service_s_is_refused_by_name(rt: Any, case: str) -> None:
    headers, body, code, status = WIRE_REFUSALS[case]
    response = dispatch.handle(rt, WireRequest(method="POST", path="/", query="", headers=headers, body=body))
    assert (refusal(response), response.status) == (code, status)


@pytest.mark.parametrize("place", ["method", "path", "query", "headers"])
def test_request_with_half_a_character_is_refused_by_name(rt: Any, signed: Any, place: str) -> None:
    """Lone surrogates cannot be hashed; a gateway that passes them on must not bring out a 5xx."""
    good = signed()
    changed = tuple((name, "\ud800" if name == "host" else value) for name, value in good.headers)
    odd: Any = changed if place == "headers" else "\ud800"
    response = dispatch.handle(rt, replace(good, **{place: odd}))
    assert (response.status, refusal(response)[-18:]) == (400, "SignatureException")


class Lookups:
    """A store that notes whether each access key asked for was there."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.found: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get_access_key(self, access_key_id: str) -> Any:
        key = self._store.get_access_key(access_key_id)
        self.found.append(key is not None)
        return key


def test_unknown_key_and_wrong_secret_cost_the_same_lookups(rt: Any, signed: Any) -> None:
    """One key that is there and one that is not, for either refusal; and an honest client pays for one only."""
    store = Lookups(rt.store)
    watched = replace(rt, store=store)
    good = signed()
    key_id = access_keys.ensure_root_key(rt).access_key_id
    swaps = {"wrong secret": (good.header("authorization")[-64:], "0" * 64), "unknown key": (key_id, "AKIA" + "X" * 16)}
    for old, new in swaps.values():
        store.found.clear()
        headers = tuple((name, value.replace(old, new)) for name, value in good.headers)
        assert refusal(dispatch.handle(watched, replace(good, headers=headers))) == "UnrecognizedClientException"
        assert sorted(store.found) == [False, True]
    store.found.clear()
    assert dispatch.handle(watched, good).status == 200
    assert store.found == [True]


def test_unknown_key_where_there_is_none_at_all_is_refused(rt: Any, signed: Any) -> None:
    good = signed()
    rt.store.delete_access_key(access_keys.ensure_root_key(rt).access_key_id)
    for _ in range(2):
        assert refusal(dispatch.handle(rt, good)) == "UnrecognizedClientException"


def test_operation_of_the_model_that_is_not_there_says_so(rt: Any, signed: Any) -> None:
    response = dispatch.handle(rt, signed(target="ACMPrivateCA.ListPermissions"), operations={})
    assert refusal(response) == "UnknownOperationException"
    assert b"not available here yet" in response.body


OUTAGES = {
    "store": (StoreError("secret detail"), "ServiceUnavailable", 503),
    "throttled": (ThrottledError("secret detail"), "ThrottlingException", 400),
    "keys": (KeyStoreError("secret detail"), "ServiceUnavailable", 503),
    "buckets": (BucketError("secret detail"), "ServiceUnavailable", 503),
    "bug": (ZeroDivisionError("secret detail"), "InternalFailure", 500),
}


@pytest.mark.parametrize("case", OUTAGES)
def test_error_that_is_not_the_client_s_is_answered_without_detail(
    rt: Any, signed: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    error, code, status = OUTAGES[case]

    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(logs.LOGGER, "propagate", True)
    response = dispatch.handle(rt, signed(), operations={"ListCertificateAuthorities": fail})
    assert (refusal(response), response.status) == (code, status)
    assert b"secret detail" not in response.body
    assert "secret detail" in caplog.text
    if status != 500:
        assert response.headers["Retry-After"] == "1"


def test_every_operation_of_the_table_is_in_the_model() -> None:
    assert set(dispatch.OPERATIONS) == set(model.operations())
    assert len(dispatch.OPERATIONS) == 23


def test_another_account_sees_nothing(acm_pca: Any, rt: Any) -> None:
    from tests.support.authority_steps import active_root, issue
    from tests.support.client import client_for
    from tests.support.refusals import refusal as refused

    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    made = access_keys.create_access_key(rt, "111111111111")
    stranger = client_for(rt, access_key_id=made.access_key_id, secret=made.secret)
    assert stranger.list_certificate_authorities()["CertificateAuthorities"] == []
    named = {"CertificateAuthorityArn": arn}
    csr = {"Csr": b"x", "SigningAlgorithm": "SHA256WITHECDSA", "Validity": {"Type": "DAYS", "Value": 1}}
    revocation = {"CertificateSerial": "01", "RevocationReason": "SUPERSEDED"}
    calls: dict[str, dict[str, Any]] = {
        "describe_certificate_authority": {},
        "get_certificate_authority_csr": {},
        "get_certificate_authority_certificate": {},
        "import_certificate_authority_certificate": {"Certificate": b"x"},
        "issue_certificate": csr,
        "get_certificate": {"CertificateArn": issued},
        "revoke_certificate": revocation,
        "update_certificate_authority": {"Status": "DISABLED"},
        "delete_certificate_authority": {},
        "restore_certificate_authority": {},
        "list_tags": {},
        "tag_certificate_authority": {"Tags": [{"Key": "a"}]},
        "untag_certificate_authority": {"Tags": [{"Key": "a"}]},
    }
    missing = arn[:-12] + "000000000000"
    for method, more in calls.items():
        found = refused(getattr(stranger, method), **named, **more)
        other = refused(getattr(stranger, method), **named | {"CertificateAuthorityArn": missing}, **more)
        assert found[0] == "ResourceNotFoundException", method
        assert found[1].replace(arn, "ARN") == other[1].replace(missing, "ARN"), method


# routes


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
    assert found.keys() == {"status", "version", "adapters"}
    assert found["adapters"] == {each: getattr(rt.settings, each) for each in ("state", "buckets", "keys")}


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
    (record,) = caplog.records
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
    assert handlers.keys() == {"publish_crls", "reconcile", "write_audit_reports"}
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


# fuzz

_HEADER_NAMES = (
    "authorization",
    "x-amz-date",
    "x-amz-target",
    "content-type",
    "host",
    "x-amz-content-sha256",
    "x-other",
)
_headers = st.lists(
    st.tuples(st.sampled_from(_HEADER_NAMES), st.one_of(st.sampled_from((JSON[1], TARGET[1])), st.text(max_size=60))),
    max_size=8,
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
    max_leaves=12,
)
_fuzz = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_fuzz
@given(headers=_headers, body=st.binary(max_size=200), query=st.text(max_size=20))
def test_any_request_is_answered_with_a_named_4xx(
    rt: Any, headers: list[tuple[str, str]], body: bytes, query: str
) -> None:
    made = WireRequest(method="POST", path="/", query=query, headers=tuple(headers), body=body)
    response = dispatch.handle(rt, made)
    assert 400 <= response.status < 500
    assert hasattr(errors, refusal(response))


@_fuzz
@given(name=st.sampled_from(sorted(dispatch.OPERATIONS)), members=st.data())
def test_any_signed_document_is_answered_without_a_5xx(rt: Any, signed: Any, name: str, members: Any) -> None:
    shape = model.shape(model.operations()[name].input)["members"]
    document = {member: members.draw(_json, label=member) for member in shape if members.draw(st.booleans())}
    body = json.dumps(document).encode()
    response = dispatch.handle(rt, signed(body, target=f"ACMPrivateCA.{name}"))
    assert response.status < 500
    if response.status != 200:
        allowed = {*model.operations()[name].errors, "ValidationException", "SerializationException"}
        assert refusal(response) in allowed


def test_answer_to_unknown_header_forms_is_never_an_exception(rt: Any) -> None:
    empty = WireRequest(method="POST", path="", query="", headers=(), body=b"")
    assert dispatch.handle(rt, replace(empty, method="")).status == 400


QUERIES: dict[str, tuple[dict[str, list[str]], str]] = {
    "presigned": ({"X-Amz-Signature": ["0"]}, "IncompleteSignatureException"),
    "half a character": ({"a": ["\ud800"]}, "UnrecognizedClientException"),
    "added": ({"a": ["b", "c"]}, "UnrecognizedClientException"),
    "none": ({}, ""),
}


@pytest.mark.parametrize("case", QUERIES)
def test_query_through_the_gateway_is_part_of_what_is_signed(signed: Any, case: str) -> None:
    import app as signet_app

    parameters, code = QUERIES[case]
    good = signed()
    event = gateway_event("POST", "http://x/", list(good.headers), good.body)
    event["multiValueQueryStringParameters"] = parameters
    answer = json.loads(signet_app.app(event, Context())["body"])
    assert answer.get("__type", "") == code


SIGNED_PATHS = {  # the path that the client signs, and whether it leads to this API's stage
    "behind the stage's name": ("/api/", True),
    "custom domain or LocalStack's acm-pca": ("/", True),
    "LocalStack's address": ("/_aws/execute-api/abc123/api/", True),
    "LocalStack's older address": ("/restapis/abc123/api/_user_request_/", True),
    "another stage": ("/prod/", False),
    "another API": ("/_aws/execute-api/zzz999/api/", False),
    "another resource": ("/api/healthz", False),
}


@pytest.mark.parametrize("case", SIGNED_PATHS)
def test_client_signs_the_path_that_it_knows(signed: Any, case: str) -> None:
    import app as signet_app

    path, good = SIGNED_PATHS[case]
    request = signed(path=path)
    event = gateway_event("POST", "http://x/", list(request.headers), request.body)
    event["path"] = "/"
    event["requestContext"] |= {"path": "/api/", "apiId": "abc123", "stage": "api"}
    answer = signet_app.app(event, Context())
    assert answer["statusCode"] == (200 if good else 400)
    assert ("UnrecognizedClientException" in answer["body"]) is not good


def test_repeated_header_through_the_gateway_is_refused(acm_pca: Any) -> None:
    headers = [("Host", "x"), JSON, TARGET, ("X-Amz-Target", "ACMPrivateCA.ListTags"), ("Authorization", "x")]
    status, _, body = send("POST", "http://x/", headers, b"{}")
    assert status == 400
    assert json.loads(body)["__type"] == "IncompleteSignatureException"


# the CBOR protocol

CBOR_PATH = "/service/ACMPrivateCA/operation/ListCertificateAuthorities"
CBOR_HEADERS = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}


def cbor_request(rt: Any, *, path: str = CBOR_PATH, body: bytes = b"\xa0", **headers: str | None) -> WireRequest:
    """A signed request of the CBOR protocol."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    root = access_keys.ensure_root_key(rt)
    wanted = {"host": "x"} | CBOR_HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in wanted.items() if value is not None}
    made = AWSRequest("POST", f"http://x{path}", headers=kept, data=body)
    SigV4Auth(Credentials(root.access_key_id, root.secret), "acm-pca", "us-east-1").add_auth(made)
    found = tuple((name.lower(), value) for name, value in made.headers.items())
    return WireRequest(method="POST", path=path, query="", headers=found, body=body)


@pytest.mark.parametrize("path", [CBOR_PATH, f"/api{CBOR_PATH}"])
def test_cbor_answer_has_its_headers(acm_pca: Any, rt: Any, path: str) -> None:
    response = dispatch.handle(rt, cbor_request(rt, path=path))
    assert (response.status, cbor2.loads(response.body)) == (200, {"CertificateAuthorities": []})
    assert response.headers["Content-Type"] == "application/cbor"
    assert response.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert len(response.headers["x-amzn-RequestId"]) == 36


def test_cbor_answer_without_output_has_neither_body_nor_content_type(acm_pca: Any, rt: Any) -> None:
    """Smithy's protocol test `no_output` of rpcv2Cbor: smithy-protocol, and no Content-Type; through Chalice too."""
    arn, tags = create(acm_pca), [{"Key": "a", "Value": "b"}]
    path = CBOR_PATH.replace("ListCertificateAuthorities", "TagCertificateAuthority")
    request = cbor_request(rt, path=path, body=cbor2.dumps({"CertificateAuthorityArn": arn, "Tags": tags}))
    status, headers, body = send("POST", f"http://x{path}", list(request.headers), request.body)
    assert (status, body, headers["smithy-protocol"]) == (200, b"", "rpc-v2-cbor")
    assert "content-type" not in {name.lower() for name in headers}
    assert acm_pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == tags


CBOR_REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "no smithy-protocol": ({"smithy_protocol": None}, "SerializationException"),
    "other smithy-protocol": ({"smithy_protocol": "rpc-v2-json"}, "SerializationException"),
    "JSON": ({"content_type": "application/x-amz-json-1.1", "body": b"{}"}, "SerializationException"),
    "no content type": ({"content_type": None}, "SerializationException"),
    "target": ({"x_amz_target": "ACMPrivateCA.ListCertificateAuthorities"}, "SerializationException"),
    "other service": ({"path": "/service/Other/operation/ListTags"}, "UnknownOperationException"),
    "other operation": ({"path": "/service/ACMPrivateCA/operation/Other"}, "UnknownOperationException"),
    "longer path": ({"path": f"{CBOR_PATH}/x"}, "UnknownOperationException"),
    "bad body": ({"body": b"\xff"}, "SerializationException"),
    "constraint": ({"body": cbor2.dumps({"MaxResults": 0})}, "ValidationException"),
}


@pytest.mark.parametrize("case", CBOR_REFUSALS)
def test_cbor_request_is_refused_in_its_own_form(acm_pca: Any, rt: Any, case: str) -> None:
    more, code = CBOR_REFUSALS[case]
    response = dispatch.handle(rt, cbor_request(rt, **more))
    body = cbor2.loads(response.body)
    assert (response.status, body["__type"]) == (400, f"com.amazonaws.acmpca#{code}")
    assert body.keys() == {"__type", "message"}
    assert response.headers["smithy-protocol"] == "rpc-v2-cbor"


def test_cbor_signature_covers_the_operation(acm_pca: Any, rt: Any) -> None:
    good = cbor_request(rt)
    moved = replace(good, path=CBOR_PATH.replace("ListCertificateAuthorities", "CreateCertificateAuthority"))
    other = replace(good, body=cbor2.dumps({"MaxResults": 1}))
    for bad in (moved, other):
        body = cbor2.loads(dispatch.handle(rt, bad).body)
        assert body["__type"].endswith("#UnrecognizedClientException")


def test_json_target_has_to_be_signed(acm_pca: Any, rt: Any) -> None:
    """Without it the signature of a CBOR request would fit a JSON one."""
    good = cbor_request(rt, path="/", content_type=JSON[1], smithy_protocol=None, body=b"{}")
    response = dispatch.handle(rt, replace(good, headers=(*good.headers, TARGET)))
    assert refusal(response) == "InvalidSignatureException"
