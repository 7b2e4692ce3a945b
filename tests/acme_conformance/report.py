"""What the cases found, by section: in the terminal and as Markdown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acme_conformance.rfc import LEVELS, TITLES

_OUTCOMES = ("passed", "failed", "skipped")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case; `outcome` is passed, failed or skipped."""

    case: str
    group: str
    level: str
    sentence: str
    outcome: str
    why: str


def results(stats: dict[str, list[Any]]) -> list[Result]:
    """Return the results of pytest's reports; a fixture that fails has failed the case."""
    found: dict[str, Result] = {}
    for outcome in ("passed", "skipped", "failed", "error"):
        for each in stats.get(outcome, []):
            about = dict(getattr(each, "user_properties", ()))
            if "group" in about and (outcome != "passed" or each.when == "call"):
                name = each.nodeid.rpartition("/")[2]
                told = "failed" if outcome == "error" else outcome
                found[name] = Result(name, about["group"], about["level"], about["source"], told, _why(each))
    order = list(TITLES)
    return sorted(found.values(), key=lambda result: (order.index(result.group), result.case))


def _why(each: Any) -> str:
    if isinstance(each.longrepr, tuple):  # a skip: path, line and reason
        return str(each.longrepr[2])
    crash = getattr(each.longrepr, "reprcrash", None)
    return str(crash.message if crash else each.longrepr or "").partition("\n")[0].strip()[:_LONGEST]


def summary(found: list[Result]) -> list[str]:
    """Return a line for each level."""
    lines = []
    for level in LEVELS:
        total = Counter(result.outcome for result in found if result.level == level)
        told = ", ".join(f"{total[outcome]} {outcome}" for outcome in _OUTCOMES)
        lines.append(f"acme, {level}: {total.total()} cases, {told}")
    return lines


def write(path: str, directory: str, found: list[Result]) -> None:
    """Write a table by section, and the failures with their sentences."""
    lines = [f"# Conformance of {directory}", "", *(f"- {line}" for line in summary(found)), ""]
    lines += ["| section | passed | failed | skipped |", "| --- | ---: | ---: | ---: |"]
    for group, title in TITLES.items():
        counted = Counter(result.outcome for result in found if result.group == group)
        if counted:
            lines.append(f"| {group} {title} | {' | '.join(str(counted[each]) for each in _OUTCOMES)} |")
    for outcome in ("failed", "skipped"):
        lines += ["", f"## {outcome.capitalize()}", ""]
        chosen = [each for each in found if each.outcome == outcome]
        lines += [f"- `{e.case}`: {cell(e.why)} ({e.group}, {e.level}: {e.sentence})" for e in chosen] or ["None."]
    Path(path).write_text("\n".join(lines) + "\n", "utf-8")


def cell(text: str) -> str:
    """Return text as one line that a table of Markdown can hold."""
    return " ".join(text.split()).replace("|", r"\|")
