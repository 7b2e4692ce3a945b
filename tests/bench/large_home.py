"""A home from its start to many certificates: memory, bytes on disk, rate, and what reads all of them."""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from chalicelib.config import Settings
from chalicelib.reports import audit_report_writer
from chalicelib.runtime import from_settings
from tests.bench import load, over_http
from tests.bench.report import ROOT, Row
from tests.support import audit_reports
from tests.support.builders import CRL_CONFIGURATION
from tests.support.client import client_for
from tests.support.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bench.load import Load, Server
    from tests.bench.sizes import Sizes

FEW, CLIENTS, FILLING = 1_000, 4, 16
_IMPORT = "import time; begun = time.process_time(); import app; print(1000 * (time.process_time() - begun))"


def large_home(work: Path, sizes: Sizes) -> list[Row]:
    """Issue certificates until the home has as many as asked."""
    home = Home(work / "home")
    rows = [
        Row("start of the server, to its first answer", _seconds(home.start), "s"),
        Row("import of app.py: processor time", _import_milliseconds(), "ms"),
    ]
    try:
        arn, found = _filled(home, sizes)
    finally:
        home.stop()
    return [*rows, *found, *_audit_report(home, arn, sizes)]


def _filled(home: Home, sizes: Sizes) -> tuple[str, list[Row]]:
    """What many certificates do to the server's memory, to the disk, and to the rate."""
    assert home.process is not None
    many, idle = f"{sizes.certificates:,} certificates", load.resident(home.process.pid)
    arn = over_http.root_of(home.client(), "P-256", CRL_CONFIGURATION)
    server, empty = over_http.signet_at(home, over_http.orders(arn, over_http.csrs(), "P-256")), _bytes(home)
    few, have = _issued(server, sizes, 0, FEW)
    late, have = _issued(server, sizes, have, sizes.certificates)
    database, all_files = ((after - before) / have for after, before in zip(_bytes(home), empty, strict=True))
    full, status = load.resident(home.process.pid), _seconds(lambda: home.signet("status"))
    early = {f"with {FEW:,}": few.per_second}
    return arn, [
        Row(f"memory of the largest process, {many}", full, "MB", peers={"idle": idle}, more_is_better=False),
        Row(f"database, for each of {many}", database, "bytes"),
        Row(f"all files of a home, for each of {many}", all_files, "bytes"),
        Row(f"issue, P-256, {CLIENTS} clients, {many}", late.per_second, "/s", late.p50, late.p99, early),
        Row(f"`signet status`, {many}", status, "s"),
    ]


def _issued(server: Server, sizes: Sizes, have: float, wanted: int) -> tuple[Load, float]:
    """Issue until there are as many certificates as wanted; the load from then on, and their number after it."""
    while have < wanted:
        have += load.run(server, clients=FILLING, seconds=min(10, 1 + int(wanted - have) // 1_000)).answers
    found = load.run(server, clients=CLIENTS, seconds=sizes.seconds * sizes.rounds)
    return found, have + found.answers


def _bytes(home: Home) -> tuple[int, int]:
    """The bytes of the database, its log included, and those of all files."""
    with closing(sqlite3.connect(f"file:{home.data / 'signet.db'}?mode=ro", uri=True)) as connection:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    others = [path for path in home.data.rglob("*") if path.is_file() and not path.name.startswith("signet.db")]
    return pages * size, pages * size + sum(path.stat().st_size for path in others)


def _audit_report(home: Home, arn: str, sizes: Sizes) -> list[Row]:
    """An audit report of all certificates, as the schedule writes it."""
    rt = from_settings(Settings(data=str(home.data)))
    asked = audit_reports.ask(client_for(rt), arn)
    seconds = _seconds(lambda: audit_report_writer.write_due_reports(rt))
    report = rt.buckets.get("reports", asked["S3Key"])
    assert report is not None
    return [
        Row(f"audit report, {sizes.certificates:,} certificates", seconds, "s"),
        Row(f"audit report, {sizes.certificates:,} certificates: size", len(report.body) / 1e6, "MB"),
    ]


def _import_milliseconds() -> float:
    """The median of a few processes that import what a Lambda function begins with."""
    found = [
        subprocess.run([sys.executable, "-c", _IMPORT], cwd=ROOT, check=True, capture_output=True) for _ in range(7)
    ]
    return statistics.median(float(each.stdout) for each in found)


def _seconds(act: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun
