"""What every store lists as due, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.support.builders import START
from tests.support.store_records import at, authority, certificate

if TYPE_CHECKING:
    from chalicelib.records import CertificateAuthority
    from chalicelib.store.table_store import TableStore


def test_due_lists_the_longest_overdue_first_up_to_the_limit(store: TableStore) -> None:
    for number in range(1, 5):
        created = replace(authority(number), created_at=at(minutes=-number))
        store.reserve_certificate_authority(created, None, now=START)
    assert store.list_due("CREATING", now=at(minutes=-2), limit=9) == [authority(each).arn for each in (4, 3, 2)]
    assert store.list_due("CREATING", now=START, limit=2) == [authority(4).arn, authority(3).arn]


def test_due_is_listed_since_a_time_in_the_order_of_all_partitions(store: TableStore, ca: CertificateAuthority) -> None:
    records = [
        store.reserve_certificate(certificate(ca, number, reserved_at=at(seconds=number)), ca, None, now=START)[0]
        for number in range(1, 30)
    ]
    found = [each.arn for each in records]
    assert list(store.iter_due("PENDING", since=None, now=at(seconds=20))) == found[:20]
    assert list(store.iter_due("PENDING", since=at(seconds=20), now=at(seconds=25))) == found[20:25]
    assert list(store.iter_due("PENDING", since=at(seconds=29), now=at(days=1))) == []


def test_next_due_time_is_found_in_every_partition(store: TableStore, ca: CertificateAuthority) -> None:
    for number in range(1, 30):
        store.reserve_certificate(certificate(ca, number, reserved_at=at(seconds=number)), ca, None, now=START)
    assert store.due_after("PENDING", START) == at(seconds=1)
    assert store.due_after("PENDING", at(seconds=17)) == at(seconds=18)
    assert store.due_after("PENDING", at(seconds=29)) is None
    assert store.due_after("PURGE", START) is None


def test_pending_certificates_are_due_until_they_end(store: TableStore, ca: CertificateAuthority) -> None:
    records = [
        store.reserve_certificate(certificate(ca, number, reserved_at=at(seconds=number)), ca, None, now=START)[0]
        for number in range(1, 30)
    ]
    assert store.list_due("PENDING", now=at(seconds=20), limit=5) == [each.arn for each in records[:5]]
    for record in records[:10]:
        store.complete_certificate(record, b"x", issued_at=START)
    store.fail_certificate(records[10], "x")
    assert store.list_due("PENDING", now=at(minutes=1), limit=99) == [each.arn for each in records[11:]]


def test_deleted_authorities_are_due_when_their_window_ends(store: TableStore, ca: CertificateAuthority) -> None:
    deleted = replace(ca, status="DELETED", restorable_until=at(days=7))
    changed = store.update_certificate_authority(ca, deleted)
    assert store.list_due("PURGE", now=at(days=7, seconds=-1), limit=9) == []
    assert store.list_due("PURGE", now=at(days=7), limit=9) == [ca.arn]
    store.update_certificate_authority(changed, replace(changed, status="DISABLED", restorable_until=None))
    assert store.list_due("PURGE", now=at(days=8), limit=9) == []
