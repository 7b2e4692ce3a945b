"""Requests of AWS Certificate Manager as the wire sees them: what is refused, and before what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import endpoint
from chalicelib.access import access_keys
from chalicelib.api import protocols
from chalicelib.api.sigv4 import WireRequest
from tests.support.wire_requests import JSON, refusal

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

TARGET = "CertificateManager.ListAcmeEndpoints"


@pytest.fixture
def rt_of_now(acm_pca: Any, rt: Runtime) -> Runtime:
    """The home, once signatures bear its time."""
    return rt


def signed(
    rt: Runtime,
    *,
    target: str = TARGET,
    service: str = "acm",
    content_type: str = JSON[1],
    body: bytes = b"{}",
    path: str = "/",
) -> WireRequest:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    root = access_keys.ensure_root_key(rt)
    headers = {"host": "x", "content-type": content_type, "x-amz-target": target}
    made = AWSRequest("POST", f"http://x{path}", headers=headers, data=body)
    SigV4Auth(Credentials(root.access_key_id, root.secret), service, "us-east-1").add_auth(made)
    found = tuple((name.lower(), value) for name, value in made.headers.items())
    return WireRequest(method="POST", path=path, query="", headers=found, body=body)


def test_good_request_is_answered(rt_of_now: Runtime) -> None:
    answer = endpoint.handle(rt_of_now, signed(rt_of_now))
    assert (answer.status, answer.body) == (200, b'{"AcmeEndpoints":[]}')
    assert answer.headers["Content-Type"] == JSON[1]


@pytest.mark.parametrize(
    ("target", "service"),
    [
        (TARGET, "acm-pca"),
        (TARGET, "sts"),
        ("ACMPrivateCA.ListCertificateAuthorities", "acm"),
    ],
)
def test_signature_holds_for_its_service_alone(rt_of_now: Runtime, target: str, service: str) -> None:
    refused = refusal(endpoint.handle(rt_of_now, signed(rt_of_now, target=target, service=service)))
    assert refused == "InvalidSignatureException"


def test_other_target_than_the_signed_one_is_refused(rt_of_now: Runtime) -> None:
    request = signed(rt_of_now)
    other = tuple(
        (name, "CertificateManager.DeleteAcmeEndpoint" if name == "x-amz-target" else value)
        for name, value in request.headers
    )
    refused = refusal(endpoint.handle(rt_of_now, replace(request, headers=other)))
    assert refused in {"InvalidSignatureException", "UnrecognizedClientException"}


@pytest.mark.parametrize(
    "target",
    [
        "CertificateManager.",
        "CertificateManager.Nothing",
        "CertificateManager.RequestCertificate",
        "CertificateManager.IssueCertificate",
        "CertificateManager.ListAcmeEndpoints.x",
        "certificatemanager.ListAcmeEndpoints",
        "ACMPrivateCA.ListAcmeEndpoints",
    ],
)
def test_unknown_operation_is_refused_before_anybody_is_looked_up(rt_of_now: Runtime, target: str) -> None:
    unsigned = replace(signed(rt_of_now), headers=(("host", "x"), JSON, ("x-amz-target", target)))
    assert refusal(endpoint.handle(rt_of_now, unsigned)) == "UnknownOperationException"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"content_type": "application/cbor"}, "SerializationException"),
        ({"content_type": "application/x-www-form-urlencoded"}, "SerializationException"),
        ({"body": b"{"}, "SerializationException"),
        ({"body": b'{"MaxResults": 1, "MaxResults": 2}'}, "SerializationException"),
        ({"body": b"[" * 100_000}, "SerializationException"),
        ({"body": b'{"MaxResults": 101}'}, "ValidationException"),
        ({"body": b'{"NextToken": "' + b"A" * 1_000_000 + b'"}'}, "ValidationException"),
        ({"body": b" " * (5 * 1024 * 1024 + 1)}, "RequestEntityTooLargeException"),
    ],
)
def test_malformed_request_is_refused_by_name(rt_of_now: Runtime, change: dict[str, Any], code: str) -> None:
    assert refusal(endpoint.handle(rt_of_now, signed(rt_of_now, **change))) == code


def test_path_of_the_other_protocol_is_not_served(rt_of_now: Runtime) -> None:
    request = signed(rt_of_now, path="/service/CertificateManager/operation/ListAcmeEndpoints")
    assert protocols.service_of(request) == "acm-pca"
    assert endpoint.handle(rt_of_now, request).status == 400


def test_unsigned_request_is_refused(rt_of_now: Runtime) -> None:
    request = signed(rt_of_now)
    kept = tuple((name, value) for name, value in request.headers if name != "authorization")
    refused = refusal(endpoint.handle(rt_of_now, replace(request, headers=kept)))
    assert refused == "MissingAuthenticationTokenException"
