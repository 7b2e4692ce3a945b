"""Connections that say nothing, or never end, keep nobody else out of the server."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
MANY = 1_100  # the server once took 1,024
SENT = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: x\r\n",
    "half a body": b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\nContent-Length: 5000000\r\n\r\nx",
    "half a short body": b"POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nx",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nx",
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
        raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000)
        assert b" 431 " in raw.recv(4096).split(b"\r\n")[0]
