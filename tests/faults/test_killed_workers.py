"""Several processes work in one home, and one after the other is killed: no invariant is broken."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.faults.invariants import breaches
from tests.faults.workers import Record
from tests.faults.world import World, copy_home, make_home
from tests.support.home import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.laptop, pytest.mark.slow]
KILLS = 25  # of a home
HAPPENING = ("certificate", "revocation", "put", "tagged")  # in some home


@pytest.mark.parametrize("processes", [2, 3])
def test_killed_workers_break_no_invariant(
    request: pytest.FixtureRequest, tmp_path: Path, record_property: Callable[[str, object], None], processes: int
) -> None:
    names = make_home(tmp_path / "template")
    counts = Counter[str]()
    homes = 20 if request.config.getoption("--whole") else 2
    for seed in range(10 * homes):
        if seed >= homes and all(counts[each] for each in HAPPENING):
            break
        assert found(tmp_path, names["root"], seed, processes) == [], f"seed {seed}"
        counts += Counter(line[0] for line in Record(tmp_path / f"record-{seed}").lines())
    assert all(counts[each] for each in HAPPENING)
    record_property(
        "killed workers",
        f"{counts['time'] * KILLS} schedules of {processes} processes, {counts['certificate']} certificates, "
        f"{counts['revocation']} revocations, {counts['put']} CRLs, {counts['tagged']} tags, 0 breaches",
    )


@pytest.mark.parametrize(("broken", "invariant"), [("no-intent", "I1"), ("unconditional-put", "I5")])
def test_broken_workers_are_caught_in_some_home(tmp_path: Path, broken: str, invariant: str) -> None:
    names = make_home(tmp_path / "template")
    homes = (found(tmp_path, names["root"], seed, 3, broken) for seed in range(40))
    assert any(each.startswith(invariant) for problems in homes for each in problems)


def found(directory: Path, ca: str, seed: int, processes: int, broken: str = "") -> list[str]:
    """Let processes work in a copy of the template and be killed; returns what is wrong then."""
    world, record = copy_home(directory / "template", directory / f"{seed}"), Record(directory / f"record-{seed}")
    words = [world.home, record.path, ca, seed, KILLS, processes, broken]
    command = [sys.executable, "-m", "tests.faults.workers", *map(str, words)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    problems = remembered(world, record)
    world.recover()
    return problems + breaches(world)


def remembered(world: World, record: Record) -> list[str]:
    """Give a world what the processes have recorded; returns what is wrong with it already."""
    problems, tagged = list[str](), dict[str, list[str | None]]()

    def tag(key: str, value: str) -> None:
        tagged[key] = [value]

    take: dict[str, Callable[..., None]] = {
        "certificate": lambda ca, arn: world.acknowledged_certificates[ca].append(arn),
        "revocation": lambda ca, serial: world.acknowledged_revocations[ca].append(serial),
        "token": lambda token, arn: world.token_answers[token].append(arn),
        "signed": world.history.signed.append,
        "signed without intent": world.history.signed_without_intent.append,
        "put": lambda bucket, key, body: world.history.puts.append((bucket, key, bytes.fromhex(body))),
        "tagging": lambda key, value: tagged.setdefault(key, [None]).append(value),
        "tagged": tag,
        "time": lambda time: setattr(world.clock, "now", datetime.fromisoformat(time)),
        "failed": problems.append,
    }
    for kind, *rest in record.lines():
        take[kind](*rest)
    return problems + lost_tags(world, tagged)


def lost_tags(world: World, tagged: dict[str, list[str | None]]) -> list[str]:
    """What the tags of the CA lack: each has its last value that was answered, or one that was asked for since."""
    kept = {key: value for ca in world.authorities() for key, value in ca.tags}
    return [
        f"the tag {key} is {kept.get(key)}, not one of {values}"
        for key, values in tagged.items()
        if kept.get(key) not in values
    ]
