"""CRLs and OCSP in the laptop home, served without Chalice's gateway; on AWS they have their own URLs too."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from chalicelib.api import crl_http, ocsp_http
from chalicelib.local.gateway import from_wire
from chalicelib.ocsp import answers

if TYPE_CHECKING:
    from chalicelib.local.gateway import HttpRequest, HttpResponse
    from chalicelib.runtime import Runtime


def _request_der(request: HttpRequest) -> bytes | None:
    return ocsp_http.request_of(request.method, request.path, request.header("content-type"), request.body)


def recent_ocsp(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """Return this process's recent answer to the same OCSP request, without any I/O, so that no thread is needed."""
    request_der = _request_der(request) if request.method in {"GET", "POST"} else None
    answer = answers.recent(rt, request_der) if request_der else None
    if answer is None:
        return None
    known = request.header("if-none-match")
    return from_wire(request.method, ocsp_http.of_answer(rt, request.method, answer, known))


def ocsp(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """Answer an OCSP request; None for other requests."""
    request_der = _request_der(request)
    if request_der is None:
        return None
    known = request.header("if-none-match")
    return from_wire(request.method, ocsp_http.respond(rt, request.method, request_der, known))


def crl(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """Return the CRL at `{bucket}/{key}`, or at `{key}` for a custom host name; None if there is none."""
    path = unquote(request.path).lstrip("/")
    if request.method not in {"GET", "HEAD"} or not path.endswith(".crl"):
        return None
    bucket, _, key = path.partition("/")
    known = request.header("if-none-match")
    for bucket_name, object_key in ((bucket, key), (None, path)):
        answer = crl_http.crl_response(rt, bucket_name, object_key, known, from_file=True)
        if answer.status != HTTPStatus.NOT_FOUND:
            return from_wire(request.method, answer)
    return None


def crl_or_ocsp(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """Answer a request for OCSP or for a CRL; None for other requests."""
    return ocsp(rt, request) or crl(rt, request)
