"""acm-pca on LocalStack's port: requests are forwarded to the Signet that Chalice has deployed in the same region.

Headers, body and host are not changed, because the client has signed them.
"""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import quote

import cbor2
from localstack.aws.api import CommonServiceException
from localstack.aws.connect import connect_to
from localstack.constants import DEFAULT_AWS_ACCOUNT_ID
from localstack.http import Response
from localstack.utils.aws.request_context import extract_region_from_headers

from localstack import config

SHAPE = "ACMPrivateCA"  # name of the service in paths of the CBOR protocol
API_NAME = "signet"  # Chalice names the API after the app
_SECONDS = 40  # API Gateway allows a Lambda function 29
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length", "expect"})


def forward(context: Any, _: Any) -> Response:
    """Forward an AWS JSON request to the deployed Signet."""
    return _answer(context.request, _path(context.region))


def forward_by_cbor(request: Any, operation: str) -> Response:
    """Forward a request of Smithy's CBOR protocol, whose path names the operation, to the deployed Signet."""
    try:
        stage = _path(extract_region_from_headers(request.headers))
    except CommonServiceException as error:
        body = cbor2.dumps({"__type": error.code, "message": error.message})
        headers = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
        return Response(body, status=error.status_code, headers=headers)
    return _answer(request, f"{stage}service/{SHAPE}/operation/{quote(operation, safe='')}")


def _answer(request: Any, path: str) -> Response:
    body = request.get_data()
    connection = http.client.HTTPConnection("127.0.0.1", config.GATEWAY_LISTEN[0].port, timeout=_SECONDS)
    try:
        connection.putrequest("POST", path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name.lower() not in _HOP:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        return Response(answer.read(), status=answer.status, headers=headers)
    finally:
        connection.close()


def _path(region: str) -> str:
    """Return the path of the deployed API."""
    gateway = connect_to(aws_access_key_id=DEFAULT_AWS_ACCOUNT_ID, region_name=region).apigateway
    for api in gateway.get_rest_apis(limit=500)["items"]:
        stages = gateway.get_stages(restApiId=api["id"])["item"] if api["name"] == API_NAME else []
        if stages:
            return f"/_aws/execute-api/{api['id']}/{stages[0]['stageName']}/"
    raise CommonServiceException(
        "ServiceUnavailable", f"No Signet is deployed in {region}: run chalice deploy --stage localstack.", 503
    )
