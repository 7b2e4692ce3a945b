"""Connections that say nothing, or never end, keep nobody else out of the server."""

from __future__ import annotations

import os
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chalicelib.local import server
from tests.support.worker_processes import workers_of

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
MANY = 1_100  # the server once took 1,024
SENT = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "half a body": b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: x\r\nContent-Length: 5000000\r\n\r\nx",
    "half a short body": b"POST /ocsp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\nx",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nx",
}


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_idle_connections_keep_nobody_out(home: Home, sent: bytes) -> None:
    idle = []
    try:
        for _ in range(MANY):
            idle.append(socket.create_connection(("127.0.0.1", home.port), timeout=10))
            idle[-1].sendall(sent)
        with urllib.request.urlopen(f"{home.url}/healthz", timeout=5) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(home.url, data=b"{}", timeout=5)
        assert caught.value.code in {400, 404}
        caught.value.close()
    finally:
        for connection in idle:
            connection.close()


def test_head_that_is_too_long_is_refused_before_its_end(home: Home) -> None:
    with socket.create_connection(("127.0.0.1", home.port), timeout=10) as raw:
        raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 40_000)
        assert b" 431 " in raw.recv(4096).split(b"\r\n")[0]


def test_client_that_stops_reading_is_left(home: Home) -> None:
    """A CRL that nobody takes is not held for ever, and others get theirs meanwhile."""
    name = "11112222-3333-4444-5555-666677778888.crl"
    buckets = home.data / "buckets" / "slow" / "crl"
    buckets.mkdir(parents=True)
    (buckets / name).write_bytes(b"\x30" * 50_000_000)
    before = memory(home)
    slow = []
    for _ in range(20):
        slow.append(socket.create_connection(("127.0.0.1", home.port), timeout=10))
        slow[-1].sendall(f"GET /slow/crl/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert b" 200 " in slow[-1].recv(16)
    try:
        with urllib.request.urlopen(f"{home.url}/slow/crl/{name}", timeout=20) as answer:
            assert len(answer.read()) == 50_000_000
        assert memory(home) - before < 100_000_000  # of a billion
    finally:
        for connection in slow:
            connection.close()
    assert server.WRITE_MILLISECONDS <= 30_000


def memory(home: Home) -> int:
    assert home.process is not None
    pages = (Path(f"/proc/{each}/statm").read_text().split()[1] for each in (home.process.pid, *workers_of(home)))
    return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")
