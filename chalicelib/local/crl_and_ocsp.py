"""CRLs and OCSP in the laptop home, past Chalice's gateway: on AWS they have addresses of their own too."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from chalicelib.api import crl_files, ocsp_http
from chalicelib.local.gateway import of_wire
from chalicelib.ocsp import answers as operation

if TYPE_CHECKING:
    from chalicelib.local.gateway import HttpRequest, HttpResponse
    from chalicelib.runtime import Runtime


def _request_der(request: HttpRequest) -> bytes | None:
    return ocsp_http.request_of(request.method, request.path, request.header("content-type"), request.body)


def recent_ocsp(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """The answer to an OCSP request that this process has given a moment ago: it asks nobody, so it needs no thread."""
    request_der = _request_der(request) if request.method in {"GET", "POST"} else None
    answer = operation.recent(rt, request_der) if request_der else None
    if answer is None:
        return None
    known = request.header("if-none-match")
    return of_wire(request.method, ocsp_http.of_answer(rt, request.method, answer, known))


def ocsp(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """The answer to an OCSP request; None if this is none."""
    request_der = _request_der(request)
    if request_der is None:
        return None
    known = request.header("if-none-match")
    return of_wire(request.method, ocsp_http.respond(rt, request.method, request_der, known))


def crl(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """The CRL at a path, `{bucket}/{key}` or, for a host name of the owner's, `{key}`; None if there is none."""
    path = unquote(request.path).lstrip("/")
    if request.method not in {"GET", "HEAD"} or not path.endswith(".crl"):
        return None
    bucket, _, key = path.partition("/")
    known = request.header("if-none-match")
    for named, wanted in ((bucket, key), (None, path)):
        answer = crl_files.crl_file(rt, named, wanted, known)
        if answer.status != HTTPStatus.NOT_FOUND:
            return of_wire(request.method, answer)
    return None


def status(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """The answer to a client that asks for the status of certificates; None if the request is another one."""
    return ocsp(rt, request) or crl(rt, request)
