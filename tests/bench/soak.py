"""A laptop home under 16 clients for as long as asked: what grows without bound, and does the time of an answer?

`python -m tests.bench.soak --minutes 30` prints a row for each tenth of the time: answers, the 50th and 99th percentile
of IssueCertificate, resident memory, open descriptors, and the sizes of the write-ahead log, of the logs and of the
database. It fails if a bound is broken.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
import urllib.request
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.config import Settings
from tests.bench import load
from tests.support.authority_steps import active_root, fetch, issue
from tests.support.builders import csr
from tests.support.home import Home
from tests.support.revocations import revoke

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CLIENTS, ROWS = 16, 10
MEGABYTE = 1 << 20
WAL_MEGABYTES = 64
GROWTH = 1.25  # of memory and descriptors from the middle of the time to its end
SLOWER = 2.0  # of the 99th percentile in the same time


class Row(NamedTuple):
    """What a tenth of the time was like; sizes in MB, times in milliseconds."""

    answers: int
    failed: int
    p50: float
    p99: float
    memory: float
    descriptors: int
    wal: float
    logs: float
    database: float


class Soak:
    """The clients, and what they measured since the last row."""

    def __init__(self, home: Home) -> None:
        self._home, self._ends = home, Counter[str]()
        self._times: list[float] = []
        self._stopping, self._turn = threading.Event(), threading.Lock()
        self._arn = active_root(home.client())

    def start(self) -> list[threading.Thread]:
        """Start the clients."""
        threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def stop(self) -> None:
        """Let the clients end."""
        self._stopping.set()

    def _work(self, number: int) -> None:
        client, request, crl = self._home.client(), csr(), f"crl/{self._arn.rsplit('/', 1)[1]}.crl"
        while not self._stopping.is_set():
            number += 1
            made = self._timed(lambda: issue(client, self._arn, Csr=request))
            if made and number % 4 == 0:
                self._timed(lambda made=made: fetch(client, self._arn, made), is_issue=False)  # type: ignore[misc]
            if made and number % 5 == 0:
                self._timed(lambda made=made: revoke(client, self._arn, made), is_issue=False)  # type: ignore[misc]
            if number % 10 == 0:
                self._timed(
                    lambda: urllib.request.urlopen(f"{self._home.url}/crl-bucket/{crl}", timeout=10).read(),
                    is_issue=False,
                )

    def _timed(self, act: Callable[[], Any], *, is_issue: bool = True) -> Any:
        began = time.monotonic()
        try:
            found = act()
        except Exception as error:  # noqa: BLE001  counted
            found = None
            end = type(error).__name__
        else:
            end = "ok"
        with self._turn:
            self._ends[end] += 1
            if is_issue and end == "ok":
                self._times.append(1000 * (time.monotonic() - began))
        return found

    def row(self) -> Row:
        """Measure, and begin the next row."""
        with self._turn:
            ends, times = self._ends, self._times
            self._ends, self._times = Counter(), []
        cuts = quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
        data, process = self._home.data, self._home.process
        assert process is not None
        return Row(
            answers=ends.total(),
            failed=ends.total() - ends["ok"],
            p50=cuts[49],
            p99=cuts[98],
            memory=load.resident(process.pid),
            descriptors=max(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in load.processes(process.pid)),
            wal=_megabytes([data / "signet.db-wal"]),
            logs=_megabytes([*data.glob("*.log*"), *(data / "audit").glob("*")]),
            database=_megabytes([data / "signet.db"]),
        )


def _megabytes(paths: Sequence[Path]) -> float:
    return sum(path.stat().st_size for path in paths if path.exists()) / MEGABYTE


def broken(rows: Sequence[Row], logs_megabytes: float) -> list[str]:
    """List the bounds that the rows break; the first half of the time fills caches."""
    middle, last = rows[len(rows) // 2], rows[-1]
    bounds = {
        "memory": (last.memory, GROWTH * middle.memory),
        "descriptors": (last.descriptors, GROWTH * middle.descriptors),
        "99th percentile": (last.p99, SLOWER * middle.p99),
        "write-ahead log": (max(row.wal for row in rows), WAL_MEGABYTES),
        "logs": (max(row.logs for row in rows), logs_megabytes),
        "failed calls": (sum(row.failed for row in rows), 0),
    }
    return [f"{name}: {value:.1f} is above {most:.1f}" for name, (value, most) in bounds.items() if value > most]


def main() -> int:
    """Print the rows; returns 1 if a bound is broken."""
    parser = ArgumentParser(prog="python -m tests.bench.soak")
    parser.add_argument("--minutes", type=float, default=30)
    seconds = 60 * parser.parse_args().minutes / ROWS
    with tempfile.TemporaryDirectory(prefix="signet-soak-") as directory:
        home = Home(Path(directory, "home"))
        home.start()
        settings = Settings.from_env(home.environment)
        soak, rows = Soak(home), list[Row]()
        threads = soak.start()
        print("  ".join(f"{name:>11}" for name in Row._fields), flush=True)
        for _ in range(ROWS):
            time.sleep(seconds)
            rows.append(soak.row())
            print("  ".join(f"{value:11.1f}" for value in rows[-1]), flush=True)
        soak.stop()
        for thread in threads:
            thread.join()
        home.stop()
    most = 2 * int(settings.log_file_megabytes) * int(settings.log_files)  # the log, and that of OCSP
    problems = broken(rows, most + int(settings.audit_file_megabytes) * int(settings.audit_files))
    print("\n".join(problems) or "Every bound holds.")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
