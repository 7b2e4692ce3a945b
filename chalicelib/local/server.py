"""The HTTP server of the laptop home: granian in this process, on 127.0.0.1 unless SIGNET_HOST says otherwise."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import resource
import signal
import socket
import stat
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from chalicelib import doctor, files, reconcile
from chalicelib.local import memory
from chalicelib.local.application import Application
from chalicelib.local.gateway import Gateway
from chalicelib.local.scheduler import Scheduler
from chalicelib.local.sequencing import Sequencing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalice.app import Chalice

    from chalicelib.runtime import Runtime

_HEADER_MILLISECONDS = 10_000
_HEADER_BUFFER_BYTES = 32 * 1024  # longer headers are answered with 431 before Python sees them
WRITE_MILLISECONDS = 30_000  # how long a client may take nothing of its answer
_CONNECTIONS = 16_384  # slow connections take only memory
_STOP_SECONDS = 1.0  # for the bytes of answers; then connections end, whatever their clients have still to send
_SWITCH_SECONDS = 0.0005  # time slice of a computing thread while others, such as OCSP's, wait


class Schedules(Protocol):
    """What runs beside the server."""

    def start(self) -> None:
        """Begin, once connections are accepted."""
        ...

    def stop(self) -> None:
        """End, and wait for what is running."""
        ...


class ServeError(Exception):
    """The server cannot start; the text is a sentence for a person."""


def serve(rt: Runtime, app: Chalice, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        rt: the app's runtime.
        app: the Chalice app.
        ready: called once, when connections are accepted.

    Raises:
        ServeError: the port or the data directory is in use, or the callers are IAM's.
    """
    if rt.settings.callers == "iam":
        raise ServeError("With SIGNET_CALLERS=iam only API Gateway may serve: nobody else verifies IAM's signatures.")
    memory.return_what_is_freed()
    if rt.settings.port == "0":
        raise ServeError("SIGNET_PORT=0 is for `signet serve --test` alone: certificates contain the port.")
    with locked(rt.settings.data_path):
        check_port(rt.settings.host, int(rt.settings.port))
        files.sweep(rt.settings.data_path.rglob(f"{files.TEMPORARY}*"), rt.now())
        if reason := doctor.at_start(rt):
            raise ServeError(reason)
        scheduler, sequencing = Scheduler(app, rt), Sequencing(rt)
        reconcile.bring_forward(rt)
        try:
            sequencing.start()
            run(rt.settings.host, int(rt.settings.port), Application(rt, Gateway(app)), scheduler, ready)
        finally:
            sequencing.stop()


def run(host: str, port: int, application: Application, scheduler: Schedules, ready: Callable[[], None]) -> None:
    """Serve an application, with the schedules beside it, until SIGINT or SIGTERM.

    The loop is not closed, and the caller ends the process without finalizing Python: granian's threads go on until
    then, and one that enters a finalized interpreter aborts the process.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    _allow_connections()
    gc.collect()
    gc.freeze()  # what the start has made stays; looking through it would stop an answer for 30 ms now and then
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(_serve(host, port, application, scheduler, ready))
    finally:
        application.close()
        scheduler.stop()


async def _serve(
    host: str, port: int, application: Application, scheduler: Schedules, ready: Callable[[], None]
) -> None:
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS, max_buffer_size=_HEADER_BUFFER_BYTES),
        websockets=False,
        log_enabled=False,
        backlog=1024,
        backpressure=_CONNECTIONS,
    )
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        application.stop()
        server.stop()  # type: ignore[no-untyped-call]  # granian has no types
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):  # the loop's handlers lose signals while its pipe is full
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
    serving = loop.create_task(server.serve())
    await _accepting(host, port, serving)
    _limit_writes(host, port)
    scheduler.start()
    ready()
    await asyncio.wait({serving, loop.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    await application.drained()
    done, _ = await asyncio.wait({serving}, timeout=_STOP_SECONDS)
    for task in done:
        task.result()


async def _accepting(host: str, port: int, serving: asyncio.Task[Any]) -> None:
    """Wait until the port answers."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


def _allow_connections() -> None:
    """Raise the limit of open files as far as allowed, so that idle connections do not exhaust it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _CONNECTIONS + 1024 if hard == resource.RLIM_INFINITY else min(hard, _CONNECTIONS + 1024)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _limit_writes(host: str, port: int) -> None:
    """Let the kernel end connections whose clients stop reading; granian has no such limit and hides its socket.

    Source: tcp(7), TCP_USER_TIMEOUT, which accepted connections inherit.
    """
    if sys.platform != "linux":
        return
    descriptors = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    for descriptor in descriptors:
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                with socket.socket(fileno=os.dup(descriptor)) as found:
                    if found.getsockname() == (host, port):
                        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, WRITE_MILLISECONDS)


def free_port(host: str) -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """Raise `ServeError` if the port cannot be used."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServeError(f"Port {port} on {host} cannot be used: {error.strerror}. Set SIGNET_PORT.") from error


def is_served(data: Path) -> bool:
    """Tell whether a server holds the lock of a data directory."""
    try:
        with (data / "server.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the server lock of a data directory; it ends with the process, even after kill -9."""
    files.make_directory(data)
    descriptor = os.open(data / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise ServeError(f"Process {holder} already serves {data}.") from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
