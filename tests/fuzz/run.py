"""The run: one request after the other, each from the next seed, and what may not happen."""

from __future__ import annotations

import asyncio
import base64
import ctypes
import gc
import json
import logging
import resource
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from chalicelib import errors, logs
from chalicelib.local import gateway
from tests.fuzz import requests
from tests.fuzz.target import Target
from tests.support.rsgi import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPTED = {200, 303}
MOST_CPU_SECONDS = 1.0  # for one request, of this process: of any thread
WARM_CASES = 2_000  # until every module is imported and the caches have begun to fill
MOST_GROWN_BYTES = 64 << 20  # of the process, from then on
_ERRORS = {
    *(found.__name__ for found in vars(errors).values() if isinstance(found, type)),
    *(code for code, _ in gateway._REFUSALS.values()),
}
_OCSP_FAILURES = (b"\x30\x03\x0a\x01\x02", b"\x30\x03\x0a\x01\x03")  # internalError, tryLater


@dataclass
class Finding:
    """What must not happen, and the seed that makes it happen again."""

    seed: int
    kind: str
    reason: str
    request: Request

    def __str__(self) -> str:
        shown = self.request._replace(body=self.request.body[:300])
        return f"{self.kind}: {self.reason}; replay with make fuzz SEED={self.seed}\n  {shown!r:.1500}"


@dataclass
class Report:
    """What a run saw."""

    cases: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)
    grown_bytes: int = 0
    cpu_seconds: float = 0.0


class _Failures(logging.Handler):
    """Keeps the tracebacks that are logged: an answer may hide a failure."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.found.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


def run(first_seed: int, cases: int) -> Report:
    """Run cases from consecutive seeds against one home."""
    failures, report = _Failures(), Report()
    begun = time.process_time()
    with (
        _logging_to(failures),
        ThreadPoolExecutor(1) as thread,
    ):  # a test of the browser may have left a loop in this one
        thread.submit(asyncio.run, _run(range(first_seed, first_seed + cases), failures, report)).result()
    report.cpu_seconds = time.process_time() - begun
    return report


def kinds_refused_at_the_door(most: int) -> list[str]:
    """Send requests of each kind to one home until one is accepted; the kinds of which `most` requests were refused."""

    async def gets_in(kind: requests.Kind, target: Target) -> bool:
        for seed in range(most):
            if (await target.answer(kind(Random(seed), target))).status in ACCEPTED:
                return True
        return False

    async def refused() -> list[str]:
        target = Target()
        # A pending CA takes one certificate, which another kind must not bring first.
        kinds = sorted(requests.KINDS, key=lambda kind: kind is not requests.certificates)
        try:
            return [kind.__name__ for kind in kinds if not await gets_in(kind, target)]
        finally:
            target.close()

    with _logging_to(_Failures()), ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, refused()).result()


@contextmanager
def _logging_to(failures: _Failures) -> Iterator[None]:
    kept, propagate = list(logs.LOGGER.handlers), logs.LOGGER.propagate
    logs.LOGGER.handlers[:], logs.LOGGER.propagate = [failures], False
    try:
        yield
    finally:
        logs.LOGGER.handlers[:], logs.LOGGER.propagate = kept, propagate


async def _run(seeds: range, failures: _Failures, report: Report) -> None:
    target, at_first = Target(), 0
    failures.found.clear()
    try:
        for seed in seeds:
            await _case(seed, target, failures, report)
            if report.cases == WARM_CASES:
                at_first = resident_bytes()
        report.grown_bytes = resident_bytes() - at_first if at_first else 0
    finally:
        target.close()


async def _case(seed: int, target: Target, failures: _Failures, report: Report) -> None:
    kind, request = requests.of_seed(Random(seed), target)
    begun = time.process_time()
    try:
        answer = await target.answer(request)
    except Exception as error:  # noqa: BLE001  the finding
        answer = Answer(500, {}, repr(error).encode())
    spent = time.process_time() - begun
    report.cases += 1
    report.statuses[f"{kind} {answer.status}"] += 1
    report.slowest = max(report.slowest, (spent, seed))
    for reason in [*_wrong(answer), *failures.found, *([f"{spent:.1f} s of CPU"] if spent > MOST_CPU_SECONDS else [])]:
        report.findings.append(Finding(seed, kind, reason, request))
    failures.found.clear()


def _wrong(answer: Answer) -> list[str]:
    wrong = []
    if not 200 <= answer.status < 500:
        wrong.append(f"status {answer.status}: {answer.body[:200]!r}")
    kind = answer.headers.get("content-type", "")
    if kind == "application/ocsp-response" and answer.body.startswith(_OCSP_FAILURES):
        wrong.append(f"OCSP fails: {answer.body.hex()}")
    if "json" in kind and answer.status >= 400 and answer.body and json.loads(answer.body)["__type"] not in _ERRORS:
        wrong.append(f"unknown error: {answer.body[:200]!r}")
    return wrong


def resident_bytes() -> int:
    """The memory of this process, less what glibc keeps for itself; elsewhere than on Linux the most it ever had."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # each thread has an arena, and arenas fragment
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def as_json(finding: Finding) -> str:
    """A finding with its whole request."""
    method, path, query, headers, body = finding.request
    return json.dumps(
        {
            "seed": finding.seed,
            "kind": finding.kind,
            "reason": finding.reason,
            "request": [method, path, query, headers, base64.b64encode(body).decode()],
        }
    )
