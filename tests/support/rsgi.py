"""Requests as the laptop home's server reads them from a connection, signed, and answered by its application alone."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.api import sigv4
from tests.support.builders import START

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.local.application import Application

HOST = "127.0.0.1:8000"


class Request(NamedTuple):
    """A request as a server reads it from a connection."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes


class Answer(NamedTuple):
    """What the server sends."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Scope:
    proto, client = "http", "127.0.0.1:50000"

    def __init__(self, request: Request) -> None:
        self.method, self.path, self.query_string = request.method, request.path, request.query
        self.headers = self
        self._headers = [*request.headers, ("content-length", str(len(request.body)))]

    def items(self) -> list[tuple[str, str]]:
        return self._headers


class _Protocol:
    """One request and its answer, as RSGI has them."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.answer = Answer(0, {}, b"")

    async def __call__(self) -> bytes:
        return self._body

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.answer = Answer(status, dict(headers), b"")

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = Answer(status, dict(headers), body)

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        self.answer = Answer(status, dict(headers), Path(file).read_bytes())


@dataclass(frozen=True)
class Key:
    """An access key that signs requests."""

    access_key_id: str
    secret: str
    token: str = ""

    def signed(self, request: Request, *, service: str = "acm-pca", at: datetime = START, host: str = HOST) -> Request:
        """Sign a request, whatever its headers are: those that Signature Version 4 needs are added."""
        date = at.strftime("%Y%m%dT%H%M%SZ")
        headers = [*request.headers, ("host", host), ("x-amz-date", date)]
        headers += [("x-amz-security-token", self.token)] if self.token else []
        lower = tuple((name.lower(), value) for name, value in headers)
        names = tuple(sorted({name for name, _ in lower}))
        wire = sigv4.WireRequest(
            method=request.method, path=request.path, query=request.query, headers=lower, body=request.body
        )
        scope = f"{date[:8]}/us-east-1/{service}/aws4_request"
        canonical = hashlib.sha256(sigv4.canonical_request(wire, names).encode(errors="replace")).hexdigest()
        key = b"AWS4" + self.secret.encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{canonical}".encode(), "sha256").hex()
        value = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key_id}/{scope}, SignedHeaders={';'.join(names)}, "
            f"Signature={signature}"
        )
        return request._replace(headers=[*headers, ("authorization", value)])


async def answered(application: Application, request: Request) -> Answer:
    """Let an application answer a request."""
    protocol = _Protocol(request.body)
    await application(_Scope(request), protocol)
    return protocol.answer
