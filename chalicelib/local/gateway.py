"""Chalice's local gateway in its thread-safe form: what API Gateway is on AWS.

Requests become the events of API Gateway, with repeated headers and exact bytes. What Chalice itself refuses is
answered in AWS's form.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from chalice.config import Config
from chalice.local import ForbiddenError, LocalChalice, LocalGateway

from chalicelib import logs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalice.app import Chalice

    from chalicelib.api.dispatch import WireResponse

_REFUSALS = {
    404: ("ResourceNotFoundException", "There is nothing here."),
    405: ("UnknownOperationException", "This method is not supported here."),
    408: ("RequestTimeoutException", "The body did not come in time."),
    413: ("RequestEntityTooLargeException", "The body is too long."),
    415: ("UnsupportedMediaType", "The content type is not one of a form."),
    431: ("RequestHeaderFieldsTooLarge", "The headers are too long."),
    500: ("InternalFailure", "An internal failure occurred."),
    503: ("ServiceUnavailable", "Too many requests wait already; try again."),
}
_CHALICES_OWN = '{"Code":"MethodNotAllowedError"'  # a 405 of the application's begins otherwise


class HttpRequest(NamedTuple):
    """A request as the server read it; `path` is without query."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The first value of a header; empty where there is none."""
        return next((value for each, value in self.headers if each == name), "")


class HttpResponse(NamedTuple):
    """What the server sends."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Gateway(LocalGateway):
    """One gateway serves all threads: the current request is kept per thread."""

    def __init__(self, app: Chalice) -> None:
        app.__class__ = LocalChalice
        super().__init__(app, Config())
        self._app = app

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; never raises."""
        try:
            event = self._event(request)
        except ValueError:
            return refusal(404)
        try:
            answer = self._app(event, self._generate_lambda_context())
        except ForbiddenError:
            return refusal(404)
        except Exception:  # noqa: BLE001  the server must go on
            logs.log_exception("gateway_failed", method=request.method)
            return refusal(500)
        return _response(request.method, answer)

    def _event(self, request: HttpRequest) -> dict[str, Any]:
        """The event of API Gateway's REST API; `ValueError` where no route fits."""
        target = f"{request.path}?{request.query}" if request.query else request.path
        event: dict[str, Any] = self._generate_lambda_event(request.method, target, dict(request.headers), None)
        multi: dict[str, list[str]] = {}
        for name, value in request.headers:
            multi.setdefault(name, []).append(value)
        event["multiValueHeaders"] = multi
        event["body"] = request.body  # API Gateway has base64 here, which takes long for a large one
        return event


def _response(method: str, answer: dict[str, Any]) -> HttpResponse:
    status = int(answer["statusCode"])
    if status == 405 and str(answer.get("body")).startswith(_CHALICES_OWN):
        return refusal(status, (("Allow", str(answer["headers"].get("Allow", ""))),))
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    headers = tuple((name, str(value)) for name, value in answer["headers"].items())
    if method == "HEAD":
        return HttpResponse(status, (*headers, ("Content-Length", str(len(content)))), b"")
    return HttpResponse(status, headers, content)


def of_wire(method: str, answer: WireResponse) -> HttpResponse:
    """An answer that came by no gateway."""
    headers = tuple(answer.headers.items())
    if method == "HEAD":
        return HttpResponse(answer.status, (*headers, ("Content-Length", str(len(answer.body)))), b"")
    return HttpResponse(answer.status, headers, answer.body)


def refusal(status: int, headers: Iterable[tuple[str, str]] = ()) -> HttpResponse:
    """An error of the gateway itself, in AWS's form."""
    code, message = _REFUSALS[status]
    own = (
        ("Content-Type", "application/x-amz-json-1.1"),
        ("x-amzn-RequestId", str(uuid.uuid4())),
        ("x-amzn-ErrorType", code),
    )
    return HttpResponse(status, (*own, *headers), json.dumps({"__type": code, "message": message}).encode())
