"""The power goes while processes issue with intents that nobody waits for, on a disk whose syncs fail now and then.

Each has four threads. They are killed and others go on. What was answered is there afterwards, and a token gives what
it gave (ADR 15).
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

import pytest

from chalicelib.store.sqlite import open_store
from tests.faults.disk import preload
from tests.faults.disk.model import Disk, Event, Pick, events
from tests.faults.disk.preload import Shim
from tests.support.builders import START
from tests.support.home import ROOT
from tests.support.store_records import authority, token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(preload.COMPILER is None, reason="needs a C compiler")
MODES = ("none", "some", "all", "some")
LOG = "signet.db-wal"


class Answer(NamedTuple):
    """An answer and the size of the shim's record by then."""

    position: int
    token: str
    serial_number: int
    was_issued: bool


def issued_under(shim: Shim, seconds: float, processes: int, *, failing: bool) -> list[Answer]:
    """Issue for some seconds while syncs of the log fail now and then; returns what was answered."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.disk.issuing", shim.root / "signet.db", shim.record, str(number)],
            cwd=ROOT,
            env=dict(os.environ) | shim.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    first = [process.stdout.readline() for process in started if process.stdout]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if failing:
            shim.fail(("sync",), LOG, count=1)
        time.sleep(0.05)
    if failing:  # the next process begins after a failed sync
        shim.fail(("sync",), LOG)
        time.sleep(0.05)
    preload.kill([process.pid for process in started])
    shim.mend()
    lines = "".join([*first, *(process.communicate()[0] for process in started)]).splitlines()
    numbers = (line.split() for line in lines if line.count(" ") == 3)
    answers = [Answer(int(at), name, int(serial), is_new == "1") for at, name, serial, is_new in numbers]
    return sorted(answers)


def broken(home: Path, answers: list[Answer]) -> Iterator[str]:
    """What was answered and does not hold in a home that a cut has left."""
    store = open_store(home / "signet.db")
    if damage := store.table.damage():  # type: ignore[attr-defined]  # the SQLite driver
        yield f"the database is damaged: {damage}"
    for answer in answers:
        record = store.get_certificate(authority().arn, answer.serial_number)
        if record is None or (answer.was_issued and record.status != "ISSUED"):
            yield f"{answer} is lost: {record and record.status}"
        again = store.certificate_of(token(answer.token), now=START)
        if again is None or again.serial_number != answer.serial_number:
            yield f"{answer}: its token gives another certificate"
    store.table.close()  # type: ignore[attr-defined]  # the SQLite driver


def after_cuts(shim: Shim, happened: list[Event], answers: list[Answer], cuts: int, work: Path) -> Iterator[str]:
    """Cut at random calls; yields what is broken then."""
    chance, disk = random.Random(1), Disk(shim.root)
    modes = dict(zip(sorted(chance.sample(range(len(happened)), cuts)), cycle(MODES), strict=False))
    for number, event in enumerate(happened):
        disk.happen(event)
        if number in modes:
            home = work / f"cut-{number}"
            disk.write_after_cut(home, Pick(chance, modes[number]))
            given = [answer for answer in answers if answer.position <= event.end]
            yield from (f"cut {number} ({modes[number]}): {text}" for text in broken(home, given[-200:]))
            shutil.rmtree(home)


@pytest.mark.parametrize("processes", [pytest.param(1, marks=pytest.mark.long), 3])
@pytest.mark.parametrize("failing", [False, True], ids=["syncs", "failing-syncs"])
def test_no_power_cut_loses_an_answer(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    processes: int,
    *,
    failing: bool,
) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    is_whole = request.config.getoption("--whole")
    shim = Shim(tmp_path / "home", tmp_path)
    answers = issued_under(shim, 4 if is_whole else 1, processes, failing=failing)
    answers += issued_under(shim, 0.5, processes, failing=False)
    happened, cuts = list(events(shim.record)), 500 if is_whole else 40
    assert list(after_cuts(shim, happened, answers, cuts, tmp_path)) == []
    assert len(answers) > 50
    assert any(not answer.was_issued for answer in answers)
    assert failing == any(event.kind == "F" for event in happened)
    record_property(
        "power cuts", f"{processes} processes, {cuts} among {len(happened)} calls, {len(answers)} answers, 0 lost"
    )
