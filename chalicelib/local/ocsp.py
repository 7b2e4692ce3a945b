"""OCSP in the laptop home: past Chalice's gateway, as on AWS, where it has a function and an address of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api import ocsp_http
from chalicelib.local.gateway import HttpResponse
from chalicelib.operations import ocsp as operation

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.local.gateway import HttpRequest
    from chalicelib.runtime import Runtime


def _header(request: HttpRequest, wanted: str) -> str:
    return next((value for name, value in request.headers if name == wanted), "")


def _request_der(request: HttpRequest) -> bytes | None:
    return ocsp_http.request_of(request.method, request.path, _header(request, "content-type"), request.body)


def _response(request: HttpRequest, answer: WireResponse) -> HttpResponse:
    headers = tuple(answer.headers.items())
    if request.method == "HEAD":
        return HttpResponse(answer.status, (*headers, ("Content-Length", str(len(answer.body)))), b"")
    return HttpResponse(answer.status, headers, answer.body)


def recent_ocsp(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """The answer to an OCSP request that this process has given a moment ago: it asks nobody, so it needs no thread."""
    request_der = _request_der(request) if request.method in {"GET", "POST"} else None
    answer = operation.recent(rt, request_der) if request_der else None
    if answer is None:
        return None
    known = _header(request, "if-none-match")
    return _response(request, ocsp_http.of_answer(rt, request.method, answer, known))


def ocsp(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """The answer to an OCSP request; None if this is none."""
    request_der = _request_der(request)
    if request_der is None:
        return None
    known = _header(request, "if-none-match")
    return _response(request, ocsp_http.respond(rt, request.method, request_der, known))
