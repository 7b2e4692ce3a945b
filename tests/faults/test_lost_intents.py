"""Intents that nobody waits for, under power cuts: what a cut loses was given to nobody, and the journal lacks it too.

Two clients with one idempotency token and the sequencer take turns at every call of the table and of the bucket, and
the power goes at every one of these points (ADR 15).
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.journal import comparison
from chalicelib.store.table import Put, Update
from chalicelib.store.table_store import TableStore
from tests.faults.fault_ports import ProcessDiedError
from tests.faults.interleaving import SwitchingPort, Turns, explore
from tests.faults.journal_home import TOKEN, Home
from tests.faults.memory_ports import MemoryBuckets, MemoryTable
from tests.faults.world import START, World, log_only_to
from tests.support.store_records import authority, certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from chalicelib.store.table import Write
    from tests.faults.interleaving import Step


def issue(store: TableStore, serial_number: int) -> str:
    """Issue a certificate with the token as the operation does with a software key; returns what is answered."""
    ca = store.get_certificate_authority(authority().arn)
    assert ca is not None
    record, is_new = store.reserve_certificate(certificate(ca, serial_number), ca, TOKEN, now=START, durable=False)
    if is_new:
        store.complete_certificate(record, b"der", issued_at=START)
    return record.arn


def run(home: Home, prefix: Sequence[int], cut: int) -> tuple[list[Step], list[str]]:
    """Run a schedule until the power goes at its call `cut`; returns what was answered, too."""
    calls, answers = [0], list[str]()

    def pausing(pause: Callable[[], None]) -> Callable[[], None]:
        def paused() -> None:
            pause()
            calls[0] += 1
            if calls[0] > cut:
                raise ProcessDiedError

        return paused

    def client(serial_number: int) -> Callable[[Callable[[], None]], None]:
        def start(pause: Callable[[], None]) -> None:
            answers.append(issue(home.store(SwitchingPort(home.table, pausing(pause))), serial_number))

        return until_cut(start)

    def sequence(pause: Callable[[], None]) -> None:
        paused = pausing(pause)
        home.journal(home.store(SwitchingPort(home.table, paused)), SwitchingPort(home.objects, paused)).sequence(START)

    turns = Turns(3, prefix)
    turns.run([client(1), client(2), until_cut(sequence)])
    return turns.steps, answers


def until_cut(act: Callable[[Callable[[], None]], None]) -> Callable[[Callable[[], None]], None]:
    def start(pause: Callable[[], None]) -> None:
        try:
            act(pause)
        except ProcessDiedError:
            return

    return start


def breaches(home: Home, answers: Sequence[str]) -> list[str]:
    """What is wrong in the home that a cut has left, for clients that ask again and for who reads the journal."""
    left = Home(MemoryTable(home.table.on_disk), MemoryBuckets(home.objects.objects))
    store, log = left.store(), left.journal().log
    checkpoint = log.checkpoint()
    found = list[str]()
    if (difference := comparison.difference(store, log)) is not None:
        found.append(f"the journal is ahead: {difference.reason}")
    entries = map(json.loads, log.entries(0, checkpoint.size if checkpoint else 0))
    logged = [int(entry["serial"], 16) for entry in entries if entry["kind"] == "reserved"]
    lacking = (number for number in logged if store.get_certificate(authority().arn, number) is None)
    found += [f"the journal has {number}, and the database lacks it" for number in lacking]
    given = {*answers, issue(store, 3)}
    if len(given) > 1:
        found.append(f"one token gave {len(given)} certificates")
    return found + left.breaches()


def explore_cuts(template: Callable[[], Home], *, every: int) -> int:
    """Cut at every so many calls of every schedule with one preemption; returns how many cuts there were."""
    cuts = set[tuple[int, ...]]()

    def each(prefix: Sequence[int]) -> list[Step]:
        steps, _ = run(template(), prefix, 10**6)
        chosen = tuple(step.chosen for step in steps)
        for cut in range(0, len(steps), every):
            if chosen[: cut + 1] not in cuts:  # else the same calls were made before
                cuts.add(chosen[: cut + 1])
                home = template()
                _, answers = run(home, chosen[: cut + 1], cut)
                assert breaches(home, answers) == [], chosen[: cut + 1]
        return steps

    with log_only_to(logging.NullHandler()):
        explore(each, preemptions=1)
    return len(cuts)


def test_power_cut_takes_no_answer_back(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    every = 1 if request.config.getoption("--whole") else 5
    cuts = explore_cuts(Home().copy, every=every)
    assert cuts > 200
    record_property("power cuts", cuts)


def test_retry_that_does_not_wait_for_the_disk_is_caught() -> None:
    template = Home()

    def hasty() -> Home:
        home = template.copy()
        home.table.settle = lambda: None  # type: ignore[method-assign]  # what is broken
        return home

    with pytest.raises(AssertionError, match="one token gave 2 certificates"):
        explore_cuts(hasty, every=1)


class Elsewhere:
    """The keys of a world, which say where they are."""

    def __init__(self, inner: Any, *, is_remote: bool) -> None:
        self._inner, self.is_remote = inner, is_remote

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class SeenTable:
    """A table that notes which certificates it was told to wait for, by their status."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.waited = inner, dict[object, bool]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, *writes: Write, durable: bool = True) -> None:
        for write in writes:
            if write.key.pk.startswith("CERT#") and isinstance(write, Put | Update):
                changed = write.item if isinstance(write, Put) else write.values
                self.waited[changed["status"]] = durable
        self._inner.write(*writes, durable=durable)


@pytest.mark.parametrize("is_remote", [False, True], ids=["software", "remote"])
def test_only_remote_keys_wait_for_the_intent_and_both_for_the_certificate(tmp_path: Path, *, is_remote: bool) -> None:
    world = World(tmp_path / "home")
    arn = world.create(world.rt, "ROOT")
    world.install(world.rt, world.root_certificate(world.rt, arn))
    table = SeenTable(world.rt.store.table)  # type: ignore[attr-defined]  # of SQLite's store
    keys: Any = Elsewhere(world.rt.keys, is_remote=is_remote)
    world.issue(replace(world.rt, store=TableStore(table), keys=keys), arn)
    assert table.waited == {"PENDING": is_remote, "ISSUED": True}
