"""Roles, OIDC providers and the token key in every store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.identities import OidcProvider, Role, TokenKey
from chalicelib.store import ConflictError
from tests.support.store_records import ACCOUNT, at

if TYPE_CHECKING:
    from chalicelib.identities import Entity
    from chalicelib.store.table_store import TableStore

OTHER = "111111111111"


def role(name: str, **more: Any) -> Role:
    given: dict[str, Any] = {
        "account_id": ACCOUNT,
        "role_id": "AROA1",
        "created_at": at(),
        "trust_policy": "{}",
        "policies": (("one", "{}"), ("two", "[]")),
    } | more
    return Role(name=name, **given)


def provider(name: str, **more: Any) -> OidcProvider:
    given: dict[str, Any] = {
        "account_id": ACCOUNT,
        "url": f"https://{name}",
        "provider_id": "OIDC1",
        "created_at": at(),
        "audiences": ("one", "two"),
        "jwks": "{}",
    } | more
    return OidcProvider(name=name, **given)


PAIRS: dict[str, tuple[Entity, Entity, Entity]] = {
    "role": (role("b"), role("a", policies=(), max_session_seconds=600), role("b", account_id=OTHER)),
    "provider": (
        provider("b.example/x/y"),
        provider("a.example", jwks="", ca_pem="pem"),
        provider("b.example/x/y", account_id=OTHER),
    ),
    "token key": (
        TokenKey(name="2", sealed=b"2", created_at=at()),
        TokenKey(sealed=b"1", created_at=at()),
        TokenKey(account_id=OTHER, name="2", sealed=b"3", created_at=at()),
    ),
}


@pytest.mark.parametrize(("second", "first", "elsewhere"), PAIRS.values(), ids=PAIRS)
def test_entities_are_kept_listed_by_name_and_changed_by_one_alone(
    store: TableStore, second: Any, first: Any, elsewhere: Any
) -> None:
    for each in (second, first, elsewhere):
        store.put_entity(each)
    with pytest.raises(ConflictError):
        store.put_entity(first)
    kind, account = type(first), first.account_id
    assert store.list_entities(kind, account) == [first, second]
    assert store.list_entities(kind, account, limit=1) == [first]
    assert store.list_entities(kind, account, after=first.name) == [second]
    changed = store.update_entity(second, replace(second, created_at=at(hours=1)))
    assert changed.version == 2
    assert store.get_entity(kind, account, second.name) == changed
    assert store.get_entity(kind, OTHER, second.name) == elsewhere
    with pytest.raises(ConflictError):
        store.update_entity(second, second)
    for _ in range(2):
        store.delete_entity(second)
    assert store.get_entity(kind, account, second.name) is None
    assert store.list_entities(kind, OTHER) == [elsewhere]
    with pytest.raises(ConflictError):
        store.update_entity(changed, changed)


def test_kinds_have_names_of_their_own(store: TableStore) -> None:
    store.put_entity(role("a"))
    store.put_entity(provider("a"))
    assert store.get_entity(Role, ACCOUNT, "a") == role("a")
    assert store.get_entity(TokenKey, ACCOUNT, "a") is None
