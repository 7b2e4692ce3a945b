"""Lists of certificates by time and by name, of every store, beside the same found by looking at all records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest

from chalicelib.store import Span
from chalicelib.store.listing_queries import Period
from tests.support.builders import START
from tests.support.store_records import ACCOUNT, at, authority, certificate, revocation

if TYPE_CHECKING:
    from chalicelib.records import Certificate, CertificateAuthority
    from chalicelib.store.listing_queries import Entry
    from chalicelib.store.table_store import TableStore

SERIALS = [number * 0x1357_9BDF_0246_8ACE_1111_2222_3333_4444 % (1 << 128) for number in range(1, 13)]
Kind = Literal["issued", "expires", "revoked"]


@pytest.fixture
def many(store: TableStore, ca: CertificateAuthority) -> list[Certificate]:
    """Certificates of two CAs in turn, one a day, which expire in the opposite order; each third one is revoked."""
    store.reserve_certificate_authority(authority(2), None, now=START)
    made = []
    for number, serial in enumerate(SERIALS):
        of = authority(2) if number % 2 else ca
        record = certificate(of, serial, reserved_at=at(days=number), not_after=at(days=100 - number))
        names = [("san", f"host{number}.example.{'com' if number % 4 else 'net'}"), ("subject", "Example")]
        store.reserve_certificate(record, of, None, now=START, terms=names)
        store.complete_certificate(record, b"signed", issued_at=at(days=number))
        record = replace(record, status="ISSUED", certificate_der=b"signed", issued_at=at(days=number), tbs_der=None)
        if number % 3 == 0:
            revoked = revocation(record, at(days=50 + number))
            store.revoke_certificate(record, revoked)
            record = replace(record, revoked_at=revoked.revoked_at, revocation_reason=revoked.reason)
        made.append(record)
    return made


def by(kind: Kind, records: list[Certificate]) -> list[int]:
    """Serial numbers in the order of a time, without those that have none."""
    time = {"issued": "reserved_at", "expires": "not_after", "revoked": "revoked_at"}[kind]
    timed = [(getattr(record, time), record.serial_number) for record in records if getattr(record, time)]
    return [serial for _, serial in sorted(timed)]


def serials(entries: list[Entry]) -> list[int]:
    return [int(entry.serial, 16) for entry in entries]


@pytest.mark.parametrize("kind", ["issued", "expires", "revoked"])
@pytest.mark.parametrize("number", [0, 1, 2], ids=["account", "first", "second"])
def test_periods_are_walked_in_both_directions_from_any_position(
    store: TableStore, many: list[Certificate], kind: Kind, number: int
) -> None:
    scope = authority(number).arn if number else ACCOUNT
    expected = by(kind, [record for record in many if not number or record.ca_arn == scope])
    for backwards in (False, True):
        found: list[Entry] = []
        while page := store.entries_by_time(
            Period(scope, kind), beyond=found[-1].position if found else "", backwards=backwards, limit=3
        ):
            found += page
        assert serials(found) == expected[:: -1 if backwards else 1]
        records = {record.serial_number: record for record in many}
        of = [records[serial] for serial in serials(found)]
        assert [entry.ca_id for entry in found] == [record.ca_arn[-36:] for record in of]
        assert store.get_certificates(found, [record.ca_arn for record in of]) == of
    assert store.count_by_time(Period(scope, kind)) == (len(expected), True)


@pytest.mark.parametrize("kind", ["issued", "expires", "revoked"])
def test_period_that_ends_before_it_begins_is_empty(store: TableStore, many: list[Certificate], kind: Kind) -> None:
    """As the filters of a list may say it."""
    for scope in (ACCOUNT, authority(1).arn):
        for period in (Period(scope, kind, at(days=9), at(days=2)), Period(scope, kind, at(days=2), at(days=2))):
            assert store.entries_by_time(period, limit=9) == []
            assert store.entries_by_time(period, backwards=True, limit=9) == []
            assert store.count_by_time(period, most=5) == store.count_by_time(period) == (0, True)
        (first, *_) = store.entries_by_time(Period(scope, kind), limit=1)
        later = Period(scope, kind, at(days=999))
        assert store.entries_by_time(later, beyond=first.position, backwards=True, limit=9) == []


def test_period_begins_and_ends_exactly(store: TableStore, many: list[Certificate]) -> None:
    for scope, expected in ((ACCOUNT, SERIALS[3:7]), (authority(1).arn, SERIALS[4:7:2])):
        period = Period(scope, "issued", at(days=3), at(days=7))
        assert serials(store.entries_by_time(period, limit=9)) == expected
        assert serials(store.entries_by_time(period, backwards=True, limit=1)) == expected[-1:]
        assert store.count_by_time(period) == (len(expected), True)
    assert store.entries_by_time(Period(ACCOUNT, "issued", at(days=20)), limit=9) == []
    assert store.entries_by_time(Period("999999999999", "issued"), limit=9) == []
    expiring = Period(authority(1).arn, "expires", ends=at(days=92))
    assert serials(store.entries_by_time(expiring, limit=9)) == [SERIALS[10]]
    assert len(many) == len(SERIALS)


def test_count_says_if_there_are_more(store: TableStore, many: list[Certificate]) -> None:
    period = Period(ACCOUNT, "issued")
    assert store.count_by_time(period, most=len(many)) == (len(many), True)
    assert store.count_by_time(period, most=len(many) - 1) == (len(many) - 1, False)


def test_ids_of_cas_are_listed_without_reading_them(store: TableStore, many: list[Certificate]) -> None:
    expected = sorted(authority(number).arn[-36:] for number in (1, 2))
    assert store.list_authority_ids(ACCOUNT) == expected
    assert store.list_authority_ids("999999999999") == []
    assert many


def test_failed_certificates_are_counted(store: TableStore, ca: CertificateAuthority) -> None:
    record = certificate(ca, 7)
    store.reserve_certificate(record, ca, None, now=START)
    assert store.count_failed([ca.arn, authority(2).arn]) == 0
    store.fail_certificate(record, "why")
    assert store.count_failed([ca.arn, authority(2).arn]) == 1


def test_names_are_found_in_several_cas_in_order(store: TableStore, many: list[Certificate]) -> None:
    cas = [authority(1).arn, authority(2).arn]
    found = store.entries_by_name(cas, Span("san", "HOST1", "HOST1"), limit=9)
    assert [entry.value for entry in found] == ["host1.example.com", "host10.example.com", "host11.example.com"]
    assert serials(found) == [SERIALS[1], SERIALS[10], SERIALS[11]]
    assert [entry.ca_id for entry in found] == [many[number].ca_arn[-36:] for number in (1, 10, 11)]
    rest = store.entries_by_name(cas, Span("san", "host1", "host1"), beyond=found[0].position, limit=1)
    assert rest == found[1:2]
    assert store.entries_by_name(cas[1:], Span("san", "host10", "host10"), limit=9) == []
    whole = Span("san", "host1.example.com", "host1.example.com", whole=True)
    assert serials(store.entries_by_name(cas, whole, limit=9)) == [SERIALS[1]]
    assert store.entries_by_name(cas, whole._replace(first="host1", last="host1"), limit=9) == []
    assert len(store.entries_by_name(cas, Span("subject", "example", "example"), limit=99)) == len(SERIALS)
    assert store.most_searched() > 0


def test_names_are_found_by_their_ending(store: TableStore, many: list[Certificate]) -> None:
    ca_arn = authority(1).arn
    expected = {many[number].serial_number for number in (0, 4, 8)}
    entries, position, read = store.entries_ending(ca_arn, "san", ".example.net", most=10_000)
    assert (set(serials(entries)), position) == (expected, "")
    assert read >= 6
    found, begin, calls = set[int](), "", 0
    while begin or not calls:
        entries, begin, read = store.entries_ending(ca_arn, "san", ".example.net", beyond=begin, most=1)
        found |= set(serials(entries))
        calls += 1
        assert read <= 8
    assert found == expected
    assert calls > 3
    assert store.entries_ending(ca_arn, "san", "absent", most=10_000)[0] == []
