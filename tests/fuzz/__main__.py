"""Fuzz from a seed on, or replay one: `python -m tests.fuzz [--cases 500000] [--seed N]`; exits with 1 on a finding.

Each home has a process of its own, and as many homes run at once as there are processors.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import secrets
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.fuzz.run import MOST_GROWN_BYTES, Report, as_json, run

FINDINGS = Path("build/fuzz")
HOME_CASES = 20_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int)
    parser.add_argument("--seed", type=int, help="replay this case; with --cases, begin there")
    chosen = parser.parse_args()
    cases = chosen.cases or (1 if chosen.seed is not None else 500_000)
    first = secrets.randbelow(1 << 40) if chosen.seed is None else chosen.seed
    print(f"seeds {first} to {first + cases - 1}", flush=True)
    starts = range(first, first + cases, HOME_CASES)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context, max_tasks_per_child=1) as pool:
        reports = pool.map(run, starts, [min(HOME_CASES, first + cases - start) for start in starts])
        return min(1, sum(map(_told, reports)))


def _told(report: Report) -> bool:
    """Print what a run saw, and keep its findings; True if there are any."""
    print(
        f"{report.cases} cases, {len(report.findings)} findings, {report.grown_bytes >> 20} MiB grown, "
        f"{report.cpu_seconds:.0f} s of CPU; the slowest took {report.slowest[0]:.2f} s, seed {report.slowest[1]}",
        flush=True,
    )
    for finding in report.findings:
        print(finding)
        FINDINGS.mkdir(parents=True, exist_ok=True)
        (FINDINGS / f"{finding.seed}.json").write_text(as_json(finding) + "\n")
    return bool(report.findings) or report.grown_bytes > MOST_GROWN_BYTES


if __name__ == "__main__":
    raise SystemExit(main())
