"""Threads by kind of request, so that no kind takes the threads of another.

Each lane has a bounded queue: a request that finds it full is refused at once instead of waiting behind a flood. OCSP
requests that were answered before do not queue behind new ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

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
    """Threads with a bounded queue; used by one event loop. A thread is started when a request finds none idle.

    A pool of `concurrent.futures` makes another future for each request, which takes locks.
    """

    def __init__(self, name: str, width: Width) -> None:
        self._name, self._width = name, width
        self._room = width.threads + width.waiting
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._idle: deque[None] = deque()  # one entry for each thread that has answered and waits

    async def run(self, answer: Callable[[HttpRequest], HttpResponse], request: HttpRequest) -> HttpResponse | None:
        """Answer a request in a thread; None if the queue is full."""
        if self._room <= 0:
            return None
        self._room -= 1
        try:
            loop = asyncio.get_running_loop()
            answered = loop.create_future()
            self._queue.put(_Job(answer, request, loop, answered))
            self._see_that_a_thread_comes()
            response: HttpResponse = await answered
            return response
        finally:
            self._room += 1

    def _see_that_a_thread_comes(self) -> None:
        try:
            self._idle.pop()
        except IndexError:
            if len(self._threads) < self._width.threads:
                self._threads.append(Thread(target=self._work, name=self._name, daemon=True))
                self._threads[-1].start()

    def _work(self) -> None:
        while _answer(self._queue.get()):
            self._idle.append(None)

    def close(self) -> None:
        """Wait for the requests that are being answered."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()


class _Job(NamedTuple):
    """A request, what answers it, and the future of a loop that waits for the answer."""

    answer: Callable[[HttpRequest], HttpResponse]
    request: HttpRequest
    loop: asyncio.AbstractEventLoop
    answered: asyncio.Future[HttpResponse]


def _answer(job: _Job | None) -> bool:
    """Answer a request; False if there is none, and will be none."""
    if job is None:
        return False
    if job.answered.cancelled():
        return True
    try:
        response = job.answer(job.request)
    except Exception as error:  # noqa: BLE001  for whoever waits
        _tell(job, None, error)
    else:
        _tell(job, response, None)
    return True


def _tell(job: _Job, response: HttpResponse | None, error: Exception | None) -> None:
    with suppress(RuntimeError):  # the loop was closed: nobody waits
        job.loop.call_soon_threadsafe(_settle, job.answered, response, error)


def _settle(answered: asyncio.Future[Any], response: HttpResponse | None, error: Exception | None) -> None:
    if answered.done():  # whoever waited does so no longer
        return
    if error is None:
        answered.set_result(response)
    else:
        answered.set_exception(error)


def kind_of(request: HttpRequest) -> Kind:
    """Return the kind of a request, by its head alone."""
    if is_ocsp(request):
        return "ocsp"
    if _is_crl(request):
        return "crl"
    if is_of_api(request):
        return "api"
    if _is_console(request.path):
        return "console"
    return "acme" if request.path.startswith(_ACME) else "other"


def is_ocsp(request: HttpRequest) -> bool:
    """Tell by its head whether a request is for OCSP."""
    return ocsp_http.request_of(request.method, request.path, request.header("content-type"), b"") is not None


def is_for_everybody(request: HttpRequest) -> bool:
    """Return whether a request, by its head, is for OCSP or for a CRL: those answer under any host name."""
    return is_ocsp(request) or _is_crl(request)


def _is_crl(request: HttpRequest) -> bool:
    return request.path.endswith(".crl") and request.method in {"GET", "HEAD"}


def is_of_api(request: HttpRequest) -> bool:
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
