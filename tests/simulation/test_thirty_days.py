"""Thirty days of many CAs: whatever fails, the CRLs of those that can publish are fresh, and the others are told of."""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.world import World
from tests.simulation.simulated import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.runtime import Runtime

# Days, CAs (of which 10 are poisoned), revocations.
WHOLE = (30, 1000, 3000)
SCALED = (5, 24, 70)
SHORT = (5, 16, 60)
SHORTEST = (3, 11, 15)  # fewer days, and a poisoned CA does not fail often enough


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: thousands of waits for a disk prove nothing here."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as made:
        yield Path(made)


def simulation_of(
    fast: Path, size: tuple[int, int, int], broken: Callable[[Runtime], Runtime] = lambda rt: rt
) -> tuple[Simulation, int]:
    days, authorities, revocations = size
    (fast / "work").mkdir()
    planned = Simulation(World(fast / "home"), fast / "work", random.Random(30), days, revocations, broken)
    return planned, authorities


@pytest.mark.parametrize("size", [SHORTEST, pytest.param(SCALED, marks=pytest.mark.long)], ids=["short", "long"])
def test_healthy_cas_stay_fresh_and_poisoned_ones_alarm(
    request: pytest.FixtureRequest,
    fast: Path,
    record_property: Callable[[str, object], None],
    size: tuple[int, int, int],
) -> None:
    whole = request.config.getoption("--whole") and size == SCALED
    simulation, authorities = simulation_of(fast, WHOLE if whole else size)
    begin = time.monotonic()
    done = simulation.run(authorities)
    took = time.monotonic() - begin
    record_property("simulation", f"{done}; {simulation.days} days of {authorities:,} CAs in {took:.0f} s")


# what the checks are worth: homes that are broken


class Broken:
    """A port of which one method is broken."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class LateStore(Broken):
    """Has the next CRL due an hour after the midpoint."""

    def complete_crl(self, state: Any, *, next_crl_at: Any, **more: Any) -> None:
        self._inner.complete_crl(state, next_crl_at=next_crl_at + timedelta(hours=1), **more)


class SlowStore(Broken):
    """Lists what is due five minutes late."""

    def iter_due(self, kind: Any, *, since: Any, now: Any) -> Any:
        return self._inner.iter_due(kind, since=since, now=now - timedelta(minutes=5))


class DroppingBuckets(Broken):
    """Answers every tenth put without doing it."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self._puts = 0

    def put(self, bucket: str, key: str, body: bytes, **conditions: Any) -> str:
        self._puts += 1
        return "dropped" if self._puts % 10 == 0 else str(self._inner.put(bucket, key, body, **conditions))


BROKEN: dict[str, tuple[Callable[[Runtime], Runtime], str]] = {
    "midpoint-passed": (lambda rt: replace(rt, store=LateStore(rt.store)), "left of"),
    "due-late": (lambda rt: replace(rt, store=SlowStore(rt.store)), "are not in the CRL"),
    "puts-dropped": (lambda rt: replace(rt, buckets=DroppingBuckets(rt.buckets)), "another CRL"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", BROKEN)
def test_broken_home_fails_the_simulation(name: str, fast: Path) -> None:
    broken, words = BROKEN[name]
    simulation, authorities = simulation_of(fast, SHORT, broken)
    with pytest.raises(AssertionError, match=words):
        simulation.run(authorities)
