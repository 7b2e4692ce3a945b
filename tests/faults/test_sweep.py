"""What one run of the schedule reads, and what it leaves after an outage."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from chalicelib.crl import publication
from chalicelib.records import CrlState
from chalicelib.store import items
from chalicelib.store.table import Put
from chalicelib.store.table_store import TableStore
from tests.faults.world import World
from tests.support.counting_table import CountingTable

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = 10_000


def with_crls(path: Path, authorities: int) -> tuple[World, list[str]]:
    """A home of some CAs, all of whose CRLs have just been published."""
    world = World(path)
    arns = []
    for number in range(authorities):
        arns.append(world.create(world.bare, "ROOT", name=f"Root {number}"))
        world.install(world.bare, world.root_certificate(world.bare, arns[-1], f"root-{number}"))
        world.issue(world.bare, arns[-1])
    return world, arns


def add_others(world: World) -> None:
    """CRL states of as many other CAs, which are due much later."""
    table: Any = world.bare.store.table  # type: ignore[attr-defined]  # of SQLite's store
    due_at = world.clock.now + timedelta(days=100)
    for begin in range(0, OTHERS, 100):
        arns = [
            f"arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/00000000-0000-0000-0000-{number:012d}"
            for number in range(begin, begin + 100)
        ]
        table.write(*(Put(items.crl_item(CrlState(crl_arn=arn, next_crl_at=due_at))) for arn in arns))


def sweep_counted(world: World) -> Counter[str]:
    table = CountingTable(world.bare.store.table)  # type: ignore[attr-defined]  # as above
    outcomes = publication.publish_due_crls(replace(world.bare, store=TableStore(table)), seconds=60)
    assert [each.result for each in outcomes] == ["published"] * 3
    return table.counts


def test_sweep_reads_only_what_is_due_however_many_crls_there_are(tmp_path: Path) -> None:
    world, _ = with_crls(tmp_path / "home", 3)
    world.clock.forward(days=4)
    alone = sweep_counted(world)
    add_others(world)
    world.clock.forward(days=4)
    among_others = sweep_counted(world)
    assert among_others == alone
    assert among_others["query_index items"] <= 3


def test_crls_that_fail_and_stay_due_are_listed_once_and_stop_no_other(tmp_path: Path) -> None:
    world, arns = with_crls(tmp_path / "home", 3)
    spoiled = 1_500  # more than a page
    table: Any = world.bare.store.table  # type: ignore[attr-defined]  # as above
    for number in range(spoiled):
        arn = f"arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/00000000-0000-0000-0000-{number:012d}"
        item = items.crl_item(CrlState(crl_arn=arn, next_crl_at=world.clock.now))
        table.write(Put(item | {"crl_number": "no number"}))
    world.clock.forward(days=4)
    counting = CountingTable(table)
    outcomes = publication.publish_due_crls(replace(world.bare, store=TableStore(counting)), seconds=600)
    assert Counter(each.result for each in outcomes) == {"failed": spoiled, "published": len(arns)}
    assert [arn for arn in arns if not is_fresh(world, arn)] == []
    assert counting.counts["query_index items"] == spoiled + len(arns)


@pytest.mark.parametrize("ago", [0, 30], ids=["now", "listed-late"])
def test_crl_that_becomes_due_during_a_sweep_is_published_by_it(tmp_path: Path, ago: int) -> None:
    world, arns = with_crls(tmp_path / "home", 3)
    world.bare.store.schedule_crl(arns[0], due_at=world.clock.now)
    world.clock.forward(seconds=60)
    late = iter(arns[1:])

    class Waking:
        """Buckets in which every put makes another CRL due."""

        def __getattr__(self, name: str) -> Any:
            return getattr(world.bare.buckets, name)

        def put(self, *args: Any, **kwargs: Any) -> str:
            for arn in late:
                world.clock.forward(seconds=0.1)
                world.bare.store.schedule_crl(arn, due_at=world.clock.now - timedelta(seconds=ago))
                break
            return world.bare.buckets.put(*args, **kwargs)

    waking: Any = replace(world.bare, buckets=Waking())
    outcomes = publication.publish_due_crls(waking, seconds=60)
    assert [(each.crl_arn, each.result) for each in outcomes] == [(arn, "published") for arn in arns]


def test_listing_what_is_due_is_a_range_of_an_index_in_sqlite(tmp_path: Path) -> None:
    """The work of SQLite's machine for a listing does not grow with what is not due."""
    world, _ = with_crls(tmp_path / "home", 1)
    table: Any = world.bare.store.table  # type: ignore[attr-defined]  # as above

    def steps() -> int:
        counted = [0]

        def count() -> int:
            counted[0] += 1
            return 0

        connection = table._connection()
        connection.set_progress_handler(count, 1)
        assert world.bare.store.list_due("CRL", now=world.clock.now, limit=100) == []
        connection.set_progress_handler(None, 1)
        return counted[0]

    alone = steps()
    add_others(world)
    assert steps() <= alone + 10


# after an outage


@pytest.mark.parametrize("days", [3.5, 6.9, 30.0], ids=["at-the-midpoint", "before-the-end", "long-after-the-end"])
def test_silent_schedule_has_everything_fresh_after_one_sweep(tmp_path: Path, days: float) -> None:
    world, arns = with_crls(tmp_path / "home", 5)
    world.clock.forward(days=days)
    publication.publish_due_crls(world.bare, seconds=60)
    assert [arn for arn in arns if not is_fresh(world, arn)] == []


def test_sweeps_that_run_out_of_time_go_on_with_the_longest_overdue(tmp_path: Path) -> None:
    """Every look at the clock takes a tenth of a second: a sweep ends in time, and the next one has what is left.

    More CRLs are due than one listing gives.
    """
    world, arns = with_crls(tmp_path / "home", 130)
    for number, arn in enumerate(arns):  # overdue for different times, in another order than that of their names
        world.bare.store.schedule_crl(arn, due_at=world.clock.now + timedelta(minutes=number * 7 % 130))
    order = sorted(arns, key=lambda arn: due_at(world, arn))
    world.clock.forward(days=20)
    slow = replace(world.bare, now=lambda: ticking(world))
    published, sweeps = list[str](), 0
    while True:
        begin = world.clock.now
        outcomes = publication.publish_due_crls(slow, seconds=24)
        assert world.clock.now - begin <= timedelta(seconds=25)
        if not outcomes:
            break
        assert {each.result for each in outcomes} == {"published"}
        published, sweeps = published + [each.crl_arn for each in outcomes], sweeps + 1
        world.clock.forward(seconds=40)
    assert published == order
    assert sweeps > 1
    assert [arn for arn in arns if not is_fresh(world, arn)] == []


def ticking(world: World) -> datetime:
    world.clock.forward(seconds=0.1)
    return world.clock.now


def due_at(world: World, arn: str) -> datetime:
    state = world.bare.store.get_crl_state(arn)
    assert state is not None
    assert state.next_crl_at is not None
    return state.next_crl_at


def is_fresh(world: World, arn: str) -> bool:
    """Whether what lies in the bucket has more than half of its life before it."""
    ca = world.bare.store.get_certificate_authority(arn)
    assert ca is not None
    (location,) = ca.distribution_points
    stored = world.bare.buckets.get(location.bucket, location.key)
    assert stored is not None
    crl = x509.load_der_x509_crl(stored.body)
    assert crl.next_update_utc is not None
    return crl.next_update_utc - world.clock.now > timedelta(days=3.5)
