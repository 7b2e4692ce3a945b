"""Signed requests of AWS JSON 1.1 as the wire sees them, and how it refuses them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.access import access_keys
from chalicelib.api.sigv4 import WireRequest

if TYPE_CHECKING:
    from chalicelib.api import dispatch

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


def refusal(response: dispatch.WireResponse) -> str:
    body = json.loads(response.body)
    assert body.keys() == {"__type", "message"}
    assert response.headers["x-amzn-ErrorType"] == body["__type"]
    return str(body["__type"])
