"""Two processes at one record: each test lets the other one write just before a chosen write of the first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from chalicelib.store import ConflictError, StaleAuthorityError
from chalicelib.store.table_store import TableStore
from tests.support.builders import START
from tests.support.store_records import (
    POINT,
    at,
    authority,
    certificate,
    complete,
    new_revocations,
    reserve,
    revocation,
    started,
    token,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.records import CertificateAuthority
    from chalicelib.store.table import Index, Item, Key, Table, Write

pytestmark = pytest.mark.parametrize("store", ["sqlite", "dynamodb"], indirect=True)


class Interleaved:
    """A table whose n-th write (from 0) is preceded by somebody else's."""

    def __init__(self, table: Table, interloper: Callable[[], object], before: int = 0) -> None:
        self._table, self._interloper, self._left = table, interloper, before
        self.MOST_PARTITIONS = table.MOST_PARTITIONS
        self.MOST_WRITES = table.MOST_WRITES

    def write(self, *writes: Write, durable: bool = True) -> None:
        if self._left == 0:
            self._interloper()
        self._left -= 1
        self._table.write(*writes, durable=durable)

    def settle(self) -> None:
        self._table.settle()

    def get(self, key: Key) -> Item | None:
        return self._table.get(key)

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        return self._table.get_many(keys)

    def query(self, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None) -> Iterator[Item]:
        return self._table.query(pk, after=after, up_to=up_to, limit=limit)

    def query_index(
        self, index: Index, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        return self._table.query_index(index, pk, after=after, up_to=up_to, limit=limit)

    def scan(self, after: Key | None = None) -> Iterator[list[Item]]:
        return self._table.scan(after)

    def last(self, index: Index | None, pk: str, *, up_to: str | None = None, limit: int) -> Iterator[Item]:
        return self._table.last(index, pk, up_to=up_to, limit=limit)

    def keys(
        self, index: Index | None, pks: Sequence[str], first: str, last: str, *, backwards: bool = False, limit: int
    ) -> list[Key]:
        return self._table.keys(index, pks, first, last, backwards=backwards, limit=limit)

    def count(
        self, index: Index | None, pks: Sequence[str], edges: Sequence[str], *, most: int | None = None
    ) -> list[int]:
        return self._table.count(index, pks, edges, most=most)


def interrupted(store: TableStore, interloper: Callable[[], object], before: int = 0) -> TableStore:
    return TableStore(Interleaved(store.table, interloper, before))


# authorities and tokens


def test_reserve_authority_with_a_token_taken_meanwhile_gives_the_winner(store: TableStore) -> None:
    loser = interrupted(store, lambda: store.reserve_certificate_authority(authority(1), token(), now=START))
    assert loser.reserve_certificate_authority(authority(2), token(), now=START) == authority(1).arn
    assert store.get_certificate_authority(authority(2).arn) is None


def test_reserve_authority_whose_dead_token_is_taken_meanwhile_gives_the_winner(store: TableStore) -> None:
    store.reserve_certificate_authority(replace(authority(1), status="FAILED"), token(), now=START)
    winner = lambda: store.reserve_certificate_authority(authority(3), token(), now=START)  # noqa: E731  an interloper
    loser = interrupted(store, winner, before=1)
    assert loser.reserve_certificate_authority(authority(2), token(), now=START) == authority(3).arn
    assert store.get_certificate_authority(authority(2).arn) is None


def test_reserve_certificate_with_a_token_taken_meanwhile_gives_the_winner(
    store: TableStore, ca: CertificateAuthority
) -> None:
    loser = interrupted(store, lambda: store.reserve_certificate(certificate(ca, 1), ca, token(), now=START))
    assert loser.reserve_certificate(certificate(ca, 2), ca, token(), now=START) == (certificate(ca, 1), False)
    assert store.get_certificate(ca.arn, 2) is None


def test_reserve_certificate_whose_dead_token_is_taken_meanwhile_gives_the_winner(
    store: TableStore, ca: CertificateAuthority
) -> None:
    first, _ = store.reserve_certificate(certificate(ca, 1), ca, token(), now=START)
    store.fail_certificate(first, "x")
    winner = lambda: store.reserve_certificate(certificate(ca, 3), ca, token(), now=START)  # noqa: E731  an interloper
    loser = interrupted(store, winner, before=1)
    assert loser.reserve_certificate(certificate(ca, 2), ca, token(), now=START) == (certificate(ca, 3), False)
    assert store.get_certificate(ca.arn, 2) is None


def test_reserve_certificate_with_a_stale_copy_reads_the_authority_anew(
    store: TableStore, ca: CertificateAuthority
) -> None:
    changed = TableStore(store.table).update_certificate_authority(ca, replace(ca, status="DISABLED"))
    assert store.get_certificate_authority(ca.arn, cached=True) == ca
    with pytest.raises(StaleAuthorityError):
        store.reserve_certificate(certificate(ca), ca, None, now=START)
    assert store.get_certificate_authority(ca.arn, cached=True) == changed


def test_get_authority_uncached_sees_the_change_of_another_process(store: TableStore, ca: CertificateAuthority) -> None:
    changed = TableStore(store.table).update_certificate_authority(ca, replace(ca, tags=(("a", "b"),)))
    assert store.get_certificate_authority(ca.arn) == changed
    assert store.get_certificate_authority(ca.arn.replace("us-east-1", "eu-west-1")) is None


# revocation


def test_revoke_while_the_first_crl_is_started_makes_that_crl_due(store: TableStore, ca: CertificateAuthority) -> None:
    record, _ = store.reserve_certificate(certificate(ca), ca, None, now=START)
    for_the_first_time = lambda: store.start_crl(ca, POINT, due_at=at(days=1))  # noqa: E731  an interloper
    revoker = interrupted(store, for_the_first_time, before=1)
    revoker.revoke_certificate(record, revocation(record, at(seconds=5)))
    state = store.get_crl_state(ca.arn)
    assert state is not None
    assert (state.next_crl_at, state.revision) == (at(seconds=5), 1)
    assert store.list_due("CRL", now=at(seconds=5), limit=9) == [ca.arn]


def test_revoke_while_the_authority_is_purged_is_still_recorded(store: TableStore, ca: CertificateAuthority) -> None:
    changed = started(store, ca)
    record, _ = store.reserve_certificate(certificate(ca), ca, None, now=START)
    revoker = interrupted(store, lambda: store.purge_certificate_authority(changed))
    revoker.revoke_certificate(record, revocation(record))
    assert new_revocations(store, ca.arn) == [revocation(record)]
    assert store.get_crl_state(ca.arn) is None


def test_revoke_of_a_certificate_that_changed_meanwhile_is_a_conflict(
    store: TableStore, ca: CertificateAuthority
) -> None:
    record, _ = store.reserve_certificate(certificate(ca), ca, None, now=START)
    revoker = interrupted(store, lambda: store.complete_certificate(record, b"x", issued_at=START))
    with pytest.raises(ConflictError):
        revoker.revoke_certificate(record, revocation(record))
    issued = store.get_certificate(ca.arn, 1)
    assert issued is not None
    assert issued.revoked_at is None
    assert new_revocations(store, ca.arn) == []
    store.revoke_certificate(issued, revocation(issued))


# CRLs


def test_reserve_crl_while_a_revocation_comes_has_its_revision(store: TableStore, ca: CertificateAuthority) -> None:
    changed = started(store, ca)
    record, _ = store.reserve_certificate(certificate(ca), changed, None, now=START)
    runner = interrupted(store, lambda: store.revoke_certificate(record, revocation(record)))
    state = reserve(runner, ca)
    assert state == store.get_crl_state(ca.arn)
    assert (state.crl_number, state.revision, state.lease_until) == (100, 1, at(seconds=45))


def test_reserve_crl_while_another_run_does_gives_none(store: TableStore, ca: CertificateAuthority) -> None:
    started(store, ca)
    assert reserve(interrupted(store, lambda: reserve(store, ca)), ca) is None


@pytest.mark.parametrize("end", ["complete", "fail"])
def test_reserve_crl_while_the_late_holder_ends_gives_none(
    store: TableStore, ca: CertificateAuthority, end: str
) -> None:
    started(store, ca)
    late = reserve(store, ca)

    def finish() -> None:
        if end == "complete":
            complete(store, late, at(days=3))
        else:
            store.fail_crl(late, "x", retry_at=at(days=3))

    assert reserve(interrupted(store, finish), ca, at(minutes=5)) is None
    state = store.get_crl_state(ca.arn)
    assert state is not None
    assert (state.crl_number, state.lease_until, state.next_crl_at) == (100, None, at(days=3))


def test_complete_crl_between_revocation_and_a_new_run_is_a_conflict(
    store: TableStore, ca: CertificateAuthority
) -> None:
    """The revision has moved, and before the second attempt the lease has too."""
    changed = started(store, ca)
    record, _ = store.reserve_certificate(certificate(ca), changed, None, now=START)
    state = reserve(store, ca)
    store.revoke_certificate(record, revocation(record))
    other_run = lambda: reserve(store, ca, at(minutes=1), number=500)  # noqa: E731  an interloper
    with pytest.raises(ConflictError):
        complete(interrupted(store, other_run, before=1), state, at(days=3))
    found = store.get_crl_state(ca.arn)
    assert found is not None
    assert (found.crl_number, found.published_number, found.lease_until) == (500, 0, at(minutes=1, seconds=45))


def test_start_crl_while_the_authority_changes_is_a_conflict(store: TableStore, ca: CertificateAuthority) -> None:
    tagged = replace(ca, tags=(("a", "b"),))
    with pytest.raises(ConflictError):
        started(interrupted(store, lambda: store.update_certificate_authority(ca, tagged)), ca)
    assert store.get_crl_state(ca.arn) is None


def test_schedule_crl_while_a_run_ends_still_makes_it_due(store: TableStore, ca: CertificateAuthority) -> None:
    started(store, ca)
    state = reserve(store, ca)
    scheduler = interrupted(store, lambda: complete(store, state, at(days=3)), before=1)
    scheduler.schedule_crl(ca.arn, due_at=START + timedelta(days=1))
    assert store.list_due("CRL", now=at(days=1), limit=9) == [ca.arn]
