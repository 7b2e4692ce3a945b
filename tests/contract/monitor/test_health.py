"""Health writes: a home that cannot store what it is asked to is not healthy, and says which part fails and why."""

from __future__ import annotations

import json
import resource
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from chalicelib.api import health as endpoint
from chalicelib.cli import signet
from chalicelib.config import Settings
from chalicelib.local.scheduler import Scheduler
from chalicelib.monitor import health
from chalicelib.runtime import Runtime, from_settings
from tests.support.home import make_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Runtime:
    return replace(from_settings(Settings(data=str(tmp_path / "data"))), now=clock)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow: the kernel answers writes as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def parts(problems: tuple[health.Problem, ...]) -> set[str]:
    return {problem.part for problem in problems}


def answer(rt: Runtime) -> tuple[int, dict[str, Any]]:
    found = endpoint.health(rt, health.recent(rt))
    return found.status, json.loads(found.body)


def test_home_that_works_is_healthy(home: Runtime) -> None:
    status, body = answer(home)
    assert (status, body["status"], body["failing"]) == (200, "ok", [])


def test_full_disk_is_seen_named_and_seen_to_end(home: Runtime, clock: Clock) -> None:
    assert answer(home)[0] == 200
    clock.forward(seconds=11)
    with full_disk():
        status, body = answer(home)
    assert (status, body["status"]) == (503, "failing")
    assert body["failing"] == ["state"] or body["failing"] == ["state", "buckets"]
    problem = health.recent(home)[0]
    assert "signet.db cannot be used" in problem.reason
    assert "space" in problem.remedy
    assert str(home.settings.data_path) not in json.dumps(body)
    assert answer(home)[0] == 503  # until the next look
    clock.forward(seconds=11)
    assert answer(home)[0] == 200


def test_directory_of_buckets_that_is_a_file_is_named(home: Runtime) -> None:
    (home.settings.data_path).mkdir()
    (home.settings.data_path / "buckets").touch()
    assert parts(health.look(home)) == {"buckets"}


def test_keys_that_another_passphrase_sealed_are_named(home: Runtime) -> None:
    home.keys.seal(b"x", "x")
    other = from_settings(replace(home.settings, key_passphrase="correct horse battery"))
    assert parts(health.look(other)) == {"keys"}


def test_disk_that_is_nearly_full_is_named(home: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    health.look(home)
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 1 << 62)
    assert parts(health.look(home)) == {"disk"}


def test_schedule_that_stalls_is_a_problem_itself(home: Runtime, clock: Clock) -> None:
    assert health.seen(home) == ()
    health.look(home)
    clock.forward(seconds=59)
    assert health.seen(home) == ()
    clock.forward(seconds=2)
    assert parts(health.seen(home)) == {"schedule"}


def test_status_names_the_part_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNET_DATA", str(tmp_path))
    make_home(tmp_path)
    assert CliRunner().invoke(signet, ["status"]).exit_code == 0
    (tmp_path / "buckets").rename(tmp_path / "elsewhere")
    (tmp_path / "buckets").touch()
    found = CliRunner().invoke(signet, ["status"])
    assert found.exit_code == 1
    assert "buckets: The bucket buckets cannot be used" in found.stderr
    assert "There is no CA yet." in found.stdout


def test_look_that_fails_stops_no_schedule(home: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else CRLs would stop with the thread."""

    def fail(_: Runtime) -> None:
        raise OSError("The file system is gone.")

    monkeypatch.setattr(health, "look", fail)
    ran: list[str] = []
    app: Any = SimpleNamespace(
        event_sources=[SimpleNamespace(name="publish_crls", schedule_expression="rate(1 minute)")],
        handler_map={"publish_crls": lambda event, _: ran.append(event["source"])},
    )
    Scheduler(app, home).tick()
    assert ran == ["aws.events"]
