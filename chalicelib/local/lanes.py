"""Threads by kind of request, so that no kind takes the threads of another.

Each lane has a bounded queue: a request that finds it full is refused at once instead of waiting behind a flood. OCSP
requests that were answered before do not queue behind new ones.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib.api import dispatch, ocsp_http, query_codec
from chalicelib.console.forms import body as forms
from chalicelib.console.sessions import COOKIE as SESSION_COOKIE
from chalicelib.pki import ocsp

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.local.gateway import HttpRequest, HttpResponse
    from chalicelib.runtime import Runtime

Kind = Literal["ocsp", "crl", "api", "console", "acme", "other"]
SMALL_BYTES = 64 * 1024
_CONSOLE, _ACME, _CHALLENGE = "/console", "/acme/", "/challenge/"
EXTENSIONS = "/certificate-authorities/"  # where the paths of Signet's extensions begin


class Width(NamedTuple):
    """Number of threads of a lane, and of requests that may wait for one."""

    threads: int
    waiting: int


WIDTHS = {
    "api": Width(16, 512),
    "console": Width(4, 256),
    "acme": Width(8, 256),
    "acme-challenge": Width(16, 256),  # a validation waits for other servers, up to ten seconds
    "large": Width(1, 16),  # bodies that take long to hash and to decode
    "crl": Width(3, 128),
    "ocsp": Width(2, 256),
    "ocsp-new": Width(2, 48),
}


class Lane:
    """A pool of threads with a bounded queue; used by one event loop."""

    def __init__(self, name: str, width: Width) -> None:
        self._pool = ThreadPoolExecutor(width.threads, thread_name_prefix=name)
        self._room = width.threads + width.waiting

    async def run(self, answer: Callable[[HttpRequest], HttpResponse], request: HttpRequest) -> HttpResponse | None:
        """Answer a request in a thread; None if the queue is full."""
        if self._room <= 0:
            return None
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, answer, request)
        finally:
            self._room += 1

    def close(self) -> None:
        """Wait for the requests that are being answered."""
        self._pool.shutdown()


def kind_of(request: HttpRequest) -> Kind:
    """Return the kind of a request, by its head alone."""
    if _is_ocsp(request):
        return "ocsp"
    if _is_crl(request):
        return "crl"
    if _is_of_api(request):
        return "api"
    if _is_console(request.path):
        return "console"
    return "acme" if request.path.startswith(_ACME) else "other"


def _is_ocsp(request: HttpRequest) -> bool:
    """Tell by its head whether a request is for OCSP."""
    return ocsp_http.request_of(request.method, request.path, request.header("content-type"), b"") is not None


def _is_crl(request: HttpRequest) -> bool:
    return request.path.endswith(".crl") and request.method in {"GET", "HEAD"}


def _is_of_api(request: HttpRequest) -> bool:
    """Return whether a request, by its head, is one of the AWS API with its extensions, which has to be signed."""
    return request.method == "POST" and (request.path == "/" or request.path.startswith(("/service/", EXTENSIONS)))


def lane_of(rt: Runtime, kind: Kind, request: HttpRequest) -> str:
    """Return the lane of a request whose body has been read."""
    if kind == "ocsp":
        ocsp_request = ocsp_http.request_of(request.method, request.path, request.header("content-type"), request.body)
        return "ocsp" if ocsp_request in rt.ocsp_answers else "ocsp-new"
    if kind == "crl":
        return "crl"
    if kind == "acme":
        return "acme-challenge" if _CHALLENGE in request.path else "acme"
    if len(request.body) > SMALL_BYTES:
        return "large"
    return "console" if kind == "console" else "api"


def _is_console(path: str) -> bool:
    return path == _CONSOLE or path.startswith(_CONSOLE + "/")


def most_body_bytes(kind: Kind, request: HttpRequest) -> int:
    """Return the maximum length of a request's body in bytes, by its head alone.

    Without a claim to be signed or signed in, a request may only be for OCSP, a short form, or a small body.
    """
    if kind == "ocsp":
        return ocsp.MAX_REQUEST_BYTES
    if kind == "console":
        return forms.MOST_PUBLIC_BYTES if is_of_stranger(request) else dispatch.MAX_BODY_BYTES
    if kind != "api":
        return SMALL_BYTES
    if (content_type := request.header("content-type")) and forms.is_urlencoded(content_type):
        return query_codec.MOST_BYTES  # of AWS STS
    return dispatch.MAX_BODY_BYTES if request.header("authorization") else SMALL_BYTES


def is_of_stranger(request: HttpRequest) -> bool:
    """Tell whether a request comes without the cookie of a session of the console."""
    return f"{SESSION_COOKIE}=" not in request.header("cookie")
