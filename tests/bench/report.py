"""Rows of figures: kept in build/bench.json, printed as one table, and copied into docs/performance.md.

`python -m tests.bench.report` prints the table, and with `--docs` puts it in the document.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import textwrap
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
KEPT, DOCUMENT = ROOT / "build" / "bench.json", ROOT / "docs" / "performance.md"
QUIET_LOAD = 2.0  # an average over a minute, to which what has just ended still belongs
BEGIN, END = "<!-- figures: make bench -->", "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure beside its peers'.

    Attributes:
        p50: of the latency in milliseconds, if it was measured; so is `p99`.
        peers: the same figure of others, by their names.
        more_is_better: whether a ratio is value to peer; else it is peer to value, so that above 1 is always better.
    """

    name: str
    value: float
    unit: str
    p50: float | None = None
    p99: float | None = None
    peers: dict[str, float] = field(default_factory=dict)
    more_is_better: bool = True

    def ratio(self, peer: str) -> float:
        """How much better Signet is than a peer; 0.5 is half as good."""
        pair = self.value, self.peers[peer]
        return pair[0] / pair[1] if self.more_is_better else pair[1] / pair[0]


def conditions() -> dict[str, Any]:
    """Under what a measure runs; `load` is the number of running processes before the run, over a minute."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "processor": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
    }


def keep(measure: str, under: dict[str, Any], rows: Sequence[Row]) -> None:
    """Keep the rows of a measure, after those of all others."""
    KEPT.parent.mkdir(exist_ok=True)
    ratios = [{"ratios": {peer: round(row.ratio(peer), 3) for peer in row.peers}} for row in rows]
    found = {**under, "rows": [asdict(row) | ratio for row, ratio in zip(rows, ratios, strict=True)]}
    others = {name: other for name, other in kept().items() if name != measure}
    KEPT.write_text(json.dumps(others | {measure: found}, indent=1) + "\n")


def kept() -> dict[str, Any]:
    """What was measured, by the name of the measure."""
    found: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return found


def table(measures: dict[str, Any]) -> str:
    """The table in Markdown, and below it the conditions."""
    lines = ["| measured | Signet | p50, ms | p99, ms | beside | ratio |", "| --- | ---: | ---: | ---: | --- | ---: |"]
    lines += [f"| {' | '.join(_cells(row))} |" for found in measures.values() for row in found["rows"]]
    return "\n\n".join(["\n".join(lines), *_conditions(measures)])


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    peers = ", ".join(f"{peer} {_number(value)}" for peer, value in row["peers"].items())
    ratios = ", ".join(f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}" for ratio in row["ratios"].values())
    times = (_number(row[name]) if row[name] is not None else "" for name in ("p50", "p99"))
    return row["name"], f"{_number(row['value'])} {row['unit']}".strip(), *times, peers, ratios


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _conditions(measures: dict[str, Any]) -> Iterator[str]:
    """Yield a paragraph for each set of conditions, with the measures that ran under it."""
    groups: dict[str, dict[str, Any]] = {}
    for name, found in measures.items():
        where = f"{found['cores']} cores of {found['processor']}, Python {found['python']}, commit {found['commit']}"
        groups.setdefault(where, {})[name] = found
    for where, ran in groups.items():
        times = sorted(found["measured"] for found in ran.values())
        loads = ", ".join(f"{name} {found['load']}" for name, found in ran.items())
        text = f"Measured from {times[0]} to {times[-1]} UTC: {where}. Load before the run: {loads}."
        if any(found["load"] > QUIET_LOAD for found in ran.values()):
            text += (
                " Other work kept the machine busy: only the ratios mean something, and they will be measured again."
            )
        yield textwrap.fill(text, 120)


def with_table(document: str, text: str) -> str:
    """A document with another table between its marks."""
    before, _, rest = document.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{DOCUMENT} has no marks {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def main() -> None:
    """Print the table, or put it in the document."""
    text = table(kept())
    if "--docs" in sys.argv[1:]:
        DOCUMENT.write_text(with_table(DOCUMENT.read_text(), text))
    else:
        print(text)


if __name__ == "__main__":
    main()
