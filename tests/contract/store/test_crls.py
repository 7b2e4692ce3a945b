"""CRLs in every store: partitions, leases, publication, and what makes the next one due."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.arn import crl_arn
from chalicelib.store import ConflictError, table_crls
from chalicelib.store.table_store import TableStore
from tests.support.builders import START
from tests.support.store_records import (
    POINT,
    at,
    certificate,
    complete,
    new_revocations,
    reserve,
    revocation,
    started,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.records import CertificateAuthority


def test_partitioned_revocation_wakes_its_partition_and_the_complete_crl(
    store: TableStore, ca: CertificateAuthority
) -> None:
    partitions = [replace(POINT, key=f"crl/{name}.crl", partition=name, url=f"http://x/{name}") for name in "ab"]
    for point in (POINT, *partitions):
        ca = store.start_crl(ca, point, due_at=at(days=9))
    assert ca.distribution_points == (POINT, *partitions)
    record, _ = store.reserve_certificate(replace(certificate(ca), crl_partition="a"), ca, None, now=START)
    wanted = replace(revocation(record, at(minutes=1)), crl_partition="a")
    store.revoke_certificate(record, wanted)
    of_a, of_b = crl_arn(ca.arn, "a"), crl_arn(ca.arn, "b")
    assert set(store.list_due("CRL", now=at(minutes=1), limit=9)) == {ca.arn, of_a}
    assert [new_revocations(store, each) for each in (ca.arn, of_a, of_b)] == [[wanted], [wanted], []]
    state = store.reserve_crl(of_a, number=7, now=at(minutes=2), lease_until=at(minutes=3))
    assert state is not None
    assert (state.crl_arn, state.crl_number) == (of_a, 7)
    deleted = store.update_certificate_authority(ca, replace(ca, status="DELETED"))
    store.purge_certificate_authority(deleted)
    assert [store.get_crl_state(each) for each in (ca.arn, of_a, of_b)] == [None] * 3


def test_partition_takes_as_many_certificates_as_fit(store: TableStore, ca: CertificateAuthority) -> None:
    fresh = (f"partition-{number}" for number in itertools.count())
    taken = Counter(store.take_crl_partition(ca.arn, "here", next(fresh)) for _ in range(2 * table_crls.SLOTS_TAKEN))
    assert list(taken.values()) == [2 * table_crls.SLOTS_TAKEN]
    elsewhere = store.take_crl_partition(ca.arn, "elsewhere", next(fresh))
    assert elsewhere not in taken
    assert store.take_crl_partition(ca.arn, "here", next(fresh)) not in {*taken, elsewhere}


def test_partitions_of_many_processes_never_hold_too_much(
    store: TableStore, ca: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_crls, "MAX_PARTITION", 20)
    monkeypatch.setattr(table_crls, "SLOTS_TAKEN", 8)
    processes = [TableStore(store.table) for _ in range(4)]

    def take(process: TableStore) -> list[str]:
        return [process.take_crl_partition(ca.arn, "here", str(uuid.uuid4())) for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        taken = Counter(each for found in pool.map(take, processes) for each in found)
    assert sum(taken.values()) == 80
    assert max(taken.values()) <= 20


def test_distribution_point_replaces_the_one_with_the_same_url(store: TableStore, ca: CertificateAuthority) -> None:
    named = replace(POINT, url="http://one.example/x.crl")
    ca = store.start_crl(started(store, ca), named, due_at=START)  # one without a name is an older release's
    ended = tuple(replace(each, until=at(days=1)) for each in ca.distribution_points)
    ca = store.update_certificate_authority(ca, replace(ca, distribution_points=ended))
    other = replace(POINT, url="http://two.example/x.crl")
    ca = store.start_crl(ca, other, due_at=START)
    assert ca.distribution_points == (*ended, other)
    ca = store.start_crl(ca, replace(named, acl="BUCKET_OWNER_FULL_CONTROL"), due_at=START)
    assert ca.distribution_points == (other, replace(named, acl="BUCKET_OWNER_FULL_CONTROL"))
    assert store.get_certificate_authority(ca.arn) == ca


def test_publication_that_missed_an_older_address_counts_as_a_failure(
    store: TableStore, ca: CertificateAuthority
) -> None:
    ca = started(store, ca)
    for failures in (1, 2):
        state = reserve(store, ca, at(days=failures))
        store.complete_crl(
            state, published_at=START, next_update=at(days=7), entries=3, next_crl_at=at(hours=1), failure="why"
        )
        found = store.get_crl_state(ca.arn)
        assert found is not None
        assert (found.failures, found.last_error, found.published_entries) == (failures, "why", 3)
    complete(store, reserve(store, ca, at(days=3)), at(days=4))
    found = store.get_crl_state(ca.arn)
    assert found is not None
    assert (found.failures, found.last_error) == (0, None)


def test_crl_that_is_not_scheduled_is_not_reserved(store: TableStore, ca: CertificateAuthority) -> None:
    """As that of a CA that is no longer served; whatever makes it due lets it be reserved again."""
    ca = started(store, ca)
    complete(store, reserve(store, ca), None)
    assert reserve(store, ca, at(days=9)) is None
    store.schedule_crl(ca.arn, due_at=at(days=9))
    assert reserve(store, ca, at(days=9)) is not None


def test_lease_of_a_clock_that_was_ahead_holds_nothing(store: TableStore, ca: CertificateAuthority) -> None:
    """By more than a lease: one that is ahead by less is respected. Who took it has lost it at the next write."""
    started(store, ca)
    store.schedule_crl(ca.arn, due_at=at(days=-2))
    slightly = reserve(store, ca, at(seconds=45))
    assert reserve(store, ca) is None
    store.fail_crl(slightly, "broken", retry_at=START)
    ahead = reserve(store, ca, at(days=1))
    taken = reserve(store, ca)
    assert (taken.crl_number, taken.lease_until) == (ahead.crl_number + 1, at(seconds=45))
    with pytest.raises(ConflictError):
        store.renew_crl(ahead, lease_until=at(days=2))
    with pytest.raises(ConflictError):
        store.fail_crl(ahead, "late", retry_at=START)
    with pytest.raises(ConflictError):
        complete(store, ahead, at(days=3))
    complete(store, taken, at(days=3))


def test_start_adds_the_distribution_point_and_makes_the_crl_due(store: TableStore, ca: CertificateAuthority) -> None:
    changed = started(store, ca)
    assert changed.distribution_points == (POINT,)
    assert changed == store.get_certificate_authority(ca.arn)
    assert store.list_due("CRL", now=START, limit=9) == [ca.arn]
    with pytest.raises(ConflictError):
        store.start_crl(ca, POINT, due_at=START)
    other = replace(POINT, bucket="other")
    complete(store, reserve(store, ca), at(days=3))
    assert store.start_crl(changed, other, due_at=at(days=1)).distribution_points == (POINT, other)
    assert store.list_due("CRL", now=at(days=1), limit=9) == [ca.arn]


def test_crl_is_reserved_by_one_run_and_only_when_due(store: TableStore, ca: CertificateAuthority) -> None:
    assert reserve(store, ca) is None
    started(store, ca)
    assert reserve(store, ca, at(seconds=-1)) is None
    state = reserve(store, ca)
    assert state.crl_number == 100
    assert reserve(store, ca, at(seconds=44)) is None
    later = reserve(store, ca, at(seconds=45), number=5)
    assert later.crl_number == 101
    writes: list[Callable[[], None]] = [
        lambda: store.intend_crl(state, "ab"),
        lambda: complete(store, state, None),
        lambda: store.fail_crl(state, "x", retry_at=START),
    ]
    for write in writes:
        with pytest.raises(ConflictError):
            write()
    store.intend_crl(later, "cd")
    found = store.get_crl_state(ca.arn)
    assert found is not None
    assert found.tbs_sha256 == "cd"


def test_publication_is_recorded_and_the_next_one_scheduled(store: TableStore, ca: CertificateAuthority) -> None:
    started(store, ca)
    complete(store, reserve(store, ca), at(days=3))
    state = store.get_crl_state(ca.arn)
    assert state is not None
    assert (state.published_number, state.published_at, state.next_update) == (100, START, at(days=7))
    assert (state.published_entries, state.next_crl_at, state.lease_until) == (3, at(days=3), None)
    assert store.list_due("CRL", now=at(days=3, seconds=-1), limit=9) == []
    assert store.list_due("CRL", now=at(days=3), limit=9) == [ca.arn]


def test_publication_may_leave_nothing_due(store: TableStore, ca: CertificateAuthority) -> None:
    started(store, ca)
    complete(store, reserve(store, ca), None)
    assert store.list_due("CRL", now=at(days=999), limit=9) == []
    store.schedule_crl(ca.arn, due_at=at(days=1))
    assert store.list_due("CRL", now=at(days=1), limit=9) == [ca.arn]


def test_revocation_during_a_run_keeps_the_crl_due(store: TableStore, ca: CertificateAuthority) -> None:
    """The lost wake-up: the run had read the revocations before this one came."""
    changed = started(store, ca)
    record, _ = store.reserve_certificate(certificate(ca), changed, None, now=START)
    state = reserve(store, ca)
    store.revoke_certificate(record, revocation(record, at(seconds=5)))
    complete(store, state, at(days=3))
    assert store.list_due("CRL", now=at(seconds=5), limit=9) == [ca.arn]
    found = store.get_crl_state(ca.arn)
    assert found is not None
    assert (found.published_number, found.lease_until, found.revision) == (100, None, 1)


def test_revocation_brings_the_next_crl_forward_and_never_back(store: TableStore, ca: CertificateAuthority) -> None:
    changed = started(store, ca)
    complete(store, reserve(store, ca), at(days=3))
    for serial_number, revoked_at, due_at in ((1, at(days=1), at(days=1)), (2, at(days=2), at(days=1))):
        record, _ = store.reserve_certificate(certificate(ca, serial_number), changed, None, now=START)
        store.revoke_certificate(record, revocation(record, revoked_at))
        found = store.get_crl_state(ca.arn)
        assert found is not None
        assert found.next_crl_at == due_at


def test_failed_run_is_recorded_and_due_again(store: TableStore, ca: CertificateAuthority) -> None:
    started(store, ca)
    store.fail_crl(reserve(store, ca), "broken", retry_at=at(seconds=15))
    state = store.get_crl_state(ca.arn)
    assert state is not None
    assert (state.failures, state.last_error, state.lease_until) == (1, "broken", None)
    assert store.list_due("CRL", now=at(seconds=14), limit=9) == []
    complete(store, reserve(store, ca, at(seconds=15), 200), at(days=3))
    state = store.get_crl_state(ca.arn)
    assert state is not None
    assert (state.failures, state.last_error, state.published_number) == (0, None, 200)


def test_what_wakes_a_crl_during_a_run_that_fails_does_not_wait_for_its_retry(
    store: TableStore, ca: CertificateAuthority
) -> None:
    started(store, ca)
    state = reserve(store, ca)
    store.schedule_crl(ca.arn, due_at=at(seconds=5))
    store.fail_crl(state, "The CA is EXPIRED.", retry_at=at(days=1))
    assert store.list_due("CRL", now=at(seconds=5), limit=9) == [ca.arn]
    found = store.get_crl_state(ca.arn)
    assert found is not None
    assert (found.failures, found.last_error, found.lease_until) == (1, "The CA is EXPIRED.", None)


def test_schedule_without_crl_state_changes_nothing(store: TableStore, ca: CertificateAuthority) -> None:
    store.schedule_crl(ca.arn, due_at=START)
    assert store.get_crl_state(ca.arn) is None
