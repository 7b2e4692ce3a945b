"""The CBOR protocol from outside: headers, refusals in its own form, and what its signature covers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cbor2
import pytest

from chalicelib.access import access_keys
from chalicelib.api import dispatch
from chalicelib.api.sigv4 import WireRequest
from tests.support.authority_steps import create
from tests.support.client import send
from tests.support.wire_requests import JSON, TARGET, refusal

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
