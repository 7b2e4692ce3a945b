"""Fuzz from a seed on, or replay one: `python -m tests.fuzz [--cases 500000] [--seed N]`; exits with 1 on a finding."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from tests.fuzz.run import MOST_GROWN_BYTES, Report, as_json, run

FINDINGS = Path("build/fuzz")


def _progress(report: Report) -> None:
    print(f"{report.cases} cases, {len(report.findings)} findings, {report.grown_bytes >> 20} MiB grown", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int)
    parser.add_argument("--seed", type=int, help="replay this case; with --cases, begin there")
    chosen = parser.parse_args()
    cases = chosen.cases or (1 if chosen.seed is not None else 500_000)
    first = secrets.randbelow(1 << 40) if chosen.seed is None else chosen.seed
    print(f"seeds {first} to {first + cases - 1}")
    report = run(first, cases, progress=_progress)
    for name, count in sorted(report.statuses.items()):
        print(f"  {name}: {count}")
    print(f"{report.cpu_seconds:.0f} s of CPU; the slowest case: {report.slowest[0]:.2f} s, seed {report.slowest[1]}")
    if report.findings:
        FINDINGS.mkdir(parents=True, exist_ok=True)
    for finding in report.findings:
        print(finding)
        (FINDINGS / f"{finding.seed}.json").write_text(as_json(finding) + "\n")
    return 1 if report.findings or report.grown_bytes > MOST_GROWN_BYTES else 0


if __name__ == "__main__":
    raise SystemExit(main())
