"""The outbox and the sequencer under faults: each entry reaches the journal once and in order, whatever dies."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.buckets import BucketError
from chalicelib.identities import AccessKey, Principal
from chalicelib.journal import forward, sequencer
from chalicelib.records import CrlState
from chalicelib.store import ConflictError, StoreError, journal_items
from chalicelib.store.journaled import JournaledTable
from chalicelib.store.table_store import TableStore
from tests.faults.fault_ports import FAULTS, Faults, FaultyPort, ProcessDiedError
from tests.faults.interleaving import SwitchingPort, Turns, explore
from tests.faults.journal_home import TOKEN, Home
from tests.faults.memory_ports import MemoryTable
from tests.faults.world import START, log_only_to
from tests.support.store_records import ACCOUNT, POINT, authority, certificate, revocation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from tests.faults.interleaving import Step


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


# bringing forward


def restored_home() -> Home:
    """A home whose table is older than its log: since then certificates were issued and revoked, and more changed."""
    home = Home()
    store = home.store()
    store.put_principal(Principal(account_id=ACCOUNT, name="gone", created_at=START))
    store.put_access_key(access_key("AKIAGONE", "gone"))
    ca = store.get_certificate_authority(authority().arn)
    assert ca is not None
    ca = store.start_crl(ca, POINT, due_at=START)
    home.issue(store, 1)
    home.journal().sequence(START)
    older = dict(home.table.items)
    for number in range(2, 5):
        home.issue(store, number)
    for number in (1, 2):
        revoked(store, number)
    state = store.reserve_crl(ca.arn, number=7, now=START, lease_until=START + timedelta(seconds=45))
    assert state is not None
    store.intend_crl(state, "ab" * 32)
    store.delete_principal(ACCOUNT, "gone")
    store.put_principal(Principal(account_id=ACCOUNT, name="new", created_at=START))
    store.update_certificate_authority(ca, replace(ca, status="DISABLED"))
    store.reserve_certificate(certificate(ca, 9), replace(ca, issuing_epoch=ca.issuing_epoch + 1), TOKEN, now=START)
    home.journal().sequence(START)
    home.table = MemoryTable(older)
    return home


def access_key(access_key_id: str, principal: str) -> AccessKey:
    return AccessKey(
        access_key_id=access_key_id, account_id=ACCOUNT, sealed_secret=b"sealed", created_at=START, principal=principal
    )


def revoked(store: TableStore, serial_number: int) -> None:
    record = store.get_certificate(authority().arn, serial_number)
    assert record is not None
    store.revoke_certificate(record, revocation(record, revoked_at=START))


def state_of(home: Home) -> dict[Any, Any]:
    """All items; not how often the head was written, and a CRL was made due."""
    found = {key: item for key, item in home.table.items.items() if key != journal_items.HEAD}
    return {key: {name: item[name] for name in item if name != "revision"} for key, item in found.items()}


def test_bringing_forward_interrupted_at_every_call_ends_in_the_same_state(
    record_property: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "WINDOW", 7)
    template = restored_home()
    reference = template.copy()
    report = reference.journal().bring_forward(START)
    assert report.lost == {}
    store = reference.store()
    assert [record.status for record in store.list_certificates(authority().arn)] == [*["ISSUED"] * 4, "PENDING"]
    assert {record.serial_number for record in store.list_revocations(authority().arn)} == {1, 2}
    assert (store.get_crl_state(authority().arn) or CrlState(crl_arn="")).crl_number == 7
    assert (store.list_access_keys(), [each.name for each in store.list_principals(ACCOUNT)]) == ([], ["new"])
    assert store.certificate_of(TOKEN, now=START) is not None
    assert (store.get_certificate_authority(authority().arn) or authority()).status == "DISABLED"
    assert store.list_outbox(limit=9) == []
    counting = Faults()
    forward_faulty(template.copy(), counting)
    runs = 0
    for site in counting.seen:
        for fault in FAULTS:
            home, faults = template.copy(), Faults(site, fault)
            forward_faulty(home, faults)
            assert faults.fired
            home.journal().bring_forward(START)
            assert state_of(home) == state_of(reference), f"{fault} at {site}"
            assert home.journal().difference(START) is None
            runs += 1
    record_property("fault sites", len(counting.seen))
    record_property("fault runs", runs)
    assert runs > 100


def forward_faulty(home: Home, faults: Faults) -> None:
    store: Any = TableStore(JournaledTable(FaultyPort(home.table, "store", faults)))
    buckets: Any = FaultyPort(home.objects, "buckets", faults)
    with suppress(ProcessDiedError, StoreError, BucketError):
        home.journal(store, buckets).bring_forward(START)


def test_two_that_bring_forward_at_once_end_in_the_same_state(record_property: Callable[[str, object], None]) -> None:
    template = restored_home()
    reference = template.copy()
    reference.journal().bring_forward(START)

    def run(prefix: Sequence[int]) -> list[Step]:
        home = template.copy()

        def bring_forward(pause: Callable[[], None]) -> None:
            store = home.store(SwitchingPort(home.table, pause))
            with suppress(ConflictError):  # the other one was faster
                home.journal(store, SwitchingPort(home.objects, pause)).bring_forward(START)

        turns = Turns(2, prefix)
        turns.run([bring_forward, bring_forward])
        assert state_of(home) == state_of(reference), f"schedule {[step.chosen for step in turns.steps]}"
        return turns.steps

    with log_only_to(logging.NullHandler()):
        runs = explore(run, preemptions=1)
    record_property("schedules", runs)
    assert runs > 100


def test_record_that_changes_while_it_is_listed_is_not_listed_as_it_was() -> None:
    home = Home()
    home.store().put_principal(Principal(account_id=ACCOUNT, name="a", created_at=START, description="old"))
    home.table.items = {key: item for key, item in home.table.items.items() if not key.pk.startswith("OUTBOX")}

    class Changing:
        """A table in which the principal is changed between a page and its entries."""

        def __getattr__(self, name: str) -> Any:
            return getattr(home.table, name)

        def scan(self, after: Any = None) -> Any:
            pages = list(home.table.scan(after))
            principal = home.store().get_principal(ACCOUNT, "a")
            assert principal is not None
            if principal.description == "old":
                home.store().update_principal(principal, replace(principal, description="new"))
            return iter(pages)

    store = home.store(Changing())
    head = store.adopt_journal(store.journal_head(), size=0, root="", accepted=True)
    while head.listed_to is not None:
        head = store.list_existing(head)
    entries = [json.loads(entry) for pending in store.list_outbox(limit=99) for entry in pending.entries]
    listed = [entry["item"]["description"] for entry in entries if entry.get("pk", "").startswith("PRINCIPALS")]
    assert listed == ["new"]
