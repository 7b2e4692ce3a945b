"""What every store promises, on SQLite, on DynamoDB, and in the memory of tests."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.arn import crl_arn
from chalicelib.records import (
    AccessKey,
    CertificateAuthority,
    CrlSegment,
    CrlSegments,
    Permission,
    ResourcePolicy,
    Revocation,
)
from chalicelib.store import ConflictError, SerialTakenError, StaleAuthorityError, TokenMismatchError, items, table_crls
from chalicelib.store.table import Put
from chalicelib.store.table_store import TableStore
from tests.support.builders import START
from tests.support.store_records import (
    ACCOUNT,
    LOCATION,
    at,
    authority,
    certificate,
    complete,
    new_revocations,
    report,
    reserve,
    revocation,
    session,
    started,
    token,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.store.table import Write


# access keys


def test_access_keys_are_kept_listed_by_age_and_removed(store: TableStore) -> None:
    keys = [
        AccessKey(
            access_key_id=f"AKIA{number}", account_id=ACCOUNT, sealed_secret=b"\x00s", created_at=at(hours=-number)
        )
        for number in range(3)
    ]
    for key in keys:
        store.put_access_key(key)
    assert store.get_access_key("AKIA1") == keys[1]
    assert store.list_access_keys() == keys[::-1]
    with pytest.raises(ConflictError):
        store.put_access_key(keys[0])
    for _ in range(2):
        store.delete_access_key("AKIA1")
    assert store.get_access_key("AKIA1") is None


# certificate authorities


def test_authority_is_read_as_it_was_written(store: TableStore, ca: CertificateAuthority) -> None:
    assert ca == authority()
    full = replace(
        ca,
        status="DELETED",
        key_id="key",
        csr_tbs_sha256="ab",
        csr_der=b"\x30\x00",
        certificate_der=b"\x30\xff",
        chain_der=(b"\x01", b"\x02"),
        failure_reason="OTHER",
        restorable_until=at(days=7),
        status_before_deletion="DISABLED",
        tags=(("k", "v"), ("n", None)),
        crl_locations=(LOCATION,),
    )
    assert store.update_certificate_authority(ca, full) == replace(full, version=2, issuing_epoch=2)
    assert store.get_certificate_authority(ca.arn) == replace(full, version=2, issuing_epoch=2)


def test_update_is_conditional_on_the_version(store: TableStore, ca: CertificateAuthority) -> None:
    store.update_certificate_authority(ca, replace(ca, tags=(("a", "b"),)))
    with pytest.raises(ConflictError):
        store.update_certificate_authority(ca, replace(ca, status="FAILED"))
    found = store.get_certificate_authority(ca.arn)
    assert found is not None
    assert (found.status, found.version, found.issuing_epoch) == ("CREATING", 2, 1)


def test_list_pages_in_order_and_stays_in_the_account(store: TableStore) -> None:
    for number in (3, 1, 2):
        store.reserve_certificate_authority(authority(number), None, now=START)
    store.reserve_certificate_authority(authority(4, account="111111111111"), None, now=START)
    listed = store.list_certificate_authorities(ACCOUNT, limit=2)
    assert [each.arn for each in listed] == [authority(1).arn, authority(2).arn]
    rest = store.list_certificate_authorities(ACCOUNT, limit=2, after=listed[-1].arn.rsplit("/", 1)[1])
    assert [each.arn for each in rest] == [authority(3).arn]
    assert store.list_accounts() == [ACCOUNT, "111111111111"]


def test_creation_with_a_live_token_gives_the_first_authority(store: TableStore) -> None:
    first = store.reserve_certificate_authority(authority(1), token(), now=START)
    assert store.reserve_certificate_authority(authority(2), token(), now=at(seconds=299)) == first
    assert store.get_certificate_authority(authority(2).arn) is None
    with pytest.raises(TokenMismatchError):
        store.reserve_certificate_authority(authority(2), token(fingerprint="g"), now=START)
    unused = (token("other"), token(scope="other"), token(fingerprint="g"))
    assert store.certificate_authority_of(token(), now=at(seconds=299)) == first
    assert [store.certificate_authority_of(each, now=START) for each in unused] == [None] * 3
    assert store.certificate_authority_of(token(), now=at(minutes=5)) is None
    again = token(expires_at=at(minutes=10))
    assert store.reserve_certificate_authority(authority(3), again, now=at(minutes=5)) == authority(3).arn


@pytest.mark.parametrize("end", ["failed", "purged"])
def test_token_of_an_authority_that_came_to_nothing_counts_as_unused(store: TableStore, end: str) -> None:
    store.reserve_certificate_authority(authority(1), token(), now=START)
    found = store.get_certificate_authority(authority(1).arn)
    assert found is not None
    if end == "failed":
        store.update_certificate_authority(found, replace(found, status="FAILED"))
    else:
        store.purge_certificate_authority(found)
    assert store.certificate_authority_of(token(), now=START) is None
    assert store.reserve_certificate_authority(authority(2), token(), now=START) == authority(2).arn


def test_purge_forgets_the_authority_but_not_its_certificates(store: TableStore, ca: CertificateAuthority) -> None:
    store.reserve_certificate(certificate(ca), ca, None, now=START)
    started = store.start_crl(ca, LOCATION, due_at=START)
    with pytest.raises(ConflictError):
        store.purge_certificate_authority(ca)
    store.purge_certificate_authority(started)
    assert store.get_certificate_authority(ca.arn) is None
    assert store.get_crl_state(ca.arn) is None
    assert store.list_due("CRL", now=at(days=1), limit=9) == []
    assert store.get_certificate(ca.arn, 1) is not None
    with pytest.raises(StaleAuthorityError):
        store.reserve_certificate(certificate(ca, 2), ca, None, now=START)


# certificates


def test_certificate_goes_from_pending_to_issued(store: TableStore, ca: CertificateAuthority) -> None:
    reserved, is_new = store.reserve_certificate(certificate(ca), ca, None, now=START)
    assert is_new
    assert store.get_certificate(ca.arn, 1) == reserved == certificate(ca)
    store.complete_certificate(reserved, b"\x30der", issued_at=at(seconds=1))
    issued = replace(reserved, status="ISSUED", certificate_der=b"\x30der", issued_at=at(seconds=1), tbs_der=None)
    assert store.get_certificate(ca.arn, 1) == issued
    assert list(store.list_certificates(ca.arn)) == [issued]
    writes: list[Callable[[], None]] = [
        lambda: store.complete_certificate(reserved, b"x", issued_at=START),
        lambda: store.fail_certificate(reserved, "x"),
    ]
    for write in writes:
        with pytest.raises(ConflictError):
            write()
    assert store.get_certificate(ca.arn, 1) == issued


def test_serial_is_used_once_whatever_became_of_it(store: TableStore, ca: CertificateAuthority) -> None:
    biggest = (1 << 128) - 1
    store.reserve_certificate(certificate(ca, biggest), ca, None, now=START)
    store.fail_certificate(certificate(ca, biggest), "why")
    with pytest.raises(SerialTakenError):
        store.reserve_certificate(certificate(ca, biggest), ca, None, now=START)
    found = store.get_certificate(ca.arn, biggest)
    assert found is not None
    assert (found.status, found.failure, found.tbs_der) == ("FAILED", "why", b"tbs")


CHANGES: dict[str, dict[str, Any]] = {
    "status": {"status": "DISABLED"},
    "certificate": {"certificate_der": b"x"},
    "chain": {"chain_der": (b"x",)},
    "revocation": {"revocation_configuration": {"CrlConfiguration": {"Enabled": True}}},
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_that_returned_precedes_every_later_reservation(
    store: TableStore, ca: CertificateAuthority, change: str
) -> None:
    assert store.get_certificate_authority(ca.arn, cached=True) == ca
    changed = store.update_certificate_authority(ca, replace(ca, **CHANGES[change]))
    for serial_number in range(1, 40):  # every guard
        with pytest.raises(StaleAuthorityError):
            store.reserve_certificate(certificate(ca, serial_number), ca, None, now=START)
    assert list(store.list_certificates(ca.arn)) == []
    assert store.reserve_certificate(certificate(ca), changed, None, now=START)[1]


def test_change_of_tags_does_not_disturb_reservations(store: TableStore, ca: CertificateAuthority) -> None:
    store.update_certificate_authority(ca, replace(ca, tags=(("a", "b"),)))
    assert store.reserve_certificate(certificate(ca), ca, None, now=START)[1]


def test_one_token_reserves_one_certificate(store: TableStore, ca: CertificateAuthority) -> None:
    first, _ = store.reserve_certificate(certificate(ca, 1), ca, token(), now=START)
    assert store.reserve_certificate(certificate(ca, 2), ca, token(), now=at(seconds=299)) == (first, False)
    assert store.get_certificate(ca.arn, 2) is None
    unused = (token("other"), token(scope="other"), token(fingerprint="g"))
    assert store.certificate_of(token(), now=at(seconds=299)) == first
    assert [store.certificate_of(each, now=START) for each in unused] == [None] * 3
    assert store.certificate_of(token(), now=at(minutes=5)) is None
    with pytest.raises(TokenMismatchError):
        store.reserve_certificate(certificate(ca, 2), ca, token(fingerprint="g"), now=START)
    assert store.reserve_certificate(certificate(ca, 2), ca, token(scope="other"), now=START)[1]
    assert store.reserve_certificate(certificate(ca, 3), ca, token(), now=at(minutes=5))[1]


def test_token_of_a_failed_certificate_counts_as_unused(store: TableStore, ca: CertificateAuthority) -> None:
    first, _ = store.reserve_certificate(certificate(ca, 1), ca, token(), now=START)
    store.fail_certificate(first, "x")
    assert store.certificate_of(token(), now=START) is None
    second, is_new = store.reserve_certificate(certificate(ca, 2), ca, token(), now=START)
    assert is_new
    assert store.reserve_certificate(certificate(ca, 3), ca, token(), now=START) == (second, False)


def test_many_certificates_are_listed_once_each(store: TableStore, ca: CertificateAuthority) -> None:
    serials = {number * 7919 for number in range(1, 40)}
    for serial_number in serials:
        store.reserve_certificate(certificate(ca, serial_number), ca, None, now=START)
    listed = [each.serial_number for each in store.list_certificates(ca.arn)]
    assert sorted(listed) == sorted(serials)


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

        def write(self, *writes: Write) -> None:
            store.table.write(*writes)
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
    ca = store.start_crl(ca, replace(LOCATION, partition="a", url="http://x/a"), due_at=START)
    of_a = crl_arn(ca.arn, "a")
    folded(store, store.get_crl_segments(of_a), "a1")
    folded(store, store.get_crl_segments(ca.arn), "c1")
    assert [each.segment_id for each in store.get_crl_segments(of_a).segments] == ["a1"]
    store.purge_certificate_authority(store.update_certificate_authority(ca, replace(ca, status="DELETED")))
    assert store.get_crl_segments(of_a) == CrlSegments(crl_arn=of_a)
    assert store.get_crl_segments(ca.arn) == CrlSegments(crl_arn=ca.arn)


# CRLs


def test_partitioned_revocation_wakes_its_partition_and_the_complete_crl(
    store: TableStore, ca: CertificateAuthority
) -> None:
    partitions = [replace(LOCATION, key=f"crl/{name}.crl", partition=name, url=f"http://x/{name}") for name in "ab"]
    for location in (LOCATION, *partitions):
        ca = store.start_crl(ca, location, due_at=at(days=9))
    assert ca.crl_locations == (LOCATION, *partitions)
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


def test_location_replaces_the_one_with_the_same_address(store: TableStore, ca: CertificateAuthority) -> None:
    named = replace(LOCATION, url="http://one.example/x.crl")
    ca = store.start_crl(started(store, ca), named, due_at=START)  # one without a name is an older release's
    ended = tuple(replace(each, until=at(days=1)) for each in ca.crl_locations)
    ca = store.update_certificate_authority(ca, replace(ca, crl_locations=ended))
    other = replace(LOCATION, url="http://two.example/x.crl")
    ca = store.start_crl(ca, other, due_at=START)
    assert ca.crl_locations == (*ended, other)
    ca = store.start_crl(ca, replace(named, acl="BUCKET_OWNER_FULL_CONTROL"), due_at=START)
    assert ca.crl_locations == (other, replace(named, acl="BUCKET_OWNER_FULL_CONTROL"))
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


def test_start_adds_the_location_and_makes_the_crl_due(store: TableStore, ca: CertificateAuthority) -> None:
    changed = started(store, ca)
    assert changed.crl_locations == (LOCATION,)
    assert changed == store.get_certificate_authority(ca.arn)
    assert store.list_due("CRL", now=START, limit=9) == [ca.arn]
    with pytest.raises(ConflictError):
        store.start_crl(ca, LOCATION, due_at=START)
    other = replace(LOCATION, bucket="other")
    complete(store, reserve(store, ca), at(days=3))
    assert store.start_crl(changed, other, due_at=at(days=1)).crl_locations == (LOCATION, other)
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


# what is due


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
    assert list(store.each_due("PENDING", since=None, now=at(seconds=20))) == found[:20]
    assert list(store.each_due("PENDING", since=at(seconds=20), now=at(seconds=25))) == found[20:25]
    assert list(store.each_due("PENDING", since=at(seconds=29), now=at(days=1))) == []


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


# permissions and policies


def test_permissions_are_kept_with_the_authority(store: TableStore, ca: CertificateAuthority) -> None:
    permission = Permission(
        principal="acm.amazonaws.com", source_account=ACCOUNT, actions=("IssueCertificate",), created_at=at(seconds=1)
    )
    changed = store.update_certificate_authority(ca, replace(ca, permissions=(permission,)))
    assert store.get_certificate_authority(ca.arn) == changed
    assert (changed.permissions, changed.issuing_epoch) == ((permission,), ca.issuing_epoch)


def test_policy_is_replaced_only_as_it_was_read(store: TableStore, ca: CertificateAuthority) -> None:
    assert store.get_policy(ca.arn) is None
    store.put_policy(None, ResourcePolicy(ca_arn=ca.arn, text="first", shared_with=("1" * 12, "2" * 12)))
    with pytest.raises(ConflictError):
        store.put_policy(None, ResourcePolicy(ca_arn=ca.arn, text="second"))
    first = store.get_policy(ca.arn)
    assert first is not None
    assert (first.text, first.shared_with) == ("first", ("1" * 12, "2" * 12))
    store.put_policy(first, replace(first, text="second", shared_with=("2" * 12, "3" * 12)))
    with pytest.raises(ConflictError):
        store.put_policy(first, replace(first, text="third"))
    with pytest.raises(ConflictError):
        store.delete_policy(first)
    found = [store.list_shared(account * 12, limit=9) for account in "123"]
    assert found == [[], [ca.arn], [ca.arn]]
    second = store.get_policy(ca.arn)
    assert second is not None
    store.delete_policy(second)
    assert store.get_policy(ca.arn) is None
    assert store.list_shared("2" * 12, limit=9) == []


def test_policy_may_name_forty_accounts_after_forty_others(store: TableStore, ca: CertificateAuthority) -> None:
    names = [f"{number:012d}" for number in range(80)]
    store.put_policy(None, ResourcePolicy(ca_arn=ca.arn, text="x", shared_with=tuple(names[:40])))
    first = store.get_policy(ca.arn)
    assert first is not None
    store.put_policy(first, replace(first, shared_with=tuple(names[40:])))
    assert [bool(store.list_shared(name, limit=1)) for name in names] == [False] * 40 + [True] * 40


def test_shared_authorities_are_paged_by_id(store: TableStore) -> None:
    arns = [authority(number).arn for number in (3, 1, 2)]
    for arn in arns:
        store.put_policy(None, ResourcePolicy(ca_arn=arn, text="x", shared_with=("1" * 12,)))
    assert store.list_shared("1" * 12, limit=2) == sorted(arns)[:2]
    assert store.list_shared("1" * 12, limit=2, after="00000000-0000-0000-0000-000000000002") == sorted(arns)[2:]


def test_report_is_due_until_it_is_finished(store: TableStore, ca: CertificateAuthority) -> None:
    store.reserve_audit_report(report(ca), last_before=at(minutes=-30))
    name = f"{ca.arn}/audit-report/r1"
    assert store.list_due("REPORT", now=START, limit=9) == [name]
    found = store.get_audit_report(ca.arn, "r1")
    assert found == report(ca)
    held = store.update_audit_report(found, replace(found, due_at=at(minutes=1), attempts=1))
    assert store.list_due("REPORT", now=START, limit=9) == []
    assert store.list_due("REPORT", now=at(minutes=1), limit=9) == [name]
    with pytest.raises(ConflictError):
        store.update_audit_report(found, found)
    done = store.update_audit_report(held, replace(held, status="SUCCESS", due_at=None))
    assert store.get_audit_report(ca.arn, "r1") == done
    assert store.list_due("REPORT", now=at(days=1), limit=9) == []
    assert store.get_audit_report(ca.arn, "r2") is None


def test_report_of_a_clock_that_was_ahead_stops_no_other(store: TableStore, ca: CertificateAuthority) -> None:
    store.reserve_audit_report(report(ca, created_at=at(minutes=30)), last_before=START)
    with pytest.raises(ConflictError):
        store.reserve_audit_report(report(ca, "r2"), last_before=at(minutes=-30))
    store.reserve_audit_report(report(ca, "r2"), last_before=at(minutes=-29))
    with pytest.raises(ConflictError):
        store.reserve_audit_report(report(ca, "r3"), last_before=at(minutes=-29))


def test_reports_keep_their_distance(store: TableStore, ca: CertificateAuthority) -> None:
    store.reserve_audit_report(report(ca), last_before=at(minutes=-30))
    later = report(ca, "r2", created_at=at(minutes=30))
    with pytest.raises(ConflictError):
        store.reserve_audit_report(later, last_before=at(seconds=-1))
    assert store.get_audit_report(ca.arn, "r2") is None
    store.reserve_audit_report(report(authority(2)), last_before=at(minutes=-30))
    store.reserve_audit_report(later, last_before=START)
    store.forget_last_audit_report(report(ca))
    third = report(ca, "r3", created_at=at(minutes=31))
    with pytest.raises(ConflictError):
        store.reserve_audit_report(third, last_before=at(minutes=1))
    store.forget_last_audit_report(later)
    store.forget_last_audit_report(later)
    store.reserve_audit_report(third, last_before=at(minutes=1))


def test_session_is_kept_as_it_is_and_changed_by_one_alone(store: TableStore) -> None:
    kept = session(drafts={"d": {"subject": {"CommonName": "\u202e"}, "done": ["type"]}})
    store.put_session(kept)
    assert store.get_session(kept.id_sha256) == kept
    with pytest.raises(ConflictError):
        store.put_session(session())
    changed = store.update_session(kept, replace(kept, drafts={}))
    assert store.get_session(kept.id_sha256) == changed
    with pytest.raises(ConflictError):
        store.update_session(kept, kept)


def test_session_is_taken_once(store: TableStore) -> None:
    store.put_session(session())
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: store.take_session(session().id_sha256), range(8)))
    assert [each for each in taken if each is not None] == [session()]
    assert store.get_session(session().id_sha256) is None
    with pytest.raises(ConflictError):
        store.update_session(session(), session())


def test_session_is_due_when_it_ends(store: TableStore) -> None:
    store.put_session(session("a"))
    store.put_session(session("b", expires_at=at(minutes=1)))
    assert store.list_due("SESSION", now=at(seconds=59), limit=9) == []
    assert store.list_due("SESSION", now=at(minutes=1), limit=9) == ["b" * 64]
    assert store.list_due("SESSION", now=at(hours=8), limit=9) == ["b" * 64, "a" * 64]
    store.take_session("a" * 64)
    assert store.list_due("SESSION", now=at(hours=8), limit=9) == ["b" * 64]
