"""A real boto3 client that talks to the app in this process: serializer, signature and exceptions are the real ones."""

from __future__ import annotations

import base64
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.httpchecksum import AwsChunkedWrapper
from botocore.serialize import create_serializer

import app as signet_app
from chalicelib.access import access_keys

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime


@cache
def _session() -> boto3.session.Session:
    """One for all clients, because botocore reads its models for each session, which takes 0.1 s."""
    return boto3.session.Session()


class Context:
    """What Lambda gives a function; Chalice only passes it on."""

    aws_request_id = "test"


def gateway_event(
    method: str, url: str, headers: list[tuple[str, str]], body: bytes, *, stage: str = "", **context: Any
) -> dict[str, Any]:
    """A request as API Gateway hands it to Lambda; `stage` is what it puts before the path of every resource."""
    parts = urlsplit(url)
    path = parts.path.removeprefix(stage) or "/"
    resource, parameters = _route(path.rstrip("/") or "/")
    query = parse_qs(parts.query, keep_blank_values=True)
    multi: dict[str, list[str]] = {}
    for name, value in headers:
        multi.setdefault(name, []).append(value)
    return {
        "requestContext": {"httpMethod": method, "resourcePath": resource, "path": parts.path or "/"} | context,
        "path": path,
        "headers": {name: values[-1] for name, values in multi.items()},
        "multiValueHeaders": multi,
        "pathParameters": parameters,
        "multiValueQueryStringParameters": query or None,
        "stageVariables": {},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def _route(path: str) -> tuple[str, dict[str, str]]:
    """The route that a path fits, as API Gateway finds it."""
    for route in signet_app.app.routes:
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route), path)
        if match is not None:
            return route, match.groupdict()
    return path, {}


class Raw:
    """The body of an answer, as urllib3 would stream it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Any:
        yield self._body


def send(
    method: str, url: str, headers: list[tuple[str, str]], body: bytes, *, stage: str = "", **context: Any
) -> tuple[int, dict[str, str], bytes]:
    """Answer a request in this process."""
    answer = signet_app.app(gateway_event(method, url, headers, body, stage=stage, **context), Context())
    content = answer["body"]
    raw = base64.b64decode(content) if answer.get("isBase64Encoded") else content.encode()
    found = {name: str(value) for name, value in answer["headers"].items()}
    return answer["statusCode"], found, raw


def _before_send(request: Any, **_: Any) -> Any:
    assert not isinstance(request.body, AwsChunkedWrapper)
    headers = [(name, value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()]
    headers.append(("Host", urlsplit(request.url).netloc))
    body = request.body.encode() if isinstance(request.body, str) else request.body or b""
    status, found, raw = send(request.method, request.url, headers, body)
    answer: Any = found
    return AWSResponse(request.url, status, answer, Raw(raw))


def client_for(
    rt: Runtime,
    *,
    access_key_id: str | None = None,
    secret: str | None = None,
    token: str | None = None,
    protocol: str = "json",
    region: str = "us-east-1",
) -> Any:
    """A client for a region, with the runtime's root key or the given one, that speaks one of botocore's protocols."""
    client = _client(rt, "acm-pca", access_key_id, secret, token, region)
    client.meta.service_model.__dict__["resolved_protocol"] = protocol  # chooses the parser of answers
    client._serializer = create_serializer(protocol, include_validation=False)
    return client


def sts_for(
    rt: Runtime,
    *,
    access_key_id: str | None = None,
    secret: str | None = None,
    token: str | None = None,
    region: str = "us-east-1",
) -> Any:
    """A client of AWS STS at the same address, with the root key or the given one."""
    return _client(rt, "sts", access_key_id, secret, token, region)


def acm_for(
    rt: Runtime,
    *,
    access_key_id: str | None = None,
    secret: str | None = None,
    token: str | None = None,
    region: str = "us-east-1",
) -> Any:
    """A client of AWS Certificate Manager at the same address, with the root key or the given one."""
    return _client(rt, "acm", access_key_id, secret, token, region)


def _client(  # noqa: PLR0917  what a client is made of
    rt: Runtime, service: str, access_key_id: str | None, secret: str | None, token: str | None, region: str
) -> Any:
    signet_app.use_runtime(rt)
    if access_key_id is None:
        root = access_keys.ensure_root_key(rt)
        access_key_id, secret = root.access_key_id, root.secret
    client: Any = _session().client(
        service,  # type: ignore[call-overload]  # one of three
        region_name=region,
        endpoint_url="http://127.0.0.1:8000",
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"max_attempts": 0}, parameter_validation=False),
    )
    client.meta.events.register(f"before-send.{service}", _before_send)
    return client
