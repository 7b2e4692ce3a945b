"""What the probes found, by operation: in the terminal and as Markdown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OUTCOMES = ("passed", "failed", "skipped")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a probe; `outcome` is passed, failed or skipped."""

    probe: str
    operation: str
    source: str
    outcome: str
    why: str

    @property
    def inferred(self) -> bool:
        """Whether no source proves the expected answer."""
        return self.source.startswith("inferred")


def results(stats: dict[str, list[Any]]) -> list[Result]:
    """Return the results of pytest's reports; a fixture that fails has failed the probe."""
    found: dict[str, Result] = {}
    for outcome in ("passed", "skipped", "failed", "error"):
        for each in stats.get(outcome, []):
            about = dict(getattr(each, "user_properties", ()))
            if "operation" in about and (outcome != "passed" or each.when == "call"):
                name = each.nodeid.rpartition("/")[2]
                told = "failed" if outcome == "error" else outcome
                found[name] = Result(name, about["operation"], about["source"], told, _why(each))
    return sorted(found.values(), key=lambda result: (result.operation, result.probe))


def _why(each: Any) -> str:
    if isinstance(each.longrepr, tuple):  # a skip: path, line and reason
        return str(each.longrepr[2])
    crash = getattr(each.longrepr, "reprcrash", None)
    return str(crash.message if crash else each.longrepr or "").strip()[:_LONGEST]


def counts(found: list[Result]) -> dict[str, Counter[str]]:
    """Return for each operation how many probes passed, failed and were skipped."""
    counted: dict[str, Counter[str]] = {}
    for result in found:
        counted.setdefault(result.operation, Counter())[result.outcome] += 1
    return counted


def summary(found: list[Result]) -> list[str]:
    """Return lines for the terminal; what is inferred is counted apart."""
    lines = []
    for name, chosen in (("proven", False), ("inferred", True)):
        total = Counter(result.outcome for result in found if result.inferred == chosen)
        told = ", ".join(f"{total[outcome]} {outcome}" for outcome in _OUTCOMES)
        lines.append(f"conformance, {name} facts: {total.total()} probes, {told}")
    return lines


def write(path: str, endpoint: str, found: list[Result]) -> None:
    """Write a table by operation, and the failures with their sources."""
    lines = [f"# Conformance of {endpoint}", "", *(f"- {line}" for line in summary(found)), ""]
    lines += ["| operation | passed | failed | skipped |", "| --- | ---: | ---: | ---: |"]
    for operation, counted in counts(found).items():
        lines.append(f"| {operation} | {' | '.join(str(counted[outcome]) for outcome in _OUTCOMES)} |")
    for title, chosen in (("Failed", False), ("Failed, where the expected answer is inferred", True)):
        failed = [each for each in found if each.outcome == "failed" and each.inferred == chosen]
        lines += ["", f"## {title}", ""]
        lines += [f"- `{each.probe}`: {cell(each.why)} ({each.source})" for each in failed] or ["None."]
    Path(path).write_text("\n".join(lines) + "\n", "utf-8")


def cell(text: str) -> str:
    """Return text as one line that a table of Markdown can hold."""
    return " ".join(text.split()).replace("|", r"\|")
