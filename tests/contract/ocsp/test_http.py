"""OCSP over HTTP: GET and POST, caches, and what is not OCSP."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.api import ocsp_http
from chalicelib.ocsp import answers
from chalicelib.pki import ocsp as codec
from tests.support.authority_steps import fetch, issue
from tests.support.ocsp_requests import authority, request_for

pytestmark = pytest.mark.laptop  # the deployed function answers in tests/localstack


def _event(method: str, path: str, body: bytes = b"", **headers: str) -> dict[str, Any]:
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def test_function_answers_get_and_post_alike(rt: Any, acm_pca: Any, arn: str) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    text = base64.b64encode(request).decode()
    events = {
        "POST": _event("POST", "/", request, content_type="application/ocsp-request"),
        "POST anything": _event("POST", "/", request),
        "POST /ocsp": _event("POST", "/ocsp", request),
        "GET": _event("GET", f"/{quote(text, safe='')}"),
        "GET plain": _event("GET", f"/ocsp/{text}"),
        "GET without padding": _event("GET", f"/ocsp/{text.rstrip('=')}"),
        "GET with a slash more": _event("GET", f"/ocsp//{text}"),
        "GET at the root with a slash more": _event("GET", f"//{text}"),
    }
    replies = {name: ocsp_http.function_url(rt, event) for name, event in events.items()}
    json.dumps(replies)
    bodies = {name: base64.b64decode(answer["body"]) for name, answer in replies.items()}
    assert set(bodies.values()) == {answers.respond(rt, request).der}
    assert {answer["headers"]["Content-Type"] for answer in replies.values()} == {"application/ocsp-response"}


def test_caches_keep_answers_to_get_for_a_moment(rt: Any, acm_pca: Any, arn: str) -> None:
    issuer = authority(acm_pca, arn)
    leaf = fetch(acm_pca, arn, issue(acm_pca, arn))
    path = "/ocsp/" + quote(base64.b64encode(request_for(leaf, issuer)).decode(), safe="")
    answer = ocsp_http.function_url(rt, _event("GET", path))
    assert "max-age=5," in answer["headers"]["Cache-Control"]
    etag = answer["headers"]["ETag"]
    again = ocsp_http.function_url(rt, _event("GET", path, if_none_match=f'"x", W/{etag}'))
    assert (again["statusCode"], again["body"]) == (304, "")
    with_nonce = "/ocsp/" + quote(base64.b64encode(request_for(leaf, issuer, nonce=b"n")).decode(), safe="")
    for event in (
        _event("GET", with_nonce),
        _event("POST", "/ocsp", request_for(leaf, issuer)),
        _event("GET", "/ocsp/!!"),
    ):
        assert ocsp_http.function_url(rt, event)["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/ocsp", "/ocsp/", "/ocsp/%", "/ocsp/~~~~", "/ocsp/" + "A" * 40_000, "/", "/nonsense"]
)
def test_what_does_not_decode_is_malformed(rt: Any, path: str) -> None:
    answer = ocsp_http.function_url(rt, _event("GET", path))
    assert answer["statusCode"] == 200
    assert base64.b64decode(answer["body"]) == codec.error("malformedRequest")


def test_other_methods_are_refused(rt: Any) -> None:
    answer = ocsp_http.function_url(rt, _event("PUT", "/ocsp"))
    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    ("method", "path", "content_type"),
    [
        ("POST", "/", "application/x-amz-json-1.1"),
        ("GET", "/healthz", ""),
        ("GET", "/Bucket/crl/a.crl", ""),
        ("DELETE", "/MAAA", ""),
        ("GET", "/ocspx", ""),
    ],
)
def test_what_is_not_ocsp_goes_on_to_the_api(method: str, path: str, content_type: str) -> None:
    assert ocsp_http.request_of(method, path, content_type, b"") is None
