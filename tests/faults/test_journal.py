"""The outbox and the sequencer under faults: each entry reaches the journal once and in order, whatever dies."""

from __future__ import annotations

import json
import logging
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chalicelib.audit.signer import Signer
from chalicelib.buckets import BucketError
from chalicelib.journal import sequencer
from chalicelib.journal.journal import Journal
from chalicelib.journal.log import Log
from chalicelib.store import StoreError
from chalicelib.store.journaled import JournaledTable
from chalicelib.store.table_store import TableStore
from tests.faults.fault_ports import FAULTS, Faults, FaultyPort, ProcessDiedError
from tests.faults.interleaving import SwitchingPort, Turns, explore
from tests.faults.memory_ports import MemoryBuckets, MemoryTable
from tests.faults.world import START, log_only_to
from tests.support.store_records import authority, certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from tests.faults.interleaving import Step


class PlainSealing:
    """A keystore for the key of the log alone."""

    def seal(self, plaintext: bytes, context: str) -> bytes:
        return plaintext

    def unseal(self, sealed: bytes, context: str) -> bytes:
        return sealed


class Home:
    """A table and a log in memory, and what was acknowledged."""

    def __init__(self, table: MemoryTable | None = None, objects: MemoryBuckets | None = None) -> None:
        self.table, self.objects = table or MemoryTable(), objects or MemoryBuckets()
        self.issued: list[str] = []
        if table is None:
            self.store().reserve_certificate_authority(authority(), None, now=START)
            self.journal().sequence(START)

    def copy(self) -> Home:
        made = Home(MemoryTable(self.table.items), MemoryBuckets(self.objects.objects))
        made.issued = list(self.issued)
        return made

    def store(self, table: Any = None) -> TableStore:
        return TableStore(JournaledTable(table or self.table))

    def journal(self, store: Any = None, buckets: Any = None) -> Journal:
        plain = self.store()
        objects: Any = buckets or self.objects
        return Journal(store or plain, Log(objects, "log", Signer(plain, PlainSealing())))

    def issue(self, store: TableStore, serial_number: int) -> None:
        """Reserve and complete a certificate, and revoke it."""
        ca = store.get_certificate_authority(authority().arn)
        assert ca is not None
        record, _ = store.reserve_certificate(certificate(ca, serial_number), ca, None, now=START)
        store.complete_certificate(record, b"der", issued_at=START)
        self.issued.append(f"{serial_number:032x}")

    def breaches(self) -> list[str]:
        """What is wrong once a new process has run the sequencer."""
        head = self.journal().sequence(START)
        log = self.journal().log
        checkpoint = log.checkpoint()
        found = []
        if checkpoint is None or (checkpoint.size, checkpoint.root.hex()) != (head.size, head.root):
            found.append("the head is not that of the log")
        if self.store().list_outbox(limit=9):
            found.append("the outbox is not empty")
        entries = [json.loads(entry) for entry in log.entries(0, head.size)]
        kinds: dict[str, list[str]] = {}
        for entry in entries:
            kinds.setdefault(entry.get("serial", ""), []).append(entry["kind"])
        found += [f"{serial} was lost" for serial in self.issued if "issued" not in kinds.get(serial, [])]
        counted = Counter(json.dumps(entry) for entry in entries)
        found += [f"{text} is there {number} times" for text, number in counted.items() if number > 1]
        disordered = (
            names
            for serial, names in kinds.items()
            if serial and names[:2] not in (["reserved"], ["reserved", "issued"])
        )
        return found + [f"the order is {names}" for names in disordered]


def test_faults_at_every_call_of_the_sequencer_lose_and_repeat_nothing(
    record_property: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With batches of 3 items, and with a batch too large for one transaction."""
    runs = sites = 0
    for batch, certificates in ((3, 4), (500, 52)):
        monkeypatch.setattr(sequencer, "BATCH", batch)
        template = Home()
        for number in range(1, certificates + 1):
            template.issue(template.store(), number)
        counting = Faults()
        run_faulty(template.copy(), counting)
        assert len(counting.seen) > 10
        for site in counting.seen:
            for fault in FAULTS:
                home, faults = template.copy(), Faults(site, fault)
                run_faulty(home, faults)
                assert faults.fired
                home.issue(home.store(), 1000)
                assert home.breaches() == [], f"{fault} at {site}"
                runs += 1
        sites += len(counting.seen)
    record_property("fault sites", sites)
    record_property("fault runs", runs)


def run_faulty(home: Home, faults: Faults) -> None:
    store: Any = TableStore(JournaledTable(FaultyPort(home.table, "store", faults)))
    buckets: Any = FaultyPort(home.objects, "buckets", faults)
    with suppress(ProcessDiedError, StoreError, BucketError):
        home.journal(store, buckets).sequence(START)


def test_every_schedule_of_two_sequencers_and_a_writer_keeps_each_entry_once(
    record_property: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "BATCH", 2)
    template = Home()
    template.issue(template.store(), 1)

    def run(prefix: Sequence[int]) -> list[Step]:
        home = template.copy()

        def sequence(pause: Callable[[], None]) -> None:
            store = home.store(SwitchingPort(home.table, pause))
            home.journal(store, SwitchingPort(home.objects, pause)).sequence(START)

        def write(pause: Callable[[], None]) -> None:
            home.issue(home.store(SwitchingPort(home.table, pause)), 2)

        turns = Turns(3, prefix)
        turns.run([sequence, sequence, write])
        assert home.breaches() == [], f"schedule {[step.chosen for step in turns.steps]}"
        return turns.steps

    with log_only_to(logging.NullHandler()):
        runs = explore(run, preemptions=1)
    record_property("schedules", runs)
    assert runs > 100
