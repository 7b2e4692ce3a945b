"""HTTP by the standard library: what is sent is what the case wrote."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 30
_AGENT = {"User-Agent": "acme-conformance/1 python-http.client"}


@dataclass(frozen=True)
class Answer:
    """What the server answered; status 0 means that it closed the connection without an answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return the header field, or nothing."""
        return next((value for key, value in self.headers if key.casefold() == name.casefold()), "")

    @property
    def media_type(self) -> str:
        return self.header("Content-Type").partition(";")[0].strip().casefold()

    @property
    def json(self) -> Any:
        """The body; None if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def links(self, relation: str) -> list[str]:
        """Return the targets of the links with a relation."""
        found = []
        for key, value in self.headers:
            for each in value.split(",") if key.casefold() == "link" else ():
                target, _, parameters = each.strip().partition(";")
                if f'rel="{relation}"' in parameters.replace(" ", "").replace(f"rel={relation}", f'rel="{relation}"'):
                    found.append(target.strip()[1:-1])
        return found

    @property
    def error(self) -> str:
        """The type of the problem, without the namespace of ACME."""
        found = self.json.get("type", "") if isinstance(self.json, dict) else ""
        return str(found).removeprefix("urn:ietf:params:acme:error:")

    def __str__(self) -> str:
        return f"{self.status} {self.media_type} {self.body[:400]!r}"


class Wire:
    """Connections that are kept, one for each thread and server."""

    def __init__(self, ca_file: str | None) -> None:
        self._context = ssl.create_default_context(cafile=ca_file)
        self._local = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def send(self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Send a request; one that a kept connection lost is sent again on a new one."""
        fields = _AGENT | (headers or {})
        try:
            return self._once(method, url, body, fields)
        except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError):
            self._drop(url)
        try:
            return self._once(method, url, body, fields)
        except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError):
            self._drop(url)
            return Answer(0, (), b"")

    def _once(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        parts = urlsplit(url)
        connection = self._connection(parts.scheme, parts.netloc)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        with suppress(BrokenPipeError, ConnectionResetError):  # a server may answer before it has read the body
            connection.request(method, target or "/", body or None, headers)
        found = connection.getresponse()
        answer = Answer(found.status, tuple(found.getheaders()), found.read())
        if found.will_close:
            self._drop(url)
        return answer

    def _connection(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        kept: dict[str, http.client.HTTPConnection] = self._local.__dict__.setdefault("kept", {})
        if netloc not in kept:
            if scheme == "https":
                kept[netloc] = http.client.HTTPSConnection(netloc, timeout=_SECONDS, context=self._context)
            else:
                kept[netloc] = http.client.HTTPConnection(netloc, timeout=_SECONDS)
            self._all.append(kept[netloc])
        return kept[netloc]

    def _drop(self, url: str) -> None:
        kept = self._local.__dict__.get("kept", {}).pop(urlsplit(url).netloc, None)
        if kept is not None:
            kept.close()

    def close(self) -> None:
        for each in self._all:
            each.close()
