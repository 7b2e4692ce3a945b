"""The HTTP server of the laptop home: granian in this process, on 127.0.0.1 alone."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from chalicelib import files
from chalicelib.local import console_fallback
from chalicelib.local.compression import compressed
from chalicelib.local.crl_and_ocsp import recent_ocsp, status
from chalicelib.local.gateway import Gateway, HttpRequest, HttpResponse, refusal
from chalicelib.local.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalice.app import Chalice

    from chalicelib.runtime import Runtime

ADDRESS = "127.0.0.1"
MAX_BODY_BYTES = 6 * 1024 * 1024
_THREADS = 16
_HEADER_MILLISECONDS = 10_000
_BODY_SECONDS = 30


class ServeError(Exception):
    """The server cannot start; the text is one sentence for a person."""


def serve(rt: Runtime, app: Chalice, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        rt: the runtime that the app answers from.
        app: the Chalice app.
        ready: called once connections are accepted.

    Raises:
        ServeError: the port or the data directory is in use.
    """
    with _only_server_of(rt.settings.data_path):
        _check_port(int(rt.settings.port))
        scheduler = Scheduler(app, rt)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="request") as pool:
            try:
                asyncio.run(_serve(rt, Gateway(app), pool, scheduler, ready))
            finally:
                scheduler.stop()


async def _serve(
    rt: Runtime, gateway: Gateway, pool: ThreadPoolExecutor, scheduler: Scheduler, ready: Callable[[], None]
) -> None:
    port = int(rt.settings.port)
    server = Server(
        _application(rt, gateway, pool),
        address=ADDRESS,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS),
        websockets=False,
        log_enabled=False,
        backlog=1024,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    serving = loop.create_task(server.serve())
    await _accepting(port, serving)
    scheduler.start()
    ready()
    await serving


async def _accepting(port: int, serving: asyncio.Task[Any]) -> None:
    """Wait until the port answers."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(ADDRESS, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


def _application(rt: Runtime, gateway: Gateway, pool: ThreadPoolExecutor) -> Any:
    async def application(scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            return
        headers = tuple((name.lower(), value) for name, value in scope.headers.items())
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await _body(headers, protocol)
        except TimeoutError:
            protocol.response_empty(408, [("connection", "close")])
            return
        if body is None:
            response = refusal(413, (("Connection", "close"),))
        else:
            request = HttpRequest(scope.method, scope.path, scope.query_string, headers, body)
            recent = recent_ocsp(rt, request)
            response = recent or await asyncio.get_running_loop().run_in_executor(pool, answer, request)  # type: ignore[assignment]  # "or" of an optional
        _send(protocol, response)

    def answer(request: HttpRequest) -> HttpResponse:
        ungated = status(rt, request) or console_fallback.answer(rt, request)
        return ungated or compressed(request, gateway.answer(request))

    return application


async def _body(headers: tuple[tuple[str, str], ...], protocol: Any) -> bytes | None:
    """The whole body; None if it is too long. A body of unknown length is counted while it comes."""
    named = dict(headers)
    if "chunked" not in named.get("transfer-encoding", "").lower():
        declared = named.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > MAX_BODY_BYTES:
            return None
        return bytes(await protocol()) if int(declared) else b""
    chunks, size = [], 0
    async for chunk in protocol:
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(bytes(chunk))
    return b"".join(chunks)


def _send(protocol: Any, response: HttpResponse) -> None:
    headers = [("date", formatdate(usegmt=True)), *((name.lower(), value) for name, value in response.headers)]
    if response.body:
        protocol.response_bytes(response.status, headers, response.body)
    else:
        protocol.response_empty(response.status, headers)


def _check_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise ServeError(f"Port {port} on {ADDRESS} cannot be used: {error.strerror}. Set SIGNET_PORT.") from error


@contextmanager
def _only_server_of(data: Path) -> Iterator[None]:
    """Hold the home's server lock; it ends with the process, also by kill -9."""
    files.make_directory(data)
    descriptor = os.open(data / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise ServeError(f"Process {holder} serves {data} already.") from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
