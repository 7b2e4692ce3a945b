"""The load generator of all measures over HTTP: wrk, which sends a pool of requests in turn on connections it keeps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.support.rsgi import Key, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.support.home import Home

SCRIPT = Path(__file__).with_name("wrk.lua")
_TIMEOUT_SECONDS = 60  # moto takes seconds if many ask
_NEEDED = {"wrk": "wrk", "cfssl": "golang-cfssl", "openssl": "openssl"}


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured, and the processor time of the server; times in milliseconds."""

    answers: float
    per_second: float
    p50: float
    p99: float
    cpu: float = 0.0  # for each answer


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load; `pool` makes requests that are signed now."""

    port: int
    process: int
    pool: Callable[[], Sequence[bytes]]


def missing() -> str:
    """A sentence that says which programs to install; empty if all are here."""
    packages = [package for program, package in _NEEDED.items() if shutil.which(program) is None]
    return f"make bench needs {' and '.join(packages)}: apt-get install {' '.join(packages)}." if packages else ""


def run(server: Server, *, clients: int, seconds: int) -> Load:
    """Send the pool of a server for some seconds; every answer has to be a success.

    Raises:
        RuntimeError: the server refused a request or did not answer it.
    """
    pool, before = server.pool(), cpu_seconds(server.process)
    with tempfile.TemporaryDirectory() as directory:
        for number, message in enumerate(pool):
            Path(directory, str(number)).write_bytes(message)
        url = f"http://127.0.0.1:{server.port}"
        options = (f"-c{clients}", "-t1", f"-d{seconds}s", f"--timeout={_TIMEOUT_SECONDS}s", "-s", str(SCRIPT))
        words = ("wrk", *options, url, "--", directory, str(len(pool)))
        printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found = json.loads(printed.splitlines()[-1])
    if found["refused"] or found["failed"] or not found["answers"]:
        raise RuntimeError(f"{words} met refusals: {found}")
    cpu = 1000 * (cpu_seconds(server.process) - before) / found["answers"]
    return Load(found["answers"], found["answers"] / found["seconds"], found["p50"], found["p99"], cpu)


def in_turn(servers: Sequence[Server], *, clients: int, seconds: int, rounds: int) -> list[Load]:
    """Load several servers in turn, so that all see the same machine; the median of each figure over the rounds."""
    loads = [[run(server, clients=clients, seconds=seconds) for server in servers] for _ in range(rounds)]
    return [middle(list(each)) for each in zip(*loads, strict=True)]


def middle(loads: Sequence[Load]) -> Load:
    """The median of each figure."""
    return Load(*(median(getattr(each, name) for each in loads) for name in Load.__slots__))


def message(port: int, path: str, body: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """A POST as it goes over the wire."""
    lines = {"host": f"127.0.0.1:{port}", **dict(headers), "content-length": str(len(body))}
    head = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()), "", ""]
    return "\r\n".join(head).encode() + body


def key_of(home: Home) -> Key:
    """The access key of a home."""
    exports = home.exports()
    return Key(exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])


def signed(key: Key, port: int, operation: str, members: dict[str, Any]) -> bytes:
    """A request of AWS JSON 1.1 that is valid for five minutes from now."""
    headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", f"ACMPrivateCA.{operation}")]
    request = Request("POST", "/", "", headers, json.dumps(members).encode())
    made = key.signed(request, at=datetime.now(UTC), host=f"127.0.0.1:{port}")
    return message(port, "/", made.body, made.headers)


def processes(process: int) -> list[int]:
    """A process and those below it."""
    children = [int(each) for task in Path(f"/proc/{process}/task").iterdir() for each in _children(task)]
    return [process, *(below for child in children for below in processes(child))]


def _children(task: Path) -> list[str]:
    """The processes that a thread has begun; none if it has just ended."""
    with suppress(FileNotFoundError):
        return (task / "children").read_text().split()
    return []


def cpu_seconds(process: int) -> float:
    """Processor time of a process and of those below it."""
    total = 0
    for each in processes(process):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> float:
    """Resident memory in MB, of the largest process."""
    found = [Path(f"/proc/{each}/status").read_text() for each in processes(process)]
    return max(int(status.partition("VmRSS:")[2].split()[0]) / 1024 for status in found)
