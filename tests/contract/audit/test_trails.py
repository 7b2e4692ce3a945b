"""Each trail keeps the port's promise (`chalicelib.audit.Trail`)."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from chalicelib.audit import AuditError
from chalicelib.store import StoreError
from tests.contract.audit.conftest import event
from tests.faults.world import START

if TYPE_CHECKING:
    from chalicelib.audit import Trail
    from tests.contract.audit.conftest import Trails

OWNER, OTHER = "000000000000", "111122223333"


def names(trail: Trail, account_id: str = OWNER, before: str = "") -> list[str]:
    found = trail.newest(account_id, before=before, now=START + timedelta(days=1))
    return [each.record["eventName"] for each in found]


def test_records_are_read_newest_first(trails: Trails) -> None:
    trail = trails.process()
    for number in range(250):
        at = START + timedelta(seconds=number)
        trail.append(event(f"event {number}"), now=at, durable=number % 2 == 0)()
    expected = [f"event {number}" for number in reversed(range(250))]
    assert names(trail) == expected
    found = list(trail.newest(OWNER, now=START + timedelta(days=1)))
    assert names(trail, before=found[99].position) == expected[100:]
    assert names(trail, before=found[-1].position) == []
    assert [trail.get(OWNER, each.position) for each in found] == found
    assert names(trails.process()) == expected


def test_an_account_reads_what_concerns_it(trails: Trails) -> None:
    trail = trails.process()
    owned = [{"accountId": OWNER, "ARN": "a CA"}]
    trail.append(event("own"), now=START, durable=True)()
    trail.append(event("of another", OTHER), now=START, durable=True)()
    trail.append(event("used by another", OTHER, resources=owned), now=START, durable=True)()
    refused = {"additionalEventData": {"outcome": "denied"}}
    trail.append(event("refused to another", OTHER, resources=owned, **refused), now=START, durable=True)()
    assert sorted(names(trail)) == ["own", "used by another"]
    assert sorted(names(trail, OTHER)) == ["of another", "refused to another", "used by another"]
    foreign = next(each for each in trail.newest(OTHER, now=START) if each.record["eventName"] == "of another")
    assert trail.get(OWNER, foreign.position) is None


def test_what_is_no_position_is_refused(trails: Trails) -> None:
    trail = trails.process()
    trail.append(event("one"), now=START, durable=True)()
    for position in ("x", "../../etc/passwd", "1" * 500, "000000000001-1\n", "000000000001-99999", "\0"):
        assert trail.get(OWNER, position) is None
    with pytest.raises(AuditError):
        list(trail.newest(OWNER, before="x", now=START))


def test_records_are_verified(trails: Trails) -> None:
    trail = trails.process()
    for number in range(20):
        trail.append(event(f"event {number}"), now=START, durable=True)()
    verdict = trails.process().verify(START)
    assert verdict.problems == ()
    assert verdict.records >= 20


def test_processes_and_threads_write_at_the_same_time(trails: Trails) -> None:
    processes = [trails.process(most_bytes=4000, most=1000) for _ in range(4)]

    def write(number: int) -> None:
        for each in range(25):
            processes[number % 4].append(event(f"{number}/{each}"), now=START, durable=each % 3 == 0)()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        process.publish()
    found = [name for name in names(trails.process()) if "/" in name]
    assert sorted(found) == sorted(f"{number}/{each}" for number in range(8) for each in range(25))
    assert trails.process().verify(START).problems == ()


def test_records_that_vanish_from_the_table_are_found(of_table: Trails) -> None:
    trail = of_table.process()
    for number in range(5):
        trail.append(event(f"event {number}"), now=START, durable=True)()
    table = of_table.store.table
    items = [item for item in table.items.values() if str(item["pk"]).startswith("AUDITCHAIN#")]  # type: ignore[attr-defined]
    assert len(items) == 5
    for item in items:
        kept = dict(table.items)  # type: ignore[attr-defined]
        del table.items[item["pk"], item["sk"]]  # type: ignore[attr-defined]
        assert of_table.process().verify(START).problems
        table.items = kept  # type: ignore[attr-defined]
    assert of_table.process().verify(START).problems == ()


def test_a_chain_of_the_table_is_verified_until_it_may_be_deleted(of_table: Trails) -> None:
    trail = of_table.process()
    trail.append(event("old"), now=START, durable=True)()
    trail.append(event("young"), now=START + timedelta(days=2), durable=True)()
    assert trail.verify(START + timedelta(days=3)).records == 2
    assert trail.verify(START + timedelta(days=401)).records == 1


def test_a_failed_write_is_told_and_the_next_one_is_recorded(trails: Trails, monkeypatch: pytest.MonkeyPatch) -> None:
    trail = trails.process()
    trail.append(event("before"), now=START, durable=True)()
    with monkeypatch.context() as patch:
        patch.setattr(*((trails.store.table, "write", out) if trails.kind == "table" else (os, "write", full)))
        with pytest.raises(AuditError):
            trail.append(event("lost"), now=START, durable=True)()
    trail.append(event("after"), now=START + timedelta(seconds=1), durable=True)()
    assert names(trail) == ["after", "before"]
    assert trail.verify(START).problems == ()


def full(*_: object) -> int:
    raise OSError(28, "No space left on device")


def out(*_: object) -> None:
    raise StoreError("The table is out.")
