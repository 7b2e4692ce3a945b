"""What the monitor last saw, in every store: replaced by whoever read it last, and gone with its CA."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.home_records import Look, Reachability
from chalicelib.store import ConflictError
from tests.support.builders import START
from tests.support.store_records import at, authority

if TYPE_CHECKING:
    from chalicelib.records import CertificateAuthority
    from chalicelib.store.table_store import TableStore

OTHER = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/11111111-2222-3333-4444-555555555555"


def seen(ca_arn: str) -> Reachability:
    looks = (
        Look(url="http://crl.example/x.crl", at=at(minutes=1), problem="The URL answers with 404.", since=START),
        Look(url="http://ocsp.example", at=START, problem="", since=START),
    )
    return Reachability(ca_arn=ca_arn, source="here", looked_at=at(minutes=1), looks=looks, others=3)


def test_looks_are_replaced_only_by_whoever_read_them_last(store: TableStore) -> None:
    arn = authority().arn
    assert store.get_reachability([arn, OTHER]) == {}
    first = store.put_reachability(seen(arn))
    assert store.get_reachability([arn]) == {arn: first} == {arn: replace(seen(arn), version=1)}
    store.put_reachability(seen(OTHER))
    second = store.put_reachability(replace(first, looks=()))
    for stale in (seen(arn), first):
        with pytest.raises(ConflictError):
            store.put_reachability(stale)
    assert store.get_reachability([OTHER, arn]) == {OTHER: replace(seen(OTHER), version=1), arn: second}
    assert store.get_reachability([]) == {}


def test_looks_go_with_their_ca(store: TableStore, ca: CertificateAuthority) -> None:
    store.put_reachability(seen(ca.arn))
    store.purge_certificate_authority(ca)
    assert store.get_reachability([ca.arn]) == {}
