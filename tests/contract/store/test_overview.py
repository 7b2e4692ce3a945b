"""Counts and last things of every store, beside the same found by reading all records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.store.table import Put
from tests.support.builders import START
from tests.support.store_records import ACCOUNT, at, authority, certificate, report, revocation

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.records import Certificate, CertificateAuthority
    from chalicelib.store.table_store import TableStore

SERIALS = [number * 0x1357_9BDF_0246_8ACE_1111_2222_3333_4444 % (1 << 128) for number in range(1, 21)]


@pytest.fixture
def many(store: TableStore, ca: CertificateAuthority) -> list[Certificate]:
    """Certificates of 20 serials, one a day, in states of every kind; each third one is revoked ten days later."""
    made = []
    for number, serial in enumerate(SERIALS):
        record = certificate(ca, serial, reserved_at=at(days=number), not_after=at(days=100 + 2 * number))
        store.reserve_certificate(record, ca, None, now=START)
        if number % 5:
            store.complete_certificate(record, b"signed", issued_at=at(days=number))
            record = replace(record, status="ISSUED")
        if number % 3 == 0:
            store.revoke_certificate(record, revocation(record, at(days=number + 10)))
        made.append(record)
    return made


def by_day(first: int, last: int) -> list[datetime]:
    return [at(days=day) for day in range(first, last + 1)]


def test_counts_are_those_of_all_records(store: TableStore, ca: CertificateAuthority, many: list[Certificate]) -> None:
    assert store.count_certificates(ACCOUNT, "issued", by_day(-2, 25)) == [0, 0, *[1] * 20, *[0] * 5]
    assert store.count_certificates(ACCOUNT, "issued", [at(days=1), at(days=3), at(days=10)]) == [2, 7]
    assert store.count_certificates(ACCOUNT, "expires", [START, at(days=111), at(days=138)]) == [6, 13]
    assert store.count_certificates(ACCOUNT, "revoked", by_day(9, 16)) == [0, 1, 0, 0, 1, 0, 0]
    assert store.count_certificates("999999999999", "issued", by_day(0, 3)) == [0, 0, 0]


def test_counts_are_of_all_authorities_of_an_account(
    store: TableStore, ca: CertificateAuthority, many: list[Certificate]
) -> None:
    store.reserve_certificate_authority(authority(2), None, now=START)
    store.reserve_certificate(certificate(authority(2), 7), authority(2), None, now=START)
    assert store.count_certificates(ACCOUNT, "issued", by_day(0, 2)) == [2, 1]
    assert len(many) == len(SERIALS)


def test_certificates_are_listed_by_expiry(
    store: TableStore, ca: CertificateAuthority, many: list[Certificate]
) -> None:
    by_expiry = sorted((record.not_after, record.serial_number) for record in many)
    first, last = by_expiry[2][0], by_expiry[12][0]
    found = store.list_expiring(ACCOUNT, since=first, until=last, limit=99)
    assert [(at, serial) for at, _, serial in found] == [each for each in by_expiry if first <= each[0] < last]
    assert {ca_id for _, ca_id, _ in found} == {ca.arn.rsplit("/", 1)[1]}
    assert store.list_expiring(ACCOUNT, since=first, until=last, limit=4) == found[:4]
    assert store.count_certificates(ACCOUNT, "expires", [first, last]) == [len(found)]
    assert store.list_expiring("999999999999", since=first, until=last, limit=4) == []
    assert store.count_issued([ca.arn], START, at(days=3)) == 3
    assert store.count_issued([], START, at(days=3)) == 0


def test_counts_of_a_ca_are_those_of_its_records(
    store: TableStore, ca: CertificateAuthority, many: list[Certificate]
) -> None:
    store.reserve_certificate_authority(authority(2), None, now=START)
    store.reserve_certificate(certificate(authority(2), 7), authority(2), None, now=START)
    for record in many:
        if record.status == "PENDING" and record.serial_number != SERIALS[0]:
            store.fail_certificate(record, "It failed.")
    assert store.count_of(ca.arn) == (20, 3, 7)
    assert store.count_of(authority(2).arn) == (1, 0, 0)
    assert store.list_due("PENDING", now=at(days=99), limit=9) == [many[0].arn, certificate(authority(2), 7).arn]


def test_last_ones_come_first(store: TableStore, ca: CertificateAuthority, many: list[Certificate]) -> None:
    newest = [record.serial_number for record in reversed(many)]
    assert [each.serial_number for each in store.last_certificates(ca.arn, limit=5)] == newest[:5]
    assert [each.serial_number for each in store.last_certificates(ca.arn, limit=50)] == newest
    found = store.last_revocations(ca.arn, limit=3)
    assert found == [revocation(many[number], at(days=number + 10)) for number in (18, 15, 12)]
    assert store.last_certificates(authority(2).arn, limit=5) == []


def test_last_expiry_is_that_of_the_certificate_that_ends_last(
    store: TableStore, ca: CertificateAuthority, many: list[Certificate]
) -> None:
    *others, last = sorted(many, key=lambda record: record.not_after)
    assert store.last_expiry(ca.arn, beside=1) == last.not_after
    assert store.last_expiry(ca.arn, beside=last.serial_number) == others[-1].not_after
    assert store.last_expiry(authority(2).arn, beside=1) is None


def test_revocation_without_a_time_in_the_index_is_read_as_ever(
    store: TableStore, ca: CertificateAuthority, many: list[Certificate]
) -> None:
    """That is how older releases wrote them: the CRL has them, last ones do not."""
    (item,) = (
        item
        for shard in range(16)
        for item in store.table.query(f"REV#{ca.arn[-36:]}#{shard:x}")
        if item["sk"] == f"{many[0].serial_number:032x}"
    )
    store.table.write(Put({name: value for name, value in item.items() if not name.startswith("list_")}))
    assert revocation(many[0], at(days=10)) in list(store.list_revocations(ca.arn))
    assert len(store.last_revocations(ca.arn, limit=50)) == 6


def test_reports_are_listed_newest_first(store: TableStore, ca: CertificateAuthority) -> None:
    made = [report(ca, f"r{number * 7 % 5}", created_at=at(hours=number)) for number in range(5)]
    for each in made:
        store.reserve_audit_report(each, last_before=each.created_at)
    assert store.list_audit_reports(ca.arn, limit=3) == made[:1:-1]
    assert store.list_audit_reports(ca.arn, limit=9) == made[::-1]
    assert store.list_audit_reports(authority(2).arn, limit=9) == []


def test_reports_of_an_account_are_listed_newest_first(store: TableStore, ca: CertificateAuthority) -> None:
    made = [report(of, f"r{number}", created_at=at(hours=number)) for number, of in enumerate([ca, authority(2), ca])]
    for each in made:
        store.reserve_audit_report(each, last_before=each.created_at)
    made[0] = store.update_audit_report(made[0], replace(made[0], status="FAILED", failure="why"))
    assert store.last_audit_reports(ACCOUNT, limit=2) == made[:0:-1]
    assert store.last_audit_reports(ACCOUNT, limit=9) == made[::-1]
    assert store.last_audit_reports("999999999999", limit=9) == []
