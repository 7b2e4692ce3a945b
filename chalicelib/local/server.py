"""The HTTP server of the laptop home: granian in each worker, on 127.0.0.1 unless SIGNET_HOST says otherwise."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import resource
import signal
import socket
import sys
import time
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from chalicelib import doctor, files, reconcile
from chalicelib.audit import AuditError
from chalicelib.errors import ApiError
from chalicelib.journal.journal import NotServingError
from chalicelib.keystore import KeyStoreError
from chalicelib.local import memory
from chalicelib.local.application import Application
from chalicelib.local.gateway import Gateway
from chalicelib.local.listener_certificate import Keeper, NoCertificateError
from chalicelib.local.scheduler import TICK_SECONDS, Scheduler
from chalicelib.local.sequencing import Sequencing
from chalicelib.local.tls_front import CONNECTIONS, DESCRIPTORS, Front
from chalicelib.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from chalice.app import Chalice

    from chalicelib.config import Settings
    from chalicelib.runtime import Runtime

_OUTAGES = (AuditError, KeyStoreError, NotServingError, OSError, StoreError)
_HEADER_MILLISECONDS = 10_000
_HEADER_BUFFER_BYTES = 32 * 1024  # longer headers are answered with 431 before Python sees them
WRITE_MILLISECONDS = 30_000  # how long a client may take nothing of its answer
_CONNECTIONS = 16_384  # slow connections take only memory
_BACKLOG = 1024
_ENDING_SECONDS = 2.0  # within which the workers of a supervisor that was killed have ended
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


class Listeners(NamedTuple):
    """The sockets of a worker, without TLS and with it."""

    plain: socket.socket
    tls: socket.socket | None = None


class ServeError(Exception):
    """The server cannot start; the text is a sentence for a person."""


@contextmanager
def claimed(settings: Settings) -> Iterator[list[Listeners]]:
    """Hold the data directory and the ports of a home, with sockets for each worker; nothing listens yet.

    Processes that are forked within it hold both as well, until the last one has ended.

    Raises:
        ServeError: a port or the data directory is in use, or the callers are IAM's.
    """
    if settings.callers == "iam":
        raise ServeError("With SIGNET_CALLERS=iam only API Gateway may serve: nobody else verifies IAM's signatures.")
    if settings.port == "0":
        raise ServeError("SIGNET_PORT=0 is for `signet serve --test` alone: certificates contain the port.")
    if settings.tls_port == "0":
        raise ServeError("SIGNET_TLS_PORT=0 is for `signet serve --test` alone: clients have to know the port.")
    # The kernel closes what a killed process had open in this order: a free lock means a free port.
    with ExitStack() as opened:
        plain = [opened.enter_context(_socket()) for _ in range(settings.worker_count)]
        with_tls = [opened.enter_context(_socket()) for _ in plain if settings.tls_port]
        opened.enter_context(locked(settings.data_path))
        _bind(plain, settings.host, int(settings.port))
        _bind(with_tls, settings.tls_address, int(settings.tls_port or 0), "SIGNET_TLS_PORT")
        yield [Listeners(*each) for each in zip_longest(plain, with_tls)]


def serve(rt: Runtime, app: Chalice, listeners: Listeners, ready: Callable[[], None], *, leads: bool = True) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        rt: the app's runtime.
        app: the Chalice app.
        listeners: bound to the ports.
        ready: called once, when connections are accepted.
        leads: prepare the home and run its schedules; one worker of a home does. The others sequence its journal less
            often, so that their health checks know whether that works.

    Raises:
        ServeError: the home has to be repaired first.
    """
    memory.return_what_is_freed()
    if leads:
        _prepare(rt)
    sequencing = Sequencing(rt) if leads else Sequencing(rt, every_seconds=TICK_SECONDS)
    try:
        sequencing.start()
        front = front_of(rt, listeners.tls, leads=leads) if listeners.tls else None
        run(listeners.plain, Application(rt, Gateway(app)), Scheduler(app, rt, runs_schedules=leads), ready, front)
    finally:
        sequencing.stop()


def _prepare(rt: Runtime) -> None:
    files.sweep(rt.settings.data_path.rglob(f"{files.TEMPORARY}*"), rt.now())
    if reason := doctor.at_start(rt):
        raise ServeError(reason)
    reconcile.bring_forward(rt)


def front_of(rt: Runtime, outer: socket.socket, *, leads: bool = True) -> Front:
    """Make the TLS listener on a socket; the leading process of a home sees that it has a certificate.

    Raises:
        ServeError: it can have none.
    """
    try:
        return Front(outer, Keeper(rt, leads=leads))
    except (NoCertificateError, ApiError, *_OUTAGES) as error:
        raise ServeError(f"The TLS listener cannot start. {error}") from error


def run(
    listener: socket.socket,
    application: Application,
    scheduler: Schedules,
    ready: Callable[[], None],
    front: Front | None = None,
) -> None:
    """Serve an application, with the schedules beside it, until SIGTERM, or SIGINT unless that is ignored.

    Args:
        listener: bound to the port.
        application: answers.
        scheduler: runs beside the server.
        ready: called once, when connections are accepted.
        front: the TLS listener; None: there is none.

    The loop is not closed, and the caller ends the process without finalizing Python: granian's threads go on until
    then, and one that enters a finalized interpreter aborts the process.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    _allow_connections(_CONNECTIONS + (CONNECTIONS * DESCRIPTORS if front else 0))
    gc.collect()
    gc.freeze()  # what the start has made stays; looking through it would stop an answer for 30 ms now and then
    servers = [_Server(application, listener), *([_TlsServer(application, front)] if front else ())]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(_serve(servers, application, scheduler, ready))
    finally:
        if front is not None:
            front.close()
        application.close()
        scheduler.stop()


class _Server(Server):
    """Granian's server on a socket that outlives this process: its replacement accepts the connections that wait."""

    def __init__(self, application: Callable[[Any, Any], Awaitable[None]], listener: socket.socket) -> None:
        super().__init__(
            application,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=_HEADER_MILLISECONDS, max_buffer_size=_HEADER_BUFFER_BYTES
            ),
            websockets=False,
            log_enabled=False,
            backpressure=_CONNECTIONS,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        holder: Any = SocketHolder  # its types know of no arguments
        is_unix = self._listener.family == socket.AF_UNIX
        self._ssp, self._shd = None, holder(fd=os.dup(self._listener.fileno()), uds=is_unix, backlog=_BACKLOG)

    def listen(self) -> None:
        """Let connections come; they wait until they are served."""
        self._listener.listen(_BACKLOG)

    def stop(self) -> None:
        """Accept no more connections, and end those that are open once they are idle."""
        super().stop()  # type: ignore[no-untyped-call]  # granian has no types


class _TlsServer(_Server):
    """The same behind the TLS listener."""

    def __init__(self, application: Application, front: Front) -> None:
        super().__init__(front.of(application), front.inner)
        self._front = front

    def listen(self) -> None:
        super().listen()
        self._front.start(_BACKLOG)

    def stop(self) -> None:
        self._front.stop()
        super().stop()


async def _serve(
    servers: Sequence[_Server], application: Application, scheduler: Schedules, ready: Callable[[], None]
) -> None:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        application.stop()
        for server in servers:
            server.stop()
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):  # the loop's handlers lose signals while its pipe is full
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
    _let_signals_wake(loop)
    for server in servers:
        server.listen()
    serving = {loop.create_task(server.serve()) for server in servers}
    scheduler.start()
    ready()
    await asyncio.wait({*serving, loop.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    await application.drained()
    done, _ = await asyncio.wait(serving, timeout=_STOP_SECONDS)
    for task in done:
        task.result()


def _let_signals_wake(loop: asyncio.AbstractEventLoop) -> None:
    """Let each signal wake the loop: its handler runs in the main thread, which may be about to wait for events.

    Source: Python, `signal.set_wakeup_fd`.
    """
    reading, writing = socket.socketpair()
    for end in (reading, writing):
        end.settimeout(0)
    loop.add_reader(reading, reading.recv, 4096)
    signal.set_wakeup_fd(writing.detach(), warn_on_full_buffer=False)  # if it is full, the loop is awake


def _allow_connections(descriptors: int) -> None:
    """Raise the limit of open files as far as allowed, so that idle connections do not exhaust it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = descriptors + 1024 if hard == resource.RLIM_INFINITY else min(hard, descriptors + 1024)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def listening(host: str, port: int, setting: str = "SIGNET_PORT") -> socket.socket:
    """Return a socket that is bound to a port, 0 for any free one; `ServeError` if the port cannot be used."""
    listener = _socket()
    _bind([listener], host, port, setting)
    return listener


def _socket() -> socket.socket:
    """Return a socket for `_bind`, whose connections the kernel ends if their clients stop reading.

    Source: tcp(7), TCP_USER_TIMEOUT, which accepted connections inherit.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(0)
    if sys.platform == "linux":
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, WRITE_MILLISECONDS)
    return made


def _bind(listeners: Sequence[socket.socket], host: str, port: int, setting: str = "SIGNET_PORT") -> None:
    """Bind sockets to one port, among which the kernel shares out the connections; nobody else may have the port.

    Source: socket(7), SO_REUSEPORT. The first socket is bound without it: so it is refused if somebody has the port.
    """
    try:
        for listener in listeners:
            listener.bind((host, port))
            for each in listeners if len(listeners) > 1 else ():
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as error:
        raise ServeError(f"Port {port} on {host} cannot be used: {error.strerror}. Set {setting}.") from error


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
        until = time.monotonic() + _ENDING_SECONDS
        while not _is_taken(descriptor):
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            if _lives(holder) or time.monotonic() > until:
                raise ServeError(f"Process {holder} already serves {data}.")
            time.sleep(0.01)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lives(process: str) -> bool:
    """Tell whether a process is alive; one that was killed may have workers that are about to end."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True
