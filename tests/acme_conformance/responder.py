"""Servers that answer challenges on loopback: HTTP, TLS with ALPN, and DNS for every name."""

from __future__ import annotations

import hashlib
import socketserver
import ssl
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives import serialization

from tests.acme_conformance.jose import b64

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_PATH = "/.well-known/acme-challenge/"
_ALPN = "acme-tls/1"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Page:
    """What the HTTP server answers."""

    body: bytes
    status: int = 200
    location: str = ""


@dataclass
class Seen:
    """What the validating server sent: HTTP's Host and path, or TLS's server name."""

    http: list[tuple[str, str]] = field(default_factory=list)
    tls: list[str | None] = field(default_factory=list)
    dns: list[tuple[str, str]] = field(default_factory=list)


class Responder:
    """Starts the three servers; pages, certificates and records can be added while they run."""

    def __init__(self, http_port: int, tls_port: int, dns_port: int) -> None:
        self.pages: dict[str, Page] = {}
        self.contexts: dict[str | None, ssl.SSLContext] = {}
        self.records: dict[tuple[str, str], list[str]] = {}
        self.missing: set[str] = set()
        self.seen = Seen()
        self._directory = tempfile.TemporaryDirectory()
        web = ThreadingHTTPServer((LOOPBACK, http_port), _http(self))
        tls = _Tls((LOOPBACK, tls_port), self)
        udp, tcp = self._dns(dns_port)
        self.http_port, self.tls_port, self.dns_port = (int(each.socket.getsockname()[1]) for each in (web, tls, udp))
        self._servers: list[socketserver.BaseServer] = [web, tls, udp, tcp]
        for each in self._servers:
            threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True).start()

    def _dns(self, port: int) -> tuple[_Udp, _Tcp]:
        """Servers for UDP and TCP at one port; if it is 0, at any that is free for both."""
        for _ in range(50):
            tcp = _Tcp((LOOPBACK, port), _stream(self))
            try:
                return _Udp((LOOPBACK, int(tcp.server_address[1])), _datagram(self)), tcp
            except OSError:
                tcp.server_close()
        raise OSError(f"Port {port} is not free for UDP and TCP.")

    def close(self) -> None:
        for each in self._servers:
            each.shutdown()
            each.server_close()
        self._directory.cleanup()

    def put_page(self, token: str, body: bytes, **more: Any) -> None:
        self.pages[_PATH + token] = Page(body, **more)

    def put_txt(self, name: str, authorization: str, *others: str) -> None:
        digest = b64(hashlib.sha256(authorization.encode()).digest())
        self.records[f"_acme-challenge.{name}.", "TXT"] = [f'"{each}"' for each in (*others, digest)]

    def put_certificate(
        self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, *, alpn: str | None = _ALPN
    ) -> None:
        """Answer TLS for a server name, with ALPN's protocol unless it is None."""
        path = Path(self._directory.name) / f"{len(self.contexts)}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if alpn:
            context.set_alpn_protocols([alpn])
        self.contexts[name] = context

    def answer(self, wire: bytes) -> bytes:
        """Return DNS's answer: the records that were put, else the loopback address for any name."""
        query = dns.message.from_wire(wire)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        self.seen.dns.append((name, kind))
        for _ in range(8):
            if name in self.missing:
                response.set_rcode(dns.rcode.NXDOMAIN)
            alias = self.records.get((name, "CNAME"))
            if alias and kind != "CNAME":
                response.answer.append(dns.rrset.from_text(name, 1, "IN", "CNAME", *alias))
                name = alias[0]
                continue
            found = self.records.get((name, kind), [LOOPBACK] if kind == "A" and name not in self.missing else [])
            if found:
                response.answer.append(dns.rrset.from_text(name, 1, "IN", kind, *found))
            break
        return response.to_wire()


def _http(responder: Responder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            responder.seen.http.append((self.headers.get("Host", ""), self.path))
            page = responder.pages.get(self.path, Page(b"not found", 404))
            with suppress(ConnectionError):
                self.send_response(page.status)
                if page.location:
                    self.send_header("Location", page.location)
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(len(page.body)))
                self.end_headers()
                self.wfile.write(page.body)

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    return Handler


class _Tls(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], responder: Responder) -> None:
        self._responder = responder
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.sni_callback = self._choose
        super().__init__(address, socketserver.BaseRequestHandler)

    def _choose(self, connection: Any, name: str | None, _: ssl.SSLContext) -> int | None:
        self._responder.seen.tls.append(name)
        chosen = self._responder.contexts.get(name)
        if chosen is None:
            return int(ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)
        connection.context = chosen
        return None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands; a validating server looks at the certificate and closes."""
        request.settimeout(5)
        with suppress(OSError), self._context.wrap_socket(request, server_side=True) as connection:
            connection.recv(1)


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _datagram(responder: Responder) -> Callable[..., socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, connection = self.request
            connection.sendto(responder.answer(data), self.client_address)

    return Handler


def _stream(responder: Responder) -> Callable[..., socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection: socket.socket = self.request
            connection.settimeout(5)
            with suppress(OSError), connection.makefile("rb") as lines:
                while len(length := lines.read(2)) == 2:
                    answer = responder.answer(lines.read(int.from_bytes(length, "big")))
                    connection.sendall(len(answer).to_bytes(2, "big") + answer)

    return Handler
