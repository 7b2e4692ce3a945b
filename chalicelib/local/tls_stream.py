"""A TLS connection on an accepted socket, for asyncio, with the memory that OpenSSL needs and one or two chunks.

The streams of asyncio hold 256 KB for each connection from its first moment, so any client could exhaust the memory.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

CHUNK = 16 * 1024  # the most that a record of TLS holds


class TlsStream:
    """The server's side of a connection. One task may read while another one writes."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._loop, self._turn = asyncio.get_running_loop(), asyncio.Lock()

    async def shake(self) -> None:
        """Make the handshake.

        Raises:
            OSError: it fails (`ssl.SSLError`), or the connection ends.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._receive():
                    raise ConnectionAbortedError from None
            except ssl.SSLError:
                with suppress(OSError):
                    await self._flush()  # the alert that says why
                raise
            else:
                return await self._flush()

    async def read(self) -> bytes:
        """Return received data, at most a chunk; empty at the end, whether or not the client has announced it.

        Raises:
            OSError: the connection breaks.
        """
        while True:
            try:
                data = self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                if self._outgoing.pending:
                    await self._flush()  # an answer of the protocol itself, such as to an update of keys
                if not await self._receive():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""
            else:
                return data

    async def write(self, data: bytes) -> None:
        """Send data; raises `OSError` if the connection breaks."""
        self._tls.write(data)
        await self._flush()

    async def end(self) -> None:
        """Tell the client that nothing follows, without waiting for its answer."""
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        await self._flush()

    async def _receive(self) -> bool:
        data = await self._loop.sock_recv(self._connection, CHUNK)
        self._incoming.write(data)
        return bool(data)

    async def _flush(self) -> None:
        async with self._turn:  # records have to leave in their order, and whole
            while data := self._outgoing.read():
                await self._loop.sock_sendall(self._connection, data)
