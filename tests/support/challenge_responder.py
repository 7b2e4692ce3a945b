"""A client's side of ACME challenges on this machine: HTTP, DNS (UDP and TCP) and TLS with acme-tls/1, in threads.

Every name has the address 127.0.0.1 until a test says otherwise. Nothing is answered that was not set.

    with ChallengeResponder() as responder:
        responder.set_http(token, key_authorization)
        signet(environment=responder.environment)
"""

from __future__ import annotations

import socket
import ssl
import struct
import tempfile
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.reversename
import dns.rrset

from tests.support.acme_certificates import ACME_TLS_1, validation_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

_HOST = "127.0.0.1"
_PATH = "/.well-known/acme-challenge/"
_MOST_HOPS = 8


class ChallengeResponder:
    """Answers challenges until its end.

    Attributes:
        http_port: of the HTTP server.
        tls_port: of the TLS server.
        dns_port: of the DNS server, for UDP and TCP.
        resolver: the DNS server as `host:port`.
        environment: the settings with which Signet validates here.
        asked: what was asked: `GET HOST PATH`, `TYPE NAME`, and `TLS NAME`.
        records: texts of records by name in lower case without the final dot, and type; `*` is any other name.
        refuses: response codes by name, such as `SERVFAIL`.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.records: dict[tuple[str, str], list[str]] = {("*", "A"): [_HOST]}
        self.refuses: dict[str, str] = {}
        self._http: dict[str, str] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._web = ThreadingHTTPServer((_HOST, 0), self._handler())
        self._udp, self._tcp = _udp_and_tcp()
        self._tls = socket.create_server((_HOST, 0))
        self.http_port: int = self._web.server_port
        self.dns_port: int = self._udp.getsockname()[1]
        self.tls_port: int = self._tls.getsockname()[1]
        self.resolver = f"{_HOST}:{self.dns_port}"
        self.environment = {
            "SIGNET_ACME_HTTP_PORT": str(self.http_port),
            "SIGNET_ACME_TLS_PORT": str(self.tls_port),
            "SIGNET_ACME_RESOLVER": self.resolver,
        }

    def set_http(self, token: str, key_authorization: str) -> None:
        """Answer http-01 for a token."""
        self._http[_PATH + token] = key_authorization

    def set_txt(self, name: str, *values: str) -> None:
        """Have these TXT records, of one character-string each, and no others; for dns-01 the name has its prefix."""
        self.records[_key(name), "TXT"] = [f'"{value}"' for value in values]

    def set_a(self, name: str, *addresses: str) -> None:
        """Have these addresses, of either kind, and no others."""
        self.records[_key(name), "A"] = [each for each in addresses if ":" not in each]
        self.records[_key(name), "AAAA"] = [each for each in addresses if ":" in each]

    def set_cname(self, name: str, target: str) -> None:
        """Make a name an alias."""
        self.records[_key(name), "CNAME"] = [target.rstrip(".") + "."]

    def set_tls(self, name: str, key_authorization: str) -> None:
        """Answer tls-alpn-01 for a DNS name or an IP address."""
        self.set_tls_certificate(name, *validation_certificate(name, key_authorization))

    def set_tls_certificate(self, name: str, certificate: bytes, key: bytes, *protocols: str) -> None:
        """Answer TLS for a name with any certificate; the protocols are those of ALPN, acme-tls/1 by default."""
        self._contexts[_server_name(name)] = server_context(certificate, key, *(protocols or (ACME_TLS_1,)))

    def forget(self) -> None:
        """Answer no challenge; every name is here again."""
        self._http, self._contexts, self.records, self.refuses = {}, {}, {("*", "A"): [_HOST]}, {}

    def __enter__(self) -> Self:
        loops: tuple[Callable[[], None], ...] = (
            self._serve_web, self._serve_udp,
            lambda: _accept(self._tcp, self._one_tcp), lambda: _accept(self._tls, self._one_tls),
        )  # fmt: skip
        self._threads = [threading.Thread(target=loop, daemon=True) for loop in loops]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._web.shutdown()
        self._web.server_close()
        for listening in (self._tcp, self._tls, self._udp):
            with suppress(OSError):  # a UDP socket that is not connected says so, and wakes its reader nevertheless
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        for thread in self._threads:
            thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        responder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                responder.asked.append(f"GET {self.headers.get('Host')} {self.path}")
                found = responder._http.get(self.path)
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(len(found or "")))
                self.end_headers()
                self.wfile.write((found or "").encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def _serve_web(self) -> None:
        self._web.serve_forever(0.01)

    def _serve_udp(self) -> None:
        while True:
            try:
                wire, client = self._udp.recvfrom(65535)
            except OSError:
                return
            if not client:
                return
            with suppress(dns.exception.DNSException, OSError):
                query = dns.message.from_wire(wire)
                self._udp.sendto(_within(self.answer(query), query.payload or 512), client)

    def _one_tcp(self, connection: socket.socket) -> None:
        with suppress(dns.exception.DNSException, struct.error), connection.makefile("rb") as stream:
            query = dns.message.from_wire(stream.read(struct.unpack("!H", stream.read(2))[0]))
            wire = self.answer(query).to_wire(max_size=65535)
            connection.sendall(struct.pack("!H", len(wire)) + wire)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """Answer a DNS query as a recursive resolver does: with the aliases and what they lead to."""
        response = dns.message.make_response(query, recursion_available=True)
        name, kind = _key(query.question[0].name.to_text()), dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append(f"{kind} {name}")
        for _ in range(_MOST_HOPS):
            if code := self.refuses.get(name):
                response.set_rcode(dns.rcode.from_text(code))
            alias = self.records.get((name, "CNAME"), [])
            found = self.records.get((name, kind), self.records.get(("*", kind), []))
            texts, shown = (alias, "CNAME") if alias else (found, kind)
            if not texts or response.rcode():
                break
            response.answer.append(dns.rrset.from_text(f"{name}.", 0, "IN", shown, *texts))
            if not alias:
                break
            name = _key(alias[0])
        return response

    def _one_tls(self, connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols([ACME_TLS_1])
        context.sni_callback = self._choose
        connection.settimeout(5)
        with context.wrap_socket(connection, server_side=True) as sock:
            sock.recv(1)

    def _choose(self, sock: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        self.asked.append(f"TLS {name}")
        if found := self._contexts.get(_key(name or "")):
            sock.context = found
            return None
        return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def server_context(certificate: bytes, key: bytes, *protocols: str) -> ssl.SSLContext:
    """A TLS server's context with a certificate and its key, both PEM, and the protocols of ALPN, if any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "pem")
        file.write_bytes(certificate + key)
        context.load_cert_chain(file)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def _key(name: str) -> str:
    return name.rstrip(".").lower()


def _server_name(name: str) -> str:
    """The name in SNI (RFC 8738 section 6)."""
    try:
        ip_address(name)
    except ValueError:
        return _key(name)
    return _key(dns.reversename.from_address(name).to_text())


def _within(response: dns.message.Message, size: int) -> bytes:
    """A response for UDP, truncated if it is longer than what the client takes."""
    wire = response.to_wire(max_size=65535)
    if len(wire) <= size:
        return wire
    response.answer, response.flags = [], response.flags | dns.flags.TC
    return response.to_wire()


def _udp_and_tcp() -> tuple[socket.socket, socket.socket]:
    """Two sockets with one port number."""
    for _ in range(50):
        tcp = socket.create_server((_HOST, 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
        else:
            return udp, tcp
    raise OSError("No port is free for UDP and TCP.")


def _accept(listening: socket.socket, one: Callable[[socket.socket], None]) -> None:
    """Serve each connection in a thread of its own until the socket is closed."""

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            one(connection)

    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection,), daemon=True).start()
