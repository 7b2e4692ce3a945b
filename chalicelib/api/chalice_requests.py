"""Conversion of Chalice's requests to HTTP requests as the client sent them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chalicelib import hosts
from chalicelib.api.sigv4 import IamIdentity, WireRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalice.app import Request

_LOCALSTACK = frozenset({"localhost", "127.0.0.1", "[::1]", "localhost.localstack.cloud"})


def wire_request(request: Request | WireRequest) -> WireRequest:
    """Return the HTTP request behind a Chalice request; repeated headers appear if the gateway passes them on.

    The laptop home's own gateway passes on the HTTP request itself.
    """
    if isinstance(request, WireRequest):
        return request
    event: dict[str, Any] = request.to_original_event()
    multi = event.get("multiValueHeaders") or {name: [value] for name, value in event.get("headers", {}).items()}
    headers = tuple((name.lower(), value) for name, values in multi.items() for value in values)
    context = event["requestContext"]
    path = context.get("path") or "/"
    query = event.get("multiValueQueryStringParameters") or {}
    pairs = [f"{_quoted(name)}={_quoted(value)}" for name, values in query.items() for value in values]
    body = request.raw_body.encode() if isinstance(request.raw_body, str) else request.raw_body
    resource_path = event.get("path") or path
    secure = bool(context.get("apiId")) or context.get("scheme") == "https"  # API Gateway has https alone
    wire = WireRequest(
        method=request.method,
        path=path,
        signed_paths=_signed_paths(path, resource_path, context),
        base_path=_base_path(path, resource_path, context, headers),
        query="&".join(pairs),
        headers=headers,
        body=body,
        source_ip=str((context.get("identity") or {}).get("sourceIp") or ""),
        secure_transport=secure,
        scheme=scheme_of(headers, is_tls=secure and not context.get("apiId")),
        iam_identity=_iam_identity(context),
    )
    return with_length(wire)


def with_length(request: WireRequest) -> WireRequest:
    """Return a request with its length, which API Gateway does not pass on, and which clients may have signed."""
    if request.header("content-length") is not None:
        return request
    return replace(request, headers=(*request.headers, ("content-length", str(len(request.body)))))


def scheme_of(headers: Iterable[tuple[str, str]], *, is_tls: bool) -> str:
    """Return the scheme of the client's URL: `https` on a connection by TLS, else as the gateway in front reports.

    API Gateway always reports it; of LocalStack's addresses, some are http.
    """
    reported = [value for name, value in headers if name == "x-forwarded-proto"]
    return "https" if is_tls or reported == ["https"] else "http"


def _iam_identity(context: dict[str, Any]) -> IamIdentity | None:
    """Return the caller that API Gateway has authenticated; None in the laptop home, which has no API Gateway."""
    identity = context.get("identity") or {}
    names = [identity.get(name) for name in ("accountId", "userArn", "accessKey")]
    if not context.get("apiId") or not all(isinstance(name, str) and name for name in names):
        return None
    return IamIdentity(*map(str, names))


def _signed_paths(path: str, resource_path: str, context: dict[str, Any]) -> tuple[str, ...]:
    """List every path that the client may have signed: all of them name the same API, stage and resource.

    `path` begins with the stage, or with the path that a custom domain maps to it. `resource_path` does not; clients of
    LocalStack's acm-pca endpoint sign it. LocalStack has two more addresses for an API.

    Source: Amazon API Gateway Developer Guide, "Input format of a Lambda function for proxy integration".
    """
    api, stage = context.get("apiId"), context.get("stage")
    if not api:  # the laptop home
        return (path,)
    localstack = (f"/_aws/execute-api/{api}{path}", f"/restapis/{api}/{stage}/_user_request_{resource_path}")
    return tuple(dict.fromkeys((path, resource_path, *localstack)))


def _base_path(path: str, resource_path: str, context: dict[str, Any], headers: Iterable[tuple[str, str]]) -> str:
    """Return the stage, or what a custom domain maps to it; LocalStack's path for it where the host names no API."""
    if not context.get("apiId"):
        return ""
    stage = path.removesuffix(resource_path)
    host = next((value for name, value in headers if name == "host"), "")
    return f"/_aws/execute-api/{context['apiId']}{stage}" if hosts.of_authority(host) in _LOCALSTACK else stage


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")
