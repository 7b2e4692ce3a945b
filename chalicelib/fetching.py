"""Fetching what others name, from nowhere but where such a name may lead.

A host name that a tenant or an issuer of tokens wrote is resolved once; its addresses are judged, and the connection
goes to the one that was judged, so that a name that changes between two looks leads nowhere else. No redirect is
followed. A deadline holds for the whole, from the name to the last octet.

Source: OWASP Server Side Request Forgery Prevention Cheat Sheet; RFC 9110 section 15.4.
"""

from __future__ import annotations

import http.client
import io
import math
import queue
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from chalicelib import hosts

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from chalicelib.config import Settings

_PORTS = {"http": 80, "https": 443}
_CHUNK = 1024 * 1024
_AGENT = "signet"


class FetchError(OSError):
    """There is no answer, or none that counts; the text says why."""


class Deadline:
    """A moment by which something has to have ended."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def seconds(self) -> float:
        """How much time is left; negative afterwards."""
        return self._ends - time.monotonic()

    def left(self) -> float:
        """How much time is left.

        Raises:
            TimeoutError: none.
        """
        seconds = self.seconds
        if seconds <= 0:
            raise TimeoutError("It took too long.")
        return seconds


class Allowed(NamedTuple):
    """Where a URL may lead.

    Attributes:
        anywhere: the operator wrote the URL, not a tenant.
        private: addresses of private networks.
        loopback_port: the one port of this machine; 0 for none.
    """

    anywhere: bool = False
    private: bool = False
    loopback_port: int = 0

    def takes(self, address: str, port: int) -> bool:
        """Return whether an address and port may be connected to."""
        reach = hosts.reach_of(address)
        if self.anywhere or reach == "public":
            return True
        return (reach == "private" and self.private) or (reach == "loopback" and port == self.loopback_port)


def allowed_by(settings: Settings, *, by_operator: bool = False) -> Allowed:
    """Say where a URL that a tenant wrote, or the home's operator, may lead."""
    own_port = int(settings.port) if settings.state == "sqlite" else 0
    return Allowed(anywhere=by_operator, private=settings.reaches_private_networks, loopback_port=own_port)


def fetch(
    url: str,
    may: Allowed,
    deadline: Deadline,
    *,
    most: int,
    body: bytes | None = None,
    content_type: str = "",
    ca_pem: str = "",
    headers: Mapping[str, str] | None = None,
    accepted: Container[int] = (200,),
) -> bytes:
    """Fetch a URL as any client does, by POST if there is a body.

    Args:
        url: of scheme http or https.
        may: the addresses that it may lead to.
        deadline: of the whole call.
        most: the longest answer, in bytes.
        body: what is sent.
        content_type: of the body.
        ca_pem: the roots of an https server's certificate; empty: the system's.
        headers: further headers of the request.
        accepted: statuses that count as an answer.

    Raises:
        OSError: there was no answer in time, or none with an accepted status, or the address is not allowed.
        http.client.HTTPException: the answer is not HTTP.
        ValueError: the answer is too long, or the URL is malformed.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("It is no http or https URL.")
    port = parts.port or _PORTS[parts.scheme]
    sent = {"User-Agent": _AGENT, "Host": parts.netloc, "Connection": "close", **(headers or {})}
    if content_type:
        sent["Content-Type"] = content_type
    with _connected(parts.hostname, port, may, deadline) as plain, _secured(plain, parts, deadline, ca_pem) as sock:
        connection = http.client.HTTPConnection(parts.hostname, port)
        connection.sock = InTime(sock, deadline)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET" if body is None else "POST", target, body, sent)
        response = connection.getresponse()
        if response.status not in accepted:
            raise FetchError(f"The URL answers with {response.status}.")
        return _content(response, most)


def _content(response: http.client.HTTPResponse, most: int) -> bytes:
    chunks, size = [], 0
    while chunk := response.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            raise ValueError(f"It is longer than {most} bytes.")
    if response.length:
        raise FetchError("The answer ends too early.")
    return b"".join(chunks)


def _connected(host: str, port: int, may: Allowed, deadline: Deadline) -> socket.socket:
    """Connect to the first address of a host that answers and may be asked."""
    addresses = [address for address in resolved(host, port, deadline) if may.takes(address[1][0], port)]
    problem: OSError = FetchError(f"{host} has no address that may be reached.")
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.left())
            sock.connect(address)
        except OSError as error:
            sock.close()
            problem = error
        else:
            return sock
    raise problem


def resolved(host: str, port: int, deadline: Deadline) -> list[tuple[int, Any]]:
    """The addresses of a host, once each; the system's resolver knows no deadline, so it runs beside.

    Raises:
        OSError: there is none in time.
    """
    if hosts.is_literal(host):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [(family, address) for family, _, _, _, address in found]
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            answer.put(FetchError(f"{host} cannot be resolved: {reason}."))

    threading.Thread(target=resolve, name="resolver", daemon=True).start()
    try:
        found = answer.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError(f"{host} cannot be resolved in time.") from None
    if isinstance(found, Exception):
        raise found
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _secured(sock: socket.socket, parts: Any, deadline: Deadline, ca_pem: str) -> socket.socket:
    if parts.scheme == "http":
        return sock
    sock.settimeout(deadline.left())
    return ssl.create_default_context(cadata=ca_pem or None).wrap_socket(sock, server_hostname=parts.hostname)


class InTime:
    """A socket for `http.client`, all of whose calls end by one deadline.

    Args:
        sock: connected.
        deadline: of all calls.
        most: how many bytes are read at most; then reading raises `ValueError`.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline, most: float = math.inf) -> None:
        self._sock, self._deadline, self._most = sock, deadline, most

    def sendall(self, content: bytes) -> None:
        """Send, in the time that is left."""
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(content)

    def makefile(self, *_: Any) -> io.BufferedReader:
        """The answer as a file."""
        return io.BufferedReader(_Reader(self._sock, self._deadline, self._most))

    def close(self) -> None:
        """Leave the socket to whoever opened it."""


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline, most: float) -> None:
        super().__init__()
        self._sock, self._deadline, self._most, self._left = sock, deadline, most, most

    def readable(self) -> bool:
        """Say that it is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, in the time that is left."""
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise ValueError(f"It is longer than {self._most} bytes.")
        return count
