"""acm-pca on LocalStack's port, in both of its protocols."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import cbor2
from localstack.aws.api import CommonServiceException
from localstack.http import Response
from localstack.services.plugins import SERVICE_PLUGINS
from localstack.utils.aws.request_context import extract_account_id_from_headers, extract_region_from_headers

SHAPE = "ACMPrivateCA"  # name of the service in paths of the CBOR protocol


def provider() -> Any:
    """Return the provider that PROVIDER_OVERRIDE_ACM_PCA chooses, started."""
    return SERVICE_PLUGINS.require("acm-pca")._provider  # noqa: SLF001  LocalStack says it nowhere else


def by_json(context: Any, _: Any) -> Response:
    """Answer an AWS JSON request, which LocalStack has parsed."""
    return provider().answer(context.request, context.region, "", context.account_id)


def by_cbor(request: Any, operation: str) -> Response:
    """Answer a request of Smithy's CBOR protocol, whose path names the operation, and which LocalStack cannot parse."""
    path = f"service/{SHAPE}/operation/{quote(operation, safe='')}"
    region, account_id = extract_region_from_headers(request.headers), extract_account_id_from_headers(request.headers)
    try:
        return provider().answer(request, region, path, account_id)
    except CommonServiceException as error:
        body = cbor2.dumps({"__type": error.code, "message": error.message})
        headers = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
        return Response(body, status=error.status_code, headers=headers)


def control(request: Any, **_: Any) -> Response:
    """Answer a request at `/_signet/`."""
    found = provider()
    return found.control(request) if hasattr(found, "control") else Response("", status=404)
