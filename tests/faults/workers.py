"""Processes that issue, revoke, publish and reconcile in one home, each killed at some moment and replaced by another.

`python -m tests.faults.workers HOME RECORD CA SEED KILLS PROCESSES [BROKEN]` ends when it has seen that many kills.
Half of the processes die before or after some call of a port, the others at any instruction. Each line of RECORD says
what a client was answered, what was signed, or what was put, and stays when its process is gone. BROKEN names what is
broken in every process.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import struct
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from chalicelib import logs, reconcile
from chalicelib.buckets import BucketError
from chalicelib.crl import publication
from chalicelib.errors import ApiError
from chalicelib.keystore import KeyStoreError
from chalicelib.operations import tags
from chalicelib.store import StoreError
from tests.faults.broken_ports import HastyStore, UnconditionalBuckets
from tests.faults.fault_ports import Faults, History
from tests.faults.world import START, Clock, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from chalicelib.runtime import Runtime
    from chalicelib.store.table_store import TableStore

THREADS, TOKENS = 2, 30
JUMPS = (1, 2, 0, 1, 2, 0, 1, 2, 0, 50)  # seconds after each kill, in turn: a lease ends after 45
STALL, STALLS = 50, 3  # seconds, and how many in a home: no token ends within them and 25 kills
STALLED = 0.7  # of the runs that publish
REFUSALS = (ApiError, StoreError, BucketError, KeyStoreError)
BROKEN: dict[str, Callable[[Runtime], Runtime]] = {
    "": lambda rt: rt,
    "no-intent": lambda rt: replace(rt, store=cast("TableStore", HastyStore(rt.store))),
    "unconditional-put": lambda rt: replace(rt, buckets=UnconditionalBuckets(rt.buckets)),
}
FIRST = START + timedelta(minutes=10)  # as `copy_home` has it


class SharedClock(Clock):
    """A clock that every process sees and the parent moves, also when a process says that it stalls."""

    def __init__(self) -> None:
        self._seconds, self._asked, self._stalls = mmap.mmap(-1, 8), mmap.mmap(-1, 1), STALLS

    def __call__(self) -> datetime:
        return FIRST + timedelta(seconds=struct.unpack("q", self._seconds[:])[0])

    def forward(self, **period: float) -> None:
        self._seconds[:] = struct.pack("q", int((self() - FIRST + timedelta(**period)).total_seconds()))

    def stall(self) -> None:
        self._asked[0] = True

    def follow(self) -> None:
        """Move by the stall of a process, if there is one left."""
        if self._asked[0] and self._stalls:
            self.forward(seconds=STALL)
            self._stalls -= 1
        self._asked[0] = False


class Record:
    """A file to which all processes append whole lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def add(self, *what: Any) -> None:
        os.write(self._file, b"\n" + json.dumps(what).encode() + b"\n")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process put an object between a put and its line; the kernel ends this with the process."""
        with self.path.with_suffix(".lock").open("w") as lock:
            flock(lock, LOCK_EX)
            yield

    def lines(self) -> list[list[Any]]:
        """What was recorded, without a line of which a killed process has written only a part."""
        return [json.loads(line) for line in self.path.read_bytes().splitlines() if line.endswith(b"]")]


class _Appending(list[Any]):
    """A list of a `World` whose items are lines of the record."""

    def __init__(self, record: Record, *kind: str) -> None:
        super().__init__()
        self._record, self._kind = record, kind

    def append(self, item: Any) -> None:
        self._record.add(*self._kind, item)


class _AppendingEach(dict[str, Any]):
    def __init__(self, record: Record, kind: str) -> None:
        super().__init__()
        self._record, self._kind = record, kind

    def __missing__(self, key: str) -> _Appending:
        return _Appending(self._record, self._kind, key)


class _Puts(_Appending):
    def append(self, item: tuple[str, str, bytes]) -> None:
        self._record.add(*self._kind, *item[:2], item[2].hex())


@dataclass
class Kill(Faults):
    """The n-th call of a port, counted over all threads, after or before which the process is killed; 0: none.

    Most runs that publish stall after they have recorded their intent, so that others can take the lease meanwhile.
    """

    clock: SharedClock = field(kw_only=True)
    chance: random.Random = field(kw_only=True)
    at: int = 0
    is_after: bool = False
    turn: threading.Lock = field(default_factory=threading.Lock)

    def around(self, port: str, method: str, call: Any) -> Any:
        with self.turn:
            self.at -= 1
            is_now = self.at == 0
        result = call() if not is_now or self.is_after else None
        if is_now:
            os.kill(os.getpid(), signal.SIGKILL)
        if method == "intend_crl" and self.chance.random() < STALLED:
            self.clock.stall()
            time.sleep(self.chance.uniform(0.2, 1.2))
        return result


class Worker:
    """A process with threads, which acts until it is killed."""

    def __init__(
        self, home: Path, record: Record, ca: str, clock: SharedClock, *, slot: int, seed: int, broken: str
    ) -> None:
        chance = random.Random(seed)
        self._record, self._ca, self._slot, self._seed = record, ca, slot, seed
        self._world = World(
            home,
            clock=clock,
            history=History(
                signed=_Appending(record, "signed"),
                signed_without_intent=_Appending(record, "signed without intent"),
                puts=_Puts(record, "put"),
            ),
            faults=Kill(
                clock=clock,
                chance=chance,
                at=chance.choice((0, chance.randrange(1, 200))),
                is_after=chance.random() < 0.5,
            ),
            acknowledged_certificates=_AppendingEach(record, "certificate"),
            acknowledged_revocations=_AppendingEach(record, "revocation"),
            token_answers=_AppendingEach(record, "token"),
        )
        inner = self._world.rt.buckets
        self._world.rt = BROKEN[broken](self._world.rt)
        self._rt = self._world.faulty()
        put = inner.put

        def alone(*args: Any, **conditions: Any) -> str:
            with record.alone():
                return put(*args, **conditions)

        inner.put = alone  # type: ignore[method-assign]  # of the witness

    def run(self) -> None:
        threads = [threading.Thread(target=self._act, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _act(self, thread: int) -> None:
        chance, number = random.Random(f"{self._seed} {thread}"), 0
        often = (self._issue, self._revoke, self._issue)
        acts = (*often, *often, self._publish, self._tag, self._close)
        try:
            while True:
                number += 1
                try:
                    chance.choice(acts)(chance, f"{self._slot}-{thread}", f"{self._seed}-{number}")
                except REFUSALS:
                    continue
        except BaseException:  # noqa: BLE001  whatever it is, the test shows it
            self._record.add("failed", traceback.format_exc())
            os.kill(os.getpid(), signal.SIGKILL)

    def _issue(self, chance: random.Random, *_: Any) -> None:
        """Issue by a token that other threads and processes use as well."""
        self._world.issue(self._rt, self._ca, f"token-{chance.randrange(TOKENS)}")

    def _revoke(self, chance: random.Random, *_: Any) -> None:
        """Revoke what any process was answered."""
        if issued := [line[2] for line in self._record.lines() if line[0] == "certificate"]:
            self._world.revoke(self._rt, self._ca, chance.choice(issued))

    def _publish(self, *_: Any) -> None:
        publication.publish_due_crls(self._rt, seconds=60)

    def _close(self, *_: Any) -> None:
        reconcile.reconcile(self._rt)

    def _tag(self, _: random.Random, key: str, value: str) -> None:
        """Change a tag of this thread alone in the record of the CA, which others change, too."""
        self._record.add("tagging", key, value)
        request: Any = {"CertificateAuthorityArn": self._ca, "Tags": [{"Key": key, "Value": value}]}
        tags.tag_certificate_authority(self._rt, self._world.caller, request)
        self._record.add("tagged", key, value)


def main(home: Path, record: Record, ca: str, numbers: tuple[int, int, int], broken: str) -> None:
    """Keep as many processes until enough were killed; the numbers are those of the command."""
    seed, kills, processes = numbers
    chance, clock = random.Random(seed), SharedClock()
    logs.LOGGER.handlers[:] = []  # what another process has done meanwhile is logged as a failure
    seeds = iter(range(seed * 10_000, (seed + 1) * 10_000))

    def forked(slot: int) -> int:
        worker = next(seeds)
        if process := os.fork():
            return process
        try:
            Worker(home, record, ca, clock, slot=slot, seed=worker, broken=broken).run()
        except BaseException:  # noqa: BLE001
            record.add("failed", traceback.format_exc())
        os._exit(1)

    alive = [forked(slot) for slot in range(processes)]
    for number in range(kills):
        until = time.monotonic() + chance.uniform(0.05, 0.6)
        while (found := os.waitpid(-1, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
            time.sleep(0.002)
            clock.follow()
        if found == (0, 0):
            os.kill(chance.choice(alive), signal.SIGKILL)
            found = os.waitpid(-1, 0)
        clock.forward(seconds=JUMPS[number % len(JUMPS)])
        slot = alive.index(found[0])
        alive[slot] = forked(slot)
    for process in alive:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    record.add("time", clock().isoformat())


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        Record(Path(sys.argv[2])),
        sys.argv[3],
        (int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])),
        "".join(sys.argv[7:]),
    )
