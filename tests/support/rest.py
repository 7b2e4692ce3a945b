"""A client of the extensions of AWS's API: search and explain."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.access import access_keys
from tests.support.authority_steps import DAYS_30
from tests.support.builders import csr
from tests.support.client import send

TEMPLATES = "arn:aws:acm-pca:::template"


class Rest:
    """Signed requests to the extensions, for one region."""

    def __init__(self, rt: Any, region: str = "us-east-1") -> None:
        self.region = region
        root = access_keys.ensure_root_key(rt)
        self.credentials = Credentials(root.access_key_id, root.secret)

    def send(
        self, method: str, path: str, body: bytes = b"", *, signed: bool = True
    ) -> tuple[int, dict[str, str], Any]:
        request = AWSRequest(method, f"http://127.0.0.1:8000{path}", headers={"host": "127.0.0.1:8000"}, data=body)
        if signed:
            SigV4Auth(self.credentials, "acm-pca", self.region).add_auth(request)
        status, headers, raw = send(method, str(request.url), list(request.headers.items()), body)
        return status, headers, json.loads(raw)

    def search(self, arn: str, **query: Any) -> dict[str, Any]:
        status, _, answer = self.send(
            "GET", f"/certificate-authorities/{arn.rsplit('/', 1)[1]}/certificates?{urlencode(query)}"
        )
        assert status == 200, answer
        return dict(answer)

    def found(self, arn: str, **query: Any) -> list[str]:
        return [each["CertificateArn"] for each in self.search(arn, **query)["Certificates"]]

    def explain(self, arn: str, **request: Any) -> dict[str, Any]:
        body = json.dumps(request, default=lambda value: base64.b64encode(value).decode()).encode()
        status, _, answer = self.send("POST", f"/certificate-authorities/{arn.rsplit('/', 1)[1]}/explain", body)
        assert status == 200, answer
        return dict(answer)


def order(**more: Any) -> dict[str, Any]:
    """The members of an issuance that is allowed, less the CA."""
    return {
        "Csr": csr("leaf.example.com", dns_names=["leaf.example.com"]),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": DAYS_30,
    } | more
