"""A table and a log in memory, under the store, the sequencer and the journal: homes of fault runs by the thousand."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from chalicelib.audit.signer import Signer
from chalicelib.journal.journal import Journal
from chalicelib.journal.log import Log
from chalicelib.store.journaled import JournaledTable
from chalicelib.store.table_store import TableStore
from tests.faults.memory_ports import MemoryBuckets, MemoryTable
from tests.faults.world import START
from tests.support.store_records import authority, certificate, token

TOKEN = token()


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
        for entry in (entry for entry in entries if entry["kind"] != "token"):
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
