"""The power goes at any moment: a server under load loses nothing that it has acknowledged, and starts again."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from chalicelib.config import SettingsError
from chalicelib.errors import ApiError
from chalicelib.store import StoreError
from tests.faults.disk import preload
from tests.faults.disk.load import Acknowledged, Load
from tests.faults.disk.model import Disk, Event, Pick, events
from tests.faults.disk.preload import Shim
from tests.faults.disk.promises import PENDING_SECONDS, broken
from tests.support.home import Home
from tests.support.worker_processes import workers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(preload.COMPILER is None, reason="needs a C compiler")
MODES = ("none", "some", "all", "some")


@pytest.fixture(scope="module")
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shim, Acknowledged]:
    """A server from its first start, under load until it is killed."""
    work = tmp_path_factory.mktemp("disk")
    (work / "home").mkdir(mode=0o700)
    shim = Shim(work / "home", work)
    home = Home(work / "home", SIGNET_PENDING_SECONDS=str(PENDING_SECONDS), **shim.environment)
    home.start()
    load = Load(home, shim)
    load.start(writers=2)
    load.wait(8 if request.config.getoption("--whole") else 2)
    assert home.process is not None
    preload.kill([home.process.pid, *workers_of(home)])
    home.stop(signal.SIGKILL)
    return shim, load.stop()


def homes_after_cuts(
    shim: Shim, happened: list[Event], cuts: int, work: Path, *, seed: int = 1
) -> Iterator[tuple[str, Path, int]]:
    """Yield the homes that cuts at random calls leave, each with its label and the size of the record by then."""
    chance, disk = random.Random(seed), Disk(shim.root)
    modes = dict(zip(sorted(chance.sample(range(len(happened)), cuts)), cycle(MODES), strict=False))
    for number, event in enumerate(happened):
        disk.happen(event)
        if number in modes:
            home = work / f"cut-{number}"
            disk.write_after_cut(home, Pick(chance, modes[number]))
            yield f"cut {number} ({modes[number]})", home, event.end
            shutil.rmtree(home, ignore_errors=True)  # the thread that flushes the audit record may still write


def test_no_power_cut_loses_what_was_acknowledged(
    request: pytest.FixtureRequest,
    recorded: tuple[Shim, Acknowledged],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    shim, seen = recorded
    happened, problems = list(events(shim.record)), list[str]()
    cuts = 300 if request.config.getoption("--whole") else 8
    for label, home, position in homes_after_cuts(shim, happened, cuts, tmp_path):
        problems += [f"{label}: {problem}" for problem in broken(home, seen, position)]
    assert problems == [], "\n".join(problems)
    record_property("power cuts", f"{cuts} among {len(happened)} calls, {seen.count()} answers, 0 lost")


def test_server_starts_after_a_power_cut_and_its_records_verify(
    request: pytest.FixtureRequest, recorded: tuple[Shim, Acknowledged], tmp_path: Path
) -> None:
    if not request.config.getoption("--whole"):
        pytest.skip("each start takes seconds: make disk-faults")
    shim, seen = recorded
    for label, data, position in homes_after_cuts(shim, list(events(shim.record)), 10, tmp_path, seed=2):
        home = Home(data)
        home.start()
        if seen.authorities[0][0] <= position:
            assert home.signet("audit", "verify").returncode == 0, label
            assert home.signet("log", "verify").returncode == 0, label
        for _, arn, pem in [seen for seen in seen.certificates if seen[0] <= position and seen[2]][-3:]:
            answer = home.client().get_certificate(
                CertificateAuthorityArn=arn.split("/certificate/")[0], CertificateArn=arn
            )
            assert answer["Certificate"] == pem, label
        assert home.stop() == 0


def test_disk_that_forgets_what_was_synced_is_found_out(recorded: tuple[Shim, Acknowledged], tmp_path: Path) -> None:
    """The promises are broken where SQLite's syncs do nothing: so the test above can fail."""
    shim, seen = recorded
    happened = [event for event in events(shim.record) if event.kind != "S"]
    disk = Disk(shim.root)
    for event in happened:
        disk.happen(event)
    disk.write_after_cut(tmp_path / "home", Pick(random.Random(1), "some"))
    try:
        found = broken(tmp_path / "home", seen, happened[-1].end)
    except (SettingsError, StoreError, ApiError, sqlite3.Error):  # whatever it meets first
        return
    assert found
