"""Certificate authorities in every store: conditions, pages, tokens, purges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.records import CertificateAuthority, DistributionPoint, FormerCertificate, OcspUrl
from chalicelib.store import ConflictError, StaleAuthorityError, TokenMismatchError, items
from tests.support.builders import START
from tests.support.store_records import ACCOUNT, POINT, at, authority, certificate, token

if TYPE_CHECKING:
    from chalicelib.store.table_store import TableStore


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
        distribution_points=(POINT,),
    )
    assert store.update_certificate_authority(ca, full) == replace(full, version=2, issuing_epoch=2)
    assert store.get_certificate_authority(ca.arn) == replace(full, version=2, issuing_epoch=2)


def test_certificate_that_is_replaced_becomes_a_former_one(store: TableStore, ca: CertificateAuthority) -> None:
    first = store.update_certificate_authority(ca, replace(ca, certificate_der=b"1", installed_at=at(days=1)))
    assert store.former_certificates(ca.arn, limit=9) == []
    same = store.update_certificate_authority(first, replace(first, status="DISABLED"))
    chain = store.update_certificate_authority(same, replace(same, chain_der=(b"2",), installed_at=at(days=2)))
    store.update_certificate_authority(chain, replace(chain, certificate_der=b"3", installed_at=at(days=3)))
    newest, oldest = store.former_certificates(ca.arn, limit=9)
    assert newest == FormerCertificate(
        ca_arn=ca.arn,
        version=chain.version,
        certificate_der=b"1",
        chain_der=(b"2",),
        installed_at=at(days=2),
        replaced_at=at(days=3),
    )
    assert (oldest.version, oldest.chain_der, oldest.replaced_at) == (same.version, (), at(days=2))
    assert store.former_certificates(ca.arn, limit=1) == [newest]
    assert store.former_certificate(ca.arn, oldest.version) == oldest
    assert store.former_certificate(ca.arn, 99) is None


def test_conflict_leaves_no_former_certificate(store: TableStore, ca: CertificateAuthority) -> None:
    first = store.update_certificate_authority(ca, replace(ca, certificate_der=b"1"))
    store.update_certificate_authority(first, replace(first, status="DISABLED"))
    with pytest.raises(ConflictError):
        store.update_certificate_authority(first, replace(first, certificate_der=b"2"))
    assert store.former_certificates(ca.arn, limit=9) == []


def test_purge_removes_former_certificates(store: TableStore, ca: CertificateAuthority) -> None:
    for number in range(3):
        ca = store.update_certificate_authority(ca, replace(ca, certificate_der=b"%d" % number))
    store.purge_certificate_authority(ca)
    assert store.former_certificates(ca.arn, limit=9) == []


def test_distribution_points_keep_the_names_of_stored_attributes() -> None:
    point = replace(POINT, partition="p", url="http://a", until=at(days=1))
    ca = replace(authority(), distribution_points=(point,), ocsp_urls=(OcspUrl(url="http://o"),))
    item = items.to_item(ca, items.authority_key(ca.arn))
    moment = items.micros(at(days=1))
    assert item["crl_locations"] == f'[["bucket","crl/x.crl","PUBLIC_READ","p","http://a",{moment}]]'
    assert item["ocsp_addresses"] == '[["http://o",null]]'
    assert items.from_item(CertificateAuthority, item) == ca
    assert items.from_item(CertificateAuthority, item | {"crl_locations": '[["b","k"]]'}).distribution_points == (
        DistributionPoint(bucket="b", key="k"),
    )


def test_update_is_conditional_on_the_version(store: TableStore, ca: CertificateAuthority) -> None:
    store.update_certificate_authority(ca, replace(ca, tags=(("a", "b"),)))
    with pytest.raises(ConflictError):
        store.update_certificate_authority(ca, replace(ca, status="FAILED"))
    found = store.get_certificate_authority(ca.arn)
    assert found is not None
    assert (found.status, found.version, found.issuing_epoch) == ("CREATING", 2, 1)


def test_authority_is_found_by_its_key_until_it_is_purged(store: TableStore, ca: CertificateAuthority) -> None:
    assert store.authority_with_key("ab" * 32) is None
    keyed = store.update_certificate_authority(ca, replace(ca, key_sha256="ab" * 32))
    assert store.authority_with_key("ab" * 32) == ca.arn
    store.purge_certificate_authority(keyed)
    assert store.authority_with_key("ab" * 32) is None


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
    started = store.start_crl(ca, POINT, due_at=START)
    with pytest.raises(ConflictError):
        store.purge_certificate_authority(ca)
    store.purge_certificate_authority(started)
    assert store.get_certificate_authority(ca.arn) is None
    assert store.get_crl_state(ca.arn) is None
    assert store.list_due("CRL", now=at(days=1), limit=9) == []
    assert store.get_certificate(ca.arn, 1) is not None
    with pytest.raises(StaleAuthorityError):
        store.reserve_certificate(certificate(ca, 2), ca, None, now=START)
