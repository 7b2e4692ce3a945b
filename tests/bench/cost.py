"""What the application does for one request, counted instead of timed: the same on any machine, however busy.

`python -m tests.bench.cost` counts, prints each figure beside the committed one, and commits to the new one in
`tests/bench/cost.json`; `python -m tests.bench.cost ISSUE` lists the functions that an operation calls most often.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import sqlite3
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.auth
import pytest

import app as signet_app
from chalicelib import logs
from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.local.application import Application
from chalicelib.local.gateway import Gateway
from chalicelib.runtime import from_settings
from tests.support.authority_steps import DAYS_30, active_root, fetch, issue
from tests.support.builders import CRL_CONFIGURATION, START, csr
from tests.support.client import client_for
from tests.support.ocsp_requests import ON, authority, request_for
from tests.support.rsgi import Key, Request, answered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from types import CodeType, FrameType

    from chalicelib.runtime import Runtime

COMMITTED = Path(__file__).with_name("cost.json")
TOLERANCE = 1.05
ROUNDS = 8
SIZED = 150  # certificates whose bytes on disk are measured
_ROOT = str(Path(__file__).resolve().parents[2])
_SIGNET = (f"{_ROOT}/chalicelib", f"{_ROOT}/app.py")
_SYNCS = {os.fsync, os.fdatasync}
_INLINED = {"<listcomp>", "<dictcomp>", "<setcomp>"}  # calls in Python 3.11 alone

_CSR = csr("leaf.example.com", dns_names=["leaf.example.com"])

Cost = dict[str, int]


class Counting:
    """Counts what Signet's code does in every thread that begins while this is `installed`."""

    def __init__(self) -> None:
        self.figures, self.callees = Counter[str](), Counter[str]()
        self._connections: list[sqlite3.Connection] = []
        self._is_signets: dict[CodeType, bool] = {}
        self._log = io.StringIO()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Count in this thread and in those that it starts, and on each connection to a database that they open."""
        handlers, level = logs.LOGGER.handlers[:], logs.LOGGER.level
        logs.configure("INFO", self._log)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite3, "connect", self._connect(sqlite3.connect))
            threading.setprofile(self._profile)
            sys.setprofile(self._profile)
            try:
                yield
            finally:
                sys.setprofile(None)
                threading.setprofile(None)
                logs.LOGGER.handlers[:] = handlers
                logs.LOGGER.setLevel(level)

    def of(self, act: Callable[[], Any]) -> Cost:
        """Count what a call does."""
        self.figures.clear()
        self.callees.clear()
        rows, lines = self._rows(), self._lines()
        act()
        found = dict(self.figures)
        return found | {"rows": self._rows() - rows, "log lines": self._lines() - lines}

    def _rows(self) -> int:
        total = 0
        for each in self._connections:
            with suppress(sqlite3.ProgrammingError):  # it is closed
                total += each.total_changes
        return total

    def _lines(self) -> int:
        return self._log.getvalue().count("\n")

    def _connect(self, connect: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
        def counted(*args: Any, **more: Any) -> sqlite3.Connection:
            connection = connect(*args, **more)
            connection.set_trace_callback(self._statements())
            self._connections.append(connection)
            return connection

        return counted

    def _statements(self) -> Callable[[str], None]:
        """Count the statements of a connection, and its commits that wait for the disk."""
        synced = True

        def count(sql: str) -> None:
            nonlocal synced
            if sql.startswith("PRAGMA synchronous ="):
                synced = sql.endswith("FULL")
            self.figures["statements"] += 1
            self.figures["commits"] += sql == "COMMIT"
            self.figures["synced commits"] += synced and sql == "COMMIT"

        return count

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        """Count a call that Signet's code makes: of a function in Python, of one in C, or of a generator again."""
        if event == "call":
            caller, name = frame.f_back, frame.f_code.co_qualname
            if frame.f_code.co_name in _INLINED:
                return
        elif event == "c_call":
            caller, name = frame, getattr(argument, "__qualname__", "")
            if argument in _SYNCS:
                self.figures["fsyncs"] += 1
        else:
            return
        if caller is not None and self._is_of_signet(caller.f_code):
            self.figures["calls"] += 1
            self.callees[name] += 1

    def _is_of_signet(self, code: CodeType) -> bool:
        if code not in self._is_signets:
            self._is_signets[code] = code.co_filename.startswith(_SIGNET)
        return self._is_signets[code]


class World:
    """A home with an ACTIVE root, and its application in this process."""

    def __init__(self, work: Path, counting: Counting) -> None:
        self.rt: Runtime = replace(from_settings(Settings(data=str(work / "home"))), now=lambda: START)
        root = access_keys.ensure_root_key(self.rt)
        self._key = Key(root.access_key_id, root.secret)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(botocore.auth, "get_current_datetime", _start)
            client = client_for(self.rt)
            self.arn = active_root(client, RevocationConfiguration=CRL_CONFIGURATION | ON)
            self.leaf_arn = issue(client, self.arn)
            self._issuer = authority(client, self.arn)
            self._leaf = fetch(client, self.arn, self.leaf_arn)
        self._counting, self._work = counting, work
        self._application = Application(self.rt, Gateway(signet_app.app))
        self._loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1)  # a test of the browser may have left a loop in this one
        self.requests = {
            "IssueCertificate": lambda: self._signed("IssueCertificate", self._order()),
            "GetCertificate": lambda: self._signed("GetCertificate", {"CertificateArn": self.leaf_arn}),
            "OCSP, a new answer": lambda: self._ocsp(os.urandom(16)),
            "OCSP, a cached answer": lambda: self._ocsp(None),
        }

    def cost(self, name: str) -> Cost:
        """The least that a request costs in a few rounds: a round may start a thread or collect garbage."""
        costs = [self._counted(name) for _ in range(ROUNDS)]
        least = {figure: min(cost.get(figure, 0) for cost in costs) for cost in costs for figure in cost}
        if name == "IssueCertificate":
            least["bytes on disk"] = self._bytes_each()
        return {figure: value for figure, value in sorted(least.items()) if value}

    def _counted(self, name: str) -> Cost:
        request = self.requests[name]()
        return self._counting.of(lambda: self._send(request))

    def _send(self, request: Request) -> None:
        answering = answered(self._application, request)
        answer = self._thread.submit(self._loop.run_until_complete, answering).result()
        assert answer.status == 200, answer

    def _bytes_each(self) -> int:
        """What a certificate adds to the database, without free pages."""
        sizes = []
        for count in (0, SIZED):
            for _ in range(count):
                self._send(self.requests["IssueCertificate"]())
            copy = self._work / f"{count}.db"
            with closing(sqlite3.connect(self.rt.settings.data_path / "signet.db")) as connection:
                connection.execute("VACUUM INTO ?", (str(copy),))
            sizes.append(copy.stat().st_size)
        return (sizes[1] - sizes[0]) // SIZED

    def _signed(self, operation: str, members: dict[str, Any]) -> Request:
        headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", f"ACMPrivateCA.{operation}")]
        body = json.dumps(members | {"CertificateAuthorityArn": self.arn}).encode()
        return self._key.signed(Request("POST", "/", "", headers, body))

    def _order(self) -> dict[str, Any]:
        return {"Csr": base64.b64encode(_CSR).decode(), "SigningAlgorithm": "SHA256WITHECDSA", "Validity": DAYS_30}

    def _ocsp(self, nonce: bytes | None) -> Request:
        headers = [("content-type", "application/ocsp-request")]
        return Request("POST", "/ocsp", "", headers, request_for(self._leaf, self._issuer, nonce=nonce))

    def close(self) -> None:
        """End the threads."""
        self._application.close()
        self._thread.shutdown()
        self._loop.close()


def _start(*, remove_tzinfo: bool = True) -> datetime:
    return START.replace(tzinfo=None) if remove_tzinfo else START


@contextmanager
def world(work: Path) -> Iterator[tuple[World, Counting]]:
    """A home whose work is counted."""
    counting = Counting()
    with counting.installed():
        made = World(work, counting)
        try:
            yield made, counting
        finally:
            made.close()


def measure(work: Path) -> dict[str, Cost]:
    """The cost of each request."""
    with world(work) as (made, _):
        return {name: made.cost(name) for name in made.requests}


def committed() -> dict[str, Cost]:
    """The figures that a change may not exceed."""
    found: dict[str, Cost] = json.loads(COMMITTED.read_text())
    return found


def excesses(found: dict[str, Cost], limits: dict[str, Cost]) -> list[str]:
    """List the figures that exceed the committed ones by more than the tolerance; each is a sentence."""
    return [
        f"{name}: {value:,} {figure}, and {limits.get(name, {}).get(figure, 0):,} are committed."
        for name, cost in found.items()
        for figure, value in cost.items()
        if value > TOLERANCE * limits.get(name, {}).get(figure, 0)
    ]


def _show(found: dict[str, Cost], before: dict[str, Cost]) -> None:
    for name, cost in found.items():
        for figure in sorted(cost | before.get(name, {})):
            print(f"{name:24} {figure:14} {before.get(name, {}).get(figure, 0):8,} -> {cost.get(figure, 0):8,}")


def _show_callees(work: Path, name: str) -> None:
    with world(work) as (made, counting):
        made.cost(name)
        made._counted(name)
        for callee, times in counting.callees.most_common(60):
            print(f"{times:6} {callee}")


def main() -> None:
    """Print the figures and commit to them, or list what one operation calls."""
    with tempfile.TemporaryDirectory() as work:
        if len(sys.argv) > 1:
            return _show_callees(Path(work), sys.argv[1])
        found = measure(Path(work))
    _show(found, committed() if COMMITTED.exists() else {})
    COMMITTED.write_text(json.dumps(found, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
