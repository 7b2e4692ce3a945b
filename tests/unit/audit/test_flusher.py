"""The thread that flushes the audit record: it ends when there is nothing to do, and leaves nothing unflushed."""

from __future__ import annotations

import threading

import pytest

from chalicelib.audit import AuditError, flusher
from chalicelib.audit.flusher import Flusher


class Disk:
    """Counts flushes; what was written before one is durable after it."""

    def __init__(self) -> None:
        self.written = self.durable = self.settled = 0
        self.fails = False

    def flush(self) -> int:
        if self.fails:
            raise AuditError("The disk is full.")
        self.durable = self.written
        return self.durable

    def settle(self) -> int:
        self.settled += 1
        return self.flush()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    monkeypatch.setattr(flusher, "_IDLE_SECONDS", 0.02)
    return Disk()


def ended(made: Flusher) -> None:
    thread = made._thread
    if thread is not None:
        thread.join(10)
    assert made._thread is None


def test_thread_ends_when_idle_and_begins_again(disk: Disk) -> None:
    made = Flusher(disk.flush, disk.settle)
    before = {*threading.enumerate()}
    for sequence in (1, 2):
        disk.written = sequence
        made.ask(sequence)()
        assert disk.durable == sequence
        ended(made)
        assert disk.settled == sequence
    assert {*threading.enumerate()} <= before  # one of another test may end meanwhile


def test_record_that_nobody_waits_for_is_flushed_before_the_thread_ends(disk: Disk) -> None:
    made = Flusher(disk.flush, disk.settle)
    disk.written = 1
    made.written()
    ended(made)
    assert (disk.durable, disk.settled) == (1, 1)


def test_failed_flush_is_told_and_the_next_one_may_succeed(disk: Disk) -> None:
    made = Flusher(disk.flush, disk.settle)
    disk.fails, disk.written = True, 1
    wait = made.ask(1)
    with pytest.raises(AuditError):
        wait()
    ended(made)
    disk.fails, disk.written = False, 2
    made.ask(2)()
    assert disk.durable == 2


def test_one_flush_serves_all_who_wait_and_they_may_ask_again(disk: Disk) -> None:
    free, flushes = threading.Event(), list[int]()

    def flush() -> int:
        free.wait(10)
        flushes.append(disk.flush())
        return flushes[-1]

    made = Flusher(flush, disk.settle)
    waits = []
    for sequence in range(1, 6):
        disk.written = sequence
        waits.append(made.ask(sequence))
    free.set()
    for wait in [*waits, *waits]:
        wait()
    assert flushes in ([5], [5, 5])  # the first may have begun before the others asked
    ended(made)
