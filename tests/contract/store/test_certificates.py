"""Certificates in every store: from reservation to issuance, serial numbers, tokens, changes of the CA."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.store import ConflictError, SerialTakenError, StaleAuthorityError, TokenMismatchError, items
from tests.support.builders import START
from tests.support.store_records import at, certificate, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.records import CertificateAuthority
    from chalicelib.store.table_store import TableStore


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
    for serial_number in range(1, 1 + items.GUARDS):  # every guard
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
