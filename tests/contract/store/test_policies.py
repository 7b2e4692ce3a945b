"""Permissions and resource policies in every store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.records import CertificateAuthority, Permission, ResourcePolicy
from chalicelib.store import ConflictError
from tests.support.store_records import ACCOUNT, at, authority

if TYPE_CHECKING:
    from chalicelib.store.table_store import TableStore


def test_permissions_are_kept_with_the_authority(store: TableStore, ca: CertificateAuthority) -> None:
    permission = Permission(
        principal="acm.amazonaws.com", source_account=ACCOUNT, actions=("IssueCertificate",), created_at=at(seconds=1)
    )
    changed = store.update_certificate_authority(ca, replace(ca, permissions=(permission,)))
    assert store.get_certificate_authority(ca.arn) == changed
    assert (changed.permissions, changed.issuing_epoch) == ((permission,), ca.issuing_epoch)


def test_policy_is_replaced_only_as_it_was_read(store: TableStore, ca: CertificateAuthority) -> None:
    assert store.get_policy(ca.arn) is None
    store.put_policy(None, ResourcePolicy(ca_arn=ca.arn, text="first", shared_with=("1" * 12, "2" * 12)), most=9)
    with pytest.raises(ConflictError):
        store.put_policy(None, ResourcePolicy(ca_arn=ca.arn, text="second"), most=9)
    first = store.get_policy(ca.arn)
    assert first is not None
    assert (first.text, first.shared_with) == ("first", ("1" * 12, "2" * 12))
    store.put_policy(first, replace(first, text="second", shared_with=("2" * 12, "3" * 12)), most=9)
    with pytest.raises(ConflictError):
        store.put_policy(first, replace(first, text="third"), most=9)
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
    store.put_policy(None, ResourcePolicy(ca_arn=ca.arn, text="x", shared_with=tuple(names[:40])), most=9)
    first = store.get_policy(ca.arn)
    assert first is not None
    store.put_policy(first, replace(first, shared_with=tuple(names[40:])), most=9)
    assert [bool(store.list_shared(name, limit=1)) for name in names] == [False] * 40 + [True] * 40


def test_shared_authorities_are_paged_by_id(store: TableStore) -> None:
    arns = [authority(number).arn for number in (3, 1, 2)]
    for arn in arns:
        store.put_policy(None, ResourcePolicy(ca_arn=arn, text="x", shared_with=("1" * 12,)), most=9)
    assert store.list_shared("1" * 12, limit=2) == sorted(arns)[:2]
    assert store.list_shared("1" * 12, limit=2, after="00000000-0000-0000-0000-000000000002") == sorted(arns)[2:]
