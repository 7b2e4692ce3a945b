"""The TLS listener of the laptop home: terminates TLS in a thread, and passes the bytes to HTTP in the same process.

Granian can neither change the certificate of a server that runs nor bound handshakes that never end (ADR 21). So it
serves a socket that only this process reaches, and Python's ssl (OpenSSL) serves the clients. The next connection gets
a new certificate; open connections continue.

The number of unfinished handshakes is bounded: a further one replaces the oldest. So silent connections keep out no
client that answers.
"""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import shutil
import socket
import ssl
import tempfile
import threading
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from chalicelib import files, logs
from chalicelib.keystore import KeyStoreError
from chalicelib.local.tls_stream import CHUNK, TlsStream
from chalicelib.runtime import system_clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cryptography.hazmat.primitives.asymmetric import ec

    from chalicelib.local.application import Application
    from chalicelib.local.listener_certificate import Keeper

CONNECTIONS, HANDSHAKES = 2048, 512
DESCRIPTORS = 3  # of a connection: the client's, and both ends of the inner one
HANDSHAKE_SECONDS = 10.0
_END_SECONDS = 2.0  # within which a client agrees to the end of its connection
_LOOK_SECONDS = 1.0  # from one look at the certificate to the next
_PAUSE_SECONDS = 0.1  # after a connection that cannot be accepted, for want of descriptors
_PREFIX, _OWNER = "signet-tls-", "owner"
_SHORT = 60  # characters: the name of a socket has at most 103 (macOS), or 107
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2: forward secrecy and authenticated encryption, as TLS 1.3 has


class Front:
    """The TLS listener of one process.

    Attributes:
        inner: the socket that HTTP has to serve.
    """

    def __init__(self, outer: socket.socket, keeper: Keeper) -> None:
        self._outer, self._keeper = outer, keeper
        place = tempfile.gettempdir() if len(tempfile.gettempdir()) <= _SHORT else "/tmp"  # noqa: S108  made by mkdtemp
        files.sweep(Path(place).glob(f"{_PREFIX}*/{_OWNER}"), system_clock(), _remove_directory_of)
        self._directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))  # of mode 0700
        self._owned = (self._directory / _OWNER).open("wb")
        files.claim(self._owned)
        self.inner = socket.socket(socket.AF_UNIX)
        self.inner.settimeout(0)
        self.inner.bind(str(self._directory / "http"))
        self._numbers = count()
        self._sources: dict[str, str] = {}  # addresses of clients, by the names of inner connections
        self._open: set[asyncio.Task[None]] = set()
        self._shaking: dict[asyncio.Task[None], None] = {}  # in the order of their arrival
        self._context = self._new_context()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tls", daemon=True)

    @property
    def root(self) -> str:
        """The root that clients have to trust, in PEM."""
        return self._keeper.identity.root

    def start(self, backlog: int) -> None:
        """Accept connections: fewer where the system allows few descriptors, so that some are left for the rest."""
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._most = min(CONNECTIONS, allowed // (2 * DESCRIPTORS))
        self._outer.listen(backlog)
        self._tasks = [self._loop.create_task(self._accept()), self._loop.create_task(self._renew())]
        self._thread.start()

    def stop(self) -> None:
        """Accept no more connections; those that are open go on until HTTP ends them."""
        self._loop.call_soon_threadsafe(self._tasks[0].cancel)

    def close(self) -> None:
        """End what is open, and remove the inner socket."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._owned.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def of(self, application: Application) -> Callable[[Any, Any], Awaitable[None]]:
        """The application as HTTP on the inner socket has to call it: the client is that of the outer connection."""

        async def answer(scope: Any, protocol: Any) -> None:
            await application.answer(scope, protocol, self._sources.get(scope.client, ""), "https")

        return answer

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _new_context(self) -> ssl.SSLContext:
        return context(self._keeper.identity.certificate, self._keeper.private_key(), self._directory)

    async def _renew(self) -> None:
        """Load the present certificate for the next connections."""
        is_new = False
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            is_new = await asyncio.to_thread(self._keeper.look) or is_new
            if is_new:
                try:
                    self._context = await asyncio.to_thread(self._new_context)
                    is_new = False
                except (KeyStoreError, OSError):  # the next look is the retry
                    logs.log_exception("listener_certificate_failed")

    async def _accept(self) -> None:
        while True:
            try:
                connection, address = await self._loop.sock_accept(self._outer)
            except OSError:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if len(self._shaking) >= HANDSHAKES or len(self._open) >= self._most:
                oldest = next(iter(self._shaking), None)
                if oldest is None:
                    connection.close()
                    continue
                del self._shaking[oldest]
                oldest.cancel()
            task = self._loop.create_task(self._serve(connection, address[0]))
            self._open.add(task)
            self._shaking[task] = None
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        self._shaking.pop(task, None)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, OSError):
            logs.log("tls_connection_failed", reason=f"{type(error).__name__}: {error}"[:200])

    async def _serve(self, connection: socket.socket, source: str) -> None:
        """Make the handshake, and pass bytes in both directions until HTTP ends.

        Raises:
            OSError: the handshake fails or takes too long, or either side breaks off.
        """
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = TlsStream(connection, self._context)
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await stream.shake()
            self._shaking.pop(asyncio.current_task(), None)  # type: ignore[arg-type]  # this is a task
            name = str(self._directory / str(next(self._numbers)))
            self._sources[name] = source
            try:
                with socket.socket(socket.AF_UNIX) as inner:
                    await self._connect(inner, name)
                    await self._hand_on(stream, inner)
            finally:
                del self._sources[name]
            async with asyncio.timeout(_END_SECONDS):
                await stream.end()

    async def _connect(self, inner: socket.socket, name: str) -> None:
        """Connect to HTTP under a name, by which HTTP knows the connection; its file is needed no longer than that."""
        inner.settimeout(0)
        try:
            inner.bind(name)
            await self._loop.sock_connect(inner, self.inner.getsockname())
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108  as fast as memory

    async def _hand_on(self, stream: TlsStream, inner: socket.socket) -> None:
        onwards = self._loop.create_task(self._hand_to_http(stream, inner))
        try:
            while data := await self._loop.sock_recv(inner, CHUNK):
                await stream.write(data)
        finally:
            onwards.cancel()

    async def _hand_to_http(self, stream: TlsStream, inner: socket.socket) -> None:
        """Pass on what the client sends; at its end, however it comes, tell HTTP, which then ends its direction."""
        with suppress(OSError):
            while data := await stream.read():
                await self._loop.sock_sendall(inner, data)
        with suppress(OSError):
            inner.shutdown(socket.SHUT_WR)


def context(certificate: str, key: ec.EllipticCurvePrivateKey, directory: Path) -> ssl.SSLContext:
    """Make the settings of connections from a certificate in PEM and its key.

    OpenSSL reads keys from files alone: this one is encrypted with a password that nobody else has, and lives for
    milliseconds.
    """
    password = secrets.token_urlsafe(32)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    path = directory / secrets.token_hex(8)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION
    made.set_ciphers(_CIPHERS)
    made.set_alpn_protocols(["http/1.1"])
    try:
        path.touch(mode=0o600)
        path.write_bytes(encrypted + certificate.encode())
        made.load_cert_chain(path, password=password)
    finally:
        path.unlink(missing_ok=True)
    return made


def _remove_directory_of(owner: Path) -> None:
    shutil.rmtree(owner.parent)
