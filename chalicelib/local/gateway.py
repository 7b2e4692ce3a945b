"""Chalice in its thread-safe form, in the place of API Gateway.

A route that takes every type of content, as that of the API, is answered by its view at once. Other requests become API
Gateway's events, with repeated headers and exact bytes. Chalice's own refusals are converted to AWS's form.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chalice.local import LambdaContext, LambdaEventConverter, LocalChalice, RouteMatcher

from chalicelib import logs
from chalicelib.api import chalice_requests
from chalicelib.api.sigv4 import WireRequest
from chalicelib.random_ids import random_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from chalice.app import Chalice, RouteEntry

    from chalicelib.api.dispatch import WireResponse

_REFUSALS = {
    404: ("ResourceNotFoundException", "There is nothing here."),
    405: ("UnknownOperationException", "This method is not supported here."),
    408: ("RequestTimeoutException", "The body did not arrive in time."),
    413: ("RequestEntityTooLargeException", "The body is too long."),
    415: ("UnsupportedMediaType", "The content type is not that of a form."),
    421: ("MisdirectedRequest", "This is no host name of this service; see SIGNET_HOSTS."),
    431: ("RequestHeaderFieldsTooLarge", "The headers are too long."),
    500: ("InternalFailure", "An internal failure occurred."),
    503: ("ServiceUnavailable", "Too many requests are waiting; try again."),
}
# Chalice reads paths anew: "//host" would name a host, and what follows ";", "?" or "#" would not count.
_PATH = re.compile(r"/(?!/)[A-Za-z0-9._~/-]*", re.ASCII)
_CHALICE_405 = '{"Code":"MethodNotAllowedError"'  # the application's own 405 begins otherwise


class HttpRequest(NamedTuple):
    """A request as the server read it; `path` has no query, and `source` is the client's IP address.

    `scheme` is `https` if the connection is by TLS.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source: str = LambdaEventConverter.LOCAL_SOURCE_IP
    scheme: str = "http"

    def header(self, name: str) -> str:
        """Return the first value of a header; empty if there is none."""
        for header, value in self.headers:
            if header == name:
                return value
        return ""

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for header, value in self.headers if header == name]


class HttpResponse(NamedTuple):
    """A response for the server to send; its body is in a file if there is one."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    file: Path | None = None


class Gateway:
    """One gateway for all threads; Chalice keeps the current request per thread."""

    def __init__(self, app: Chalice) -> None:
        app.__class__ = LocalChalice
        self._app, self._matcher = app, RouteMatcher(list(app.routes))
        self._context = LambdaContext("signet", 0)  # Chalice wants one; nobody reads it

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; never raises."""
        if _PATH.fullmatch(request.path) is None:
            return refusal(404)
        try:
            route, captured, query = self._matched(request)
        except ValueError:
            return refusal(404)
        try:
            entry = self._app.routes[route].get(request.method)
            if entry is not None and query is None and not entry.content_types:
                return self._viewed(request, entry, captured)
            return _response(request.method, self._app(_event(request, route, captured, query), self._context))
        except Exception:  # noqa: BLE001  the server must keep running
            logs.log_exception("gateway_failed", method=request.method)
            return refusal(500)

    def _matched(self, request: HttpRequest) -> tuple[str, dict[str, str], dict[str, list[str]] | None]:
        """Return the route, the segments that it captures, and the query; `ValueError` if no route matches."""
        if not request.query and request.path in self._app.routes:  # most requests are for a path without segments
            return request.path, {}, None
        found = self._matcher.match_route(f"{request.path}?{request.query}" if request.query else request.path)
        return found.route, found.captured, found.query_params or None

    def _viewed(self, request: HttpRequest, entry: RouteEntry, captured: dict[str, str]) -> HttpResponse:
        """Answer by the view of a route, as Chalice does where there is no query and every type of content is taken.

        An event and its middleware are for API Gateway, which has to be told what is binary: here everything is bytes.
        """
        wire = chalice_requests.with_length(to_wire(request))
        self._app.current_request = wire  # type: ignore[assignment]  # `wire_request`, through which views see it, takes both
        answer = entry.view_function(**{name: captured[name] for name in entry.view_args})
        content = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
        return http_response(request.method, answer.status_code, answer.headers, content)


def _event(
    request: HttpRequest, route: str, captured: dict[str, str], query: dict[str, list[str]] | None
) -> dict[str, Any]:
    """Return the event of API Gateway's REST API."""
    multi: dict[str, list[str]] = {}
    for name, value in request.headers:
        multi.setdefault(name, []).append(value)
    return {
        "requestContext": {
            "httpMethod": request.method,
            "resourcePath": route,
            "identity": {"sourceIp": request.source},
            "path": request.path,
            "scheme": request.scheme,  # Signet's own; API Gateway has https alone
        },
        "headers": dict(request.headers),
        "multiValueHeaders": multi,
        "pathParameters": captured,
        "stageVariables": {},
        "multiValueQueryStringParameters": query,
        "body": request.body,  # API Gateway sends base64, which takes long for a large body
    }


def _response(method: str, answer: dict[str, Any]) -> HttpResponse:
    status = int(answer["statusCode"])
    if status == 405 and str(answer.get("body")).startswith(_CHALICE_405):
        return refusal(status, (("Allow", str(answer["headers"].get("Allow", ""))),))
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return http_response(method, status, answer["headers"], content)


def http_response(method: str, status: int, headers: Mapping[str, object], body: bytes) -> HttpResponse:
    """Build a response, which for HEAD has the body's length instead of the body."""
    pairs = tuple([(name, str(value)) for name, value in headers.items()])
    if method == "HEAD":
        return HttpResponse(status, (*pairs, ("Content-Length", str(len(body)))), b"")
    return HttpResponse(status, pairs, body)


def to_wire(request: HttpRequest) -> WireRequest:
    """Build the request for what does not go through the gateway."""
    is_tls = request.scheme == "https"
    return WireRequest(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=request.body,
        source_ip=request.source,
        secure_transport=is_tls,
        scheme=chalice_requests.scheme_of(request.headers, is_tls=is_tls),
    )


def from_wire(method: str, answer: WireResponse) -> HttpResponse:
    """Build the response for an answer that did not come through the gateway."""
    if answer.file is None:
        return http_response(method, answer.status, answer.headers, answer.body)
    headers = tuple(answer.headers.items())
    if method == "HEAD":
        return HttpResponse(answer.status, (*headers, ("Content-Length", str(answer.file.stat().st_size))), b"")
    return HttpResponse(answer.status, headers, b"", answer.file)


def refusal(status: int, headers: Iterable[tuple[str, str]] = ()) -> HttpResponse:
    """Return an error of the gateway itself, in AWS's form."""
    code, message = _REFUSALS[status]
    error_headers = (
        ("Content-Type", "application/x-amz-json-1.1"),
        ("x-amzn-RequestId", random_uuid()),
        ("x-amzn-ErrorType", code),
    )
    return HttpResponse(status, (*error_headers, *headers), json.dumps({"__type": code, "message": message}).encode())
