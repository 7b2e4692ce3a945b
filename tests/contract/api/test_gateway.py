"""Signatures of requests that pass a gateway: queries, paths and headers as it hands them on."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
