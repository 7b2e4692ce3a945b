"""The workers of a laptop home's server: their processes, and connections to each of them."""

from __future__ import annotations

import http.client
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from socket import inet_ntoa
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.home import Home

SECONDS = 20


def workers_of(home: Home) -> list[int]:
    """The processes below the supervisor, in the order of their start."""
    assert home.process is not None
    process = home.process.pid
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def wait_until(is_so: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    until = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def are_serving(home: Home, count: int) -> bool:
    """Whether this many workers accept connections: each has a copy of the listening socket of its own."""
    listening = _sockets(home.port, "0A")
    held = [[each for each in _descriptors(worker) if each in listening] for worker in workers_of(home)]
    return len(held) == count and all(len(each) > 1 for each in held)


@contextmanager
def connections(home: Home, count: int) -> Iterator[list[http.client.HTTPConnection]]:
    """A connection to each worker."""
    wait_until(lambda: are_serving(home, count), f"{count} workers accept connections")
    found: dict[int, http.client.HTTPConnection] = {}
    until = time.monotonic() + SECONDS
    with ExitStack() as opened:
        while len(found) < count:
            assert time.monotonic() < until, f"no connection to some of {count} workers: {found.keys()}"
            made = [http.client.HTTPConnection("127.0.0.1", home.port, timeout=20) for _ in range(16)]
            for connection in made:
                opened.callback(connection.close)
                connection.connect()
            found |= {_worker_of(home, connection): connection for connection in made}
        yield list(found.values())


def _worker_of(home: Home, connection: http.client.HTTPConnection) -> int:
    """The worker that has accepted a connection."""
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    socket = _sockets(home.port, "01", connection.sock.getsockname()[1])
    return next(worker for worker in workers_of(home) if socket.intersection(_descriptors(worker)))


def listening_at(process: int) -> set[str]:
    """The addresses at which a process accepts connections."""
    own = set(_descriptors(process))
    found = [row[1].partition(":")[0] for row in _tcp_rows() if row[3] == "0A" and row[9] in own]
    return {inet_ntoa(bytes.fromhex(address)[::-1]) for address in found}


def _sockets(port: int, state: str, other: int = 0) -> set[str]:
    """The inodes of sockets of a port, by their state and the port of the other end."""
    ends = f"0100007F:{port:04X}", f":{other:04X}"
    return {row[9] for row in _tcp_rows() if row[1] == ends[0] and row[2].endswith(ends[1]) and row[3] == state}


def _tcp_rows() -> list[list[str]]:
    """The sockets of all processes. Source: proc(5), /proc/net/tcp."""
    return [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]


def _descriptors(process: int) -> list[str]:
    """The inodes of the sockets of a process, one for each descriptor."""
    names = []
    for each in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            names.append(str(each.readlink()))
    return [name[8:-1] for name in names if name.startswith("socket:[")]
