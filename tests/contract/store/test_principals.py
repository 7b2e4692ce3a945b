"""Principals and their access keys in every store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.identities import AccessKey, Principal
from chalicelib.store import ConflictError, items
from chalicelib.store.table import Key, Put
from tests.support.store_records import ACCOUNT, at

if TYPE_CHECKING:
    from chalicelib.store.table_store import TableStore

OTHER = "111111111111"


def access_key(number: int, **more: Any) -> AccessKey:
    given: dict[str, Any] = {"account_id": ACCOUNT, "sealed_secret": b"s", "created_at": at(hours=number)} | more
    return AccessKey(access_key_id=f"AKIA{number}", **given)


def principal(name: str, **more: Any) -> Principal:
    given: dict[str, Any] = {
        "account_id": ACCOUNT,
        "created_at": at(),
        "policies": (("one", "{}"), ("two", "[]")),
    } | more
    return Principal(name=name, **given)


def test_principals_are_kept_listed_by_name_and_changed_by_one_alone(store: TableStore) -> None:
    made = [principal("b"), principal("a", policies=())]
    elsewhere = principal("b", account_id=OTHER)
    for each in (*made, elsewhere):
        store.put_principal(each)
    with pytest.raises(ConflictError):
        store.put_principal(made[0])
    assert store.list_principals(ACCOUNT) == made[::-1]
    changed = store.update_principal(made[0], replace(made[0], policies=()))
    assert store.get_principal(ACCOUNT, "b") == changed
    assert store.get_principal(OTHER, "b") == elsewhere
    with pytest.raises(ConflictError):
        store.update_principal(made[0], made[0])


def test_access_keys_are_those_of_principals_and_go_with_them(store: TableStore) -> None:
    for each in (principal("b"), principal("a"), principal("b", account_id=OTHER)):
        store.put_principal(each)
    keys = [
        access_key(1, principal="b", expires_at=at(days=90)),
        access_key(2, principal="a"),
        access_key(3, principal="b", account_id=OTHER),
        access_key(4),
    ]
    for key in keys:
        store.put_access_key(key)
    for refused in (access_key(1, principal="b"), access_key(5, principal="nobody")):
        with pytest.raises(ConflictError):
            store.put_access_key(refused)
    assert store.list_access_keys() == keys
    for _ in range(2):
        store.delete_principal(ACCOUNT, "b")
    assert store.list_access_keys() == keys[1:]
    assert store.get_principal(ACCOUNT, "b") is None
    assert store.get_principal(OTHER, "b") is not None
    with pytest.raises(ConflictError):
        store.put_access_key(access_key(6, principal="b"))


def test_access_key_of_an_earlier_release_is_the_administrators(store: TableStore) -> None:
    item = items.to_item(access_key(1), Key("KEYS", "AKIA1"))
    del item["principal"]
    store.table.write(Put(item))
    found = store.get_access_key("AKIA1")
    assert found is not None
    assert (found.principal, found.expires_at) == ("administrator", None)
