"""OCSP answers a second, and their latency, over loopback: Signet's server beside `openssl ocsp`'s own responder."""

from __future__ import annotations

import selectors
import socket
import statistics
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp

from tests.support.authority_steps import active_root, fetch, issue
from tests.support.builders import ROOT_KEY, START, root_certificate
from tests.support.home import Home, free_port

if TYPE_CHECKING:
    from pathlib import Path

CONNECTIONS, ANSWERS, PEER_ANSWERS = 16, 30_000, 1_000


class Load(NamedTuple):
    """What was measured: answers a second, and the 99th percentile of their latency in milliseconds."""

    per_second: float
    p99: float


def measure(work: Path) -> tuple[Load, Load]:
    """Both responders, asked for the status of one certificate again and again."""
    home = Home(work / "home")
    home.start()
    try:
        client = home.client()
        arn = active_root(client, RevocationConfiguration={"OcspConfiguration": {"Enabled": True}})
        leaf = fetch(client, arn, issue(client, arn))
        pem = client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
        issuer = x509.load_pem_x509_certificate(pem.encode())
        ours = _load(home.port, "/ocsp", _request(leaf, issuer), ANSWERS, keep=True)
    finally:
        home.stop()
    return ours, _openssl(work)


def _request(leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1())
    return builder.build().public_bytes(Encoding.DER)


def _openssl(work: Path) -> Load:
    root = root_certificate()
    (work / "ca.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (work / "ca.key").write_bytes(ROOT_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    line = f"V\t{START.replace(year=START.year + 9):%y%m%d%H%M%SZ}\t\t{root.serial_number:02X}\tunknown\t/CN=root\n"
    (work / "index.txt").write_text(line)
    port = free_port()
    files = ("-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key", "-nmin", "60")
    server = subprocess.Popen(
        ["openssl", "ocsp", "-port", str(port), *files],
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()  # "ACCEPT": a connection without a request would stop it
        return _load(port, "/", _request(root, root), PEER_ANSWERS, keep=False)
    finally:
        server.terminate()
        server.communicate()


class _Connection:
    """A connection with one request under way; it is opened anew where the server closes it after each answer."""

    def __init__(self, port: int, message: bytes) -> None:
        self.port, self.message = port, message
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.send()

    def send(self) -> None:
        self.begun, self.received = time.perf_counter(), b""
        self.socket.sendall(self.message)

    def answered(self, *, keep: bool) -> bool:
        """Read what has come; whether the answer is whole."""
        chunk = self.socket.recv(65536)
        self.received += chunk
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not keep:
            return not chunk
        if not end:
            return False
        length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
        return len(body) >= int(length)


def _load(port: int, path: str, request_der: bytes, answers: int, *, keep: bool) -> Load:
    head = f"POST {path} HTTP/1.{int(keep)}\r\nHost: 127.0.0.1\r\nContent-Type: application/ocsp-request\r\n"
    message = f"{head}Content-Length: {len(request_der)}\r\n\r\n".encode() + request_der
    selector = selectors.DefaultSelector()
    for _ in range(CONNECTIONS if keep else 1):
        connection = _Connection(port, message)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    latencies: list[float] = []
    begun = time.perf_counter()
    while len(latencies) < answers:
        for key, _ in selector.select(10):
            connection = key.data
            if not connection.answered(keep=keep):
                continue
            if b" 200 " not in connection.received[:13]:
                raise RuntimeError(connection.received[:200])
            latencies.append(time.perf_counter() - connection.begun)
            if keep:
                connection.send()
            else:
                selector.unregister(connection.socket)
                connection.socket.close()
                connection.open()
                selector.register(connection.socket, selectors.EVENT_READ, connection)
    seconds = time.perf_counter() - begun
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    return Load(len(latencies) / seconds, 1000 * statistics.quantiles(latencies, n=100)[-1])
