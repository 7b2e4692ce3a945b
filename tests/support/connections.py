"""A connection to the laptop home's application as its server makes them, and a gateway that waits."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.local.gateway import HttpRequest, HttpResponse
from tests.support.builders import START

if TYPE_CHECKING:
    from chalicelib.local.application import Application

MEGABYTE = 1024 * 1024
SCOPE = f"{START:%Y%m%d}/us-east-1/acm-pca/aws4_request"
SIGNED = f"AWS4-HMAC-SHA256 Credential=AKIAX/{SCOPE}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"


class Headers(dict[str, str]):
    """As the server hands them over."""


class Scope(NamedTuple):
    method: str
    path: str
    headers: Headers
    query_string: str = ""
    proto: str = "http"
    client: str = "127.0.0.1:50000"


class Protocol:
    """A connection whose body comes, or never comes."""

    def __init__(self, body: bytes | None) -> None:
        self._body, self.read = body, False
        self.status, self.headers, self.content, self.file = 0, dict[str, str](), b"", ""

    async def __call__(self) -> bytes:
        self.read = True
        if self._body is None:
            await asyncio.Event().wait()
        return self._body or b""

    async def __aiter__(self) -> Any:
        for start in range(0, len(self._body or b""), MEGABYTE):
            yield (self._body or b"")[start : start + MEGABYTE]

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.content = status, dict(headers), body

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        self.response_bytes(status, headers, b"")
        self.file = file

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.response_bytes(status, headers, b"")


class Blocked:
    """A gateway in which every request waits until the test lets it go on."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def answer(self, request: HttpRequest) -> HttpResponse:
        self.go.wait(30)
        return HttpResponse(200, (), b"done")


async def sent(application: Application, method: str, path: str, body: bytes | None = b"", **headers: str) -> Protocol:
    named = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    named.setdefault("host", "127.0.0.1:8000")
    named.setdefault("x-amz-date", f"{START:%Y%m%dT%H%M%SZ}")
    if body:
        named.setdefault("content-length", str(len(body)))
    protocol = Protocol(body)
    await application(Scope(method, path, named), protocol)
    return protocol
