"""Servers on loopback that do with each client what a test says."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class TcpServer:
    """Calls a function with each connection, in a thread of its own.

    Attributes:
        port: where it listens.
        connections: how many came.
    """

    def __init__(self, serve: Callable[[socket.socket], None], address: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.connections = 0
        self._serve, self._listening = serve, socket.create_server((address, 0), family=family)
        self.port: int = self._listening.getsockname()[1]

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self._serve(connection)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


class UdpServer:
    """Sends what a function makes of each datagram, in order.

    Attributes:
        port: where it listens.
        datagrams: how many came.
    """

    def __init__(self, answers: Callable[[bytes], list[bytes]]) -> None:
        self.datagrams = 0
        self._answers, self._sock = answers, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self.port: int = self._sock.getsockname()[1]
        self._last = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._last.bind(("127.0.0.1", 0))

    def _run(self) -> None:
        while True:
            try:
                datagram, client = self._sock.recvfrom(65535)
            except OSError:
                return
            if client == self._last.getsockname():
                return
            self.datagrams += 1
            with suppress(OSError):  # the test has ended
                for answer in self._answers(datagram):
                    self._sock.sendto(answer, client)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End once every datagram that has come is counted: the last one comes behind them."""
        self._last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._last.close()
        self._sock.close()


def silent(connection: socket.socket) -> None:
    """Read until the client leaves, and answer nothing."""
    while connection.recv(65536):
        pass


def says(*parts: bytes) -> Callable[[socket.socket], None]:
    """Read a request, and answer with these bytes."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)

    return serve
