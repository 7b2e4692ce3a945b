"""Revocations and the segments they are folded into, in every store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.arn import crl_arn
from chalicelib.records import CertificateAuthority, CrlSegment, CrlSegments, Revocation
from chalicelib.store import ConflictError, items
from chalicelib.store.table import Put
from chalicelib.store.table_store import TableStore
from tests.support.builders import START
from tests.support.store_records import POINT, at, certificate, new_revocations, revocation

if TYPE_CHECKING:
    from chalicelib.store.table import Write


def test_revocation_is_recorded_once(store: TableStore, ca: CertificateAuthority) -> None:
    record, _ = store.reserve_certificate(certificate(ca), ca, None, now=START)
    wanted = revocation(record, at(minutes=1))
    store.revoke_certificate(record, wanted)
    found = store.get_certificate(ca.arn, 1)
    assert found is not None
    assert (found.revoked_at, found.revocation_reason, found.status) == (at(minutes=1), "SUPERSEDED", "PENDING")
    assert new_revocations(store, ca.arn) == [wanted]
    with pytest.raises(ConflictError):
        store.revoke_certificate(record, revocation(record, at(minutes=2)))
    store.complete_certificate(record, b"x", issued_at=at(minutes=3))
    found = store.get_certificate(ca.arn, 1)
    assert found is not None
    assert (found.status, found.revoked_at) == ("ISSUED", at(minutes=1))


def test_revoked_responder_is_due_at_once_and_its_ca_says_so(store: TableStore, ca: CertificateAuthority) -> None:
    told = store.update_certificate_authority(ca, replace(ca, ocsp_key_hashes=("ab",)))
    first = store.get_responder(ca.arn)
    assert first is not None
    later = replace(first, generation=1, due_at=at(days=15))
    store.update_responder(first, later)
    record, _ = store.reserve_certificate(certificate(ca), told, None, now=START)
    assert store.get_certificate_authority(ca.arn, cached=True) == told
    store.revoke_certificate(record, revocation(record, at(minutes=1)), of_responder=True)
    for cached in (True, False):
        found = store.get_certificate_authority(ca.arn, cached=cached)
        assert found == replace(told, responders_revoked=1, version=told.version + 1)
    assert store.get_responder(ca.arn) == replace(later, due_at=at(minutes=1))
    assert store.list_due("RESPONDER", now=at(minutes=1), limit=9) == [ca.arn]
    with pytest.raises(ConflictError):  # both were read before
        store.update_responder(later, replace(later, generation=2))
    with pytest.raises(ConflictError):
        store.update_certificate_authority(told, replace(told, tags=(("a", "b"),)))
    assert store.reserve_certificate(certificate(ca, 2), told, None, now=START)[1]  # issuance does not depend on it


def test_revocation_of_what_does_not_exist_leaves_nothing(store: TableStore, ca: CertificateAuthority) -> None:
    with pytest.raises(ConflictError):
        store.revoke_certificate(certificate(ca), revocation(certificate(ca)))
    assert store.get_certificate(ca.arn, 1) is None
    assert new_revocations(store, ca.arn) == []


def test_revocations_come_in_the_order_of_serials(store: TableStore, ca: CertificateAuthority) -> None:
    serials = [number << 120 | number for number in (200, 3, 90, 17, 255)]
    for serial_number in serials:
        record, _ = store.reserve_certificate(certificate(ca, serial_number), ca, None, now=START)
        store.revoke_certificate(record, revocation(record))
    assert [each.serial_number for each in new_revocations(store, ca.arn)] == sorted(serials)


def test_new_revocations_are_listed_up_to_a_limit(store: TableStore, ca: CertificateAuthority) -> None:
    for number in range(5):
        record, _ = store.reserve_certificate(certificate(ca, number << 124 | 1), ca, None, now=START)
        store.revoke_certificate(record, revocation(record))
    assert [each.serial_number >> 124 for each in new_revocations(store, ca.arn, limit=3)] == [0, 1, 2]
    assert len(new_revocations(store, ca.arn, limit=9)) == 5


# segments


def segment(name: str) -> CrlSegment:
    return CrlSegment(segment_id=name, entries=b"\x00entries of " + name.encode(), lengths=b"\x09", ends=bytes(8))


def folded(store: TableStore, old: CrlSegments, *names: str, folded: tuple[Revocation, ...] = ()) -> CrlSegments:
    return store.fold_revocations(old, replace(old, segments=tuple(map(segment, names))), folded)


def test_folding_replaces_segments_and_their_revocations(store: TableStore, ca: CertificateAuthority) -> None:
    records = [store.reserve_certificate(certificate(ca, number), ca, None, now=START)[0] for number in (1, 2, 3)]
    for record in records:
        store.revoke_certificate(record, revocation(record))
    new = new_revocations(store, ca.arn)
    none = store.get_crl_segments(ca.arn)
    assert none == CrlSegments(crl_arn=ca.arn)
    first = folded(store, none, "a", "b", folded=tuple(new[:2]))
    assert store.get_crl_segments(ca.arn) == first
    assert [each.segment_id for each in first.segments] == ["a", "b"]
    assert new_revocations(store, ca.arn) == new[2:]
    second = folded(store, first, "b", "c", folded=tuple(new[2:]))
    assert store.get_crl_segments(ca.arn) == second
    assert (second.version, [each.segment_id for each in second.segments]) == (2, ["b", "c"])
    assert new_revocations(store, ca.arn) == []
    found = store.get_certificate(ca.arn, 3)
    assert found is not None
    assert found.revoked_at == revocation(records[2]).revoked_at


def test_two_that_fold_at_once_lose_nothing(store: TableStore, ca: CertificateAuthority) -> None:
    record, _ = store.reserve_certificate(certificate(ca), ca, None, now=START)
    store.revoke_certificate(record, revocation(record))
    none = store.get_crl_segments(ca.arn)
    winner = folded(store, none, "a")
    with pytest.raises(ConflictError):
        folded(store, none, "b", folded=(revocation(record),))
    assert store.get_crl_segments(ca.arn) == winner
    assert new_revocations(store, ca.arn) == [revocation(record)]


def test_new_revocations_beside_segments_that_were_replaced_are_a_conflict(
    store: TableStore, ca: CertificateAuthority
) -> None:
    """They may be in neither. Segments that were made again count as others, whatever their version."""
    record, _ = store.reserve_certificate(certificate(ca), ca, None, now=START)
    store.revoke_certificate(record, revocation(record))
    none = store.get_crl_segments(ca.arn)
    first = folded(store, none, "a", folded=(revocation(record),))
    with pytest.raises(ConflictError):
        store.list_new_revocations(none)
    assert store.list_new_revocations(first) == []
    store.forget_crl_segments(ca.arn)
    assert store.get_crl_segments(ca.arn) == none
    again = folded(store, none, "b")
    assert again.version == first.version
    with pytest.raises(ConflictError):
        store.list_new_revocations(first)
    with pytest.raises(ConflictError):
        folded(store, first, "c")
    assert store.get_crl_segments(ca.arn) == again


def test_fold_that_died_is_finished_by_the_next_reader(store: TableStore, ca: CertificateAuthority) -> None:
    record, _ = store.reserve_certificate(certificate(ca), ca, None, now=START)
    store.revoke_certificate(record, revocation(record))
    old = folded(store, store.get_crl_segments(ca.arn), "a")

    class Dying:
        """The table of a process that dies once the segments are replaced."""

        def write(self, *writes: Write, durable: bool = True) -> None:
            store.table.write(*writes, durable=durable)
            if isinstance(writes[0], Put) and writes[0].key.sk == "LIST":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folded(TableStore(Dying()), old, "b", folded=(revocation(record),))  # type: ignore[arg-type]  # it dies early
    found = store.get_crl_segments(ca.arn)
    assert [each.segment_id for each in found.segments] == ["b"]
    assert new_revocations(store, ca.arn) == []
    assert [str(item["sk"]) for item in store.table.query(items.segments_partition(ca.arn))] == ["LIST", "SEGMENT#b"]


def test_segments_of_a_partition_are_its_own_and_go_with_the_authority(
    store: TableStore, ca: CertificateAuthority
) -> None:
    ca = store.start_crl(ca, replace(POINT, partition="a", url="http://x/a"), due_at=START)
    of_a = crl_arn(ca.arn, "a")
    folded(store, store.get_crl_segments(of_a), "a1")
    folded(store, store.get_crl_segments(ca.arn), "c1")
    assert [each.segment_id for each in store.get_crl_segments(of_a).segments] == ["a1"]
    store.purge_certificate_authority(store.update_certificate_authority(ca, replace(ca, status="DELETED")))
    assert store.get_crl_segments(of_a) == CrlSegments(crl_arn=of_a)
    assert store.get_crl_segments(ca.arn) == CrlSegments(crl_arn=ca.arn)
