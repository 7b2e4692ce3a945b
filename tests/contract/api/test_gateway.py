"""Signatures of requests that pass a gateway: queries, paths and headers as it hands them on."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from chalicelib.api import chalice_requests
from chalicelib.local.gateway import Gateway, HttpRequest
from tests.support.client import Context, gateway_event, send
from tests.support.wire_requests import JSON, TARGET

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


# The laptop home's gateway answers most requests without an event: the answers are the same.
BOTH_WAYS = {
    "listed": ("POST", "/", TARGET, b"{}"),
    "refused": ("POST", "/", TARGET, b"{"),
    "no operation": ("POST", "/", ("x-amz-target", "ACMPrivateCA.Nothing"), b"{}"),
    "CBOR": ("POST", "/service/ACMPrivateCA/operation/ListCertificateAuthorities", TARGET, b"\xa0"),
    "page": ("GET", "/console", JSON, b""),
    "head of a page": ("HEAD", "/console", JSON, b""),
    "page that is not there": ("GET", "/console/nothing/here", JSON, b""),
    "ACME": ("GET", "/acme/nothing/directory", JSON, b""),
    "method": ("PUT", "/", TARGET, b"{}"),
    "root": ("GET", "/", JSON, b""),
}


@pytest.mark.parametrize("case", BOTH_WAYS)
def test_request_of_the_laptop_home_is_answered_as_one_of_api_gateway(acm_pca: Any, case: str) -> None:
    import app as signet_app

    method, path, (name, value), body = BOTH_WAYS[case]
    target = value if name == TARGET[0] else ""
    headers = [("host", "x"), ("content-type", JSON[1]), *([(name, target)] if target else [])]
    direct = Gateway(signet_app.app).answer(HttpRequest(method, path, "", tuple(headers), body))
    answer = signet_app.app(gateway_event(method, f"http://x{path}", headers, body), Context())
    assert direct.status == answer["statusCode"]
    if direct.status == 405:
        assert dict(direct.headers)["Allow"] == answer["headers"]["Allow"]
        return
    content = base64.b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer["body"].encode()
    assert _without_ids(direct.headers) == _without_ids(answer["headers"].items())
    assert direct.body == (b"" if method == "HEAD" else content)


def _without_ids(headers: Any) -> dict[str, str]:
    """Headers without what every answer has of its own, and the length that a server adds to the answer to HEAD."""
    return {name: value for name, value in headers if name not in {"x-amzn-RequestId", "Content-Length"}}


def test_length_that_a_gateway_does_not_pass_on_is_there_for_those_who_signed_it(signed: Any) -> None:
    request = signed(b"{ }")
    completed = chalice_requests.with_length(request)
    assert completed.headers == (*request.headers, ("content-length", "3"))
    assert chalice_requests.with_length(completed) is completed


def test_view_that_fails_is_answered_in_the_form_of_aws(acm_pca: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import app as signet_app

    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(signet_app, "_response", fail)
    answer = Gateway(signet_app.app).answer(HttpRequest("POST", "/", "", (JSON, TARGET), b"{}"))
    assert (answer.status, json.loads(answer.body)["__type"]) == (500, "InternalFailure")
