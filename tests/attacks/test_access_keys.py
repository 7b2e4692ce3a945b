"""Who can write the table, but not open the keystore, makes no access key more than it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.access import access_keys
from chalicelib.identities import ADMINISTRATOR, AccessKey, Principal
from chalicelib.keystore import KeyStoreError
from chalicelib.store import ConflictError
from tests.support.client import client_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop
VICTIM, OWN = "000000000000", "111122223333"


def former(rt: Any, key: AccessKey, secret: str) -> AccessKey:
    """The record as an earlier release wrote it."""
    old = replace(key, sealed_secret=rt.keys.seal(secret.encode(), access_keys._former_context(key)))
    rt.store.update_access_key(key, old)
    return old


@pytest.fixture
def mine(rt: Any, clock: Clock) -> access_keys.Credential:
    """A key of an account of the attacker's, which expires."""
    principal = Principal(account_id=OWN, name="reader", created_at=clock())
    rt.store.put_principal(principal)
    return access_keys.create_access_key(rt, OWN, principal="reader", expires_at=clock() + timedelta(days=1))


ALTERED: dict[str, Callable[[AccessKey], AccessKey]] = {
    "account": lambda key: replace(key, account_id=VICTIM),
    "principal": lambda key: replace(key, principal=ADMINISTRATOR),
    "account of an administrator": lambda key: replace(key, account_id=VICTIM, principal=ADMINISTRATOR),
    "expiry": lambda key: replace(key, expires_at=None),
    "later": lambda key: replace(key, expires_at=(key.expires_at or key.created_at) + timedelta(days=900)),
    "id": lambda key: replace(key, access_key_id="AKIAOTHER"),
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_altered_record_opens_no_secret(
    rt: Any, mine: access_keys.Credential, alter: Callable[[AccessKey], AccessKey]
) -> None:
    key = rt.store.get_access_key(mine.access_key_id)
    assert access_keys.secret_of(rt, key) == mine.secret
    with pytest.raises(KeyStoreError):
        access_keys.secret_of(rt, alter(key))


def test_administrator_of_one_account_does_not_become_that_of_another(rt: Any) -> None:
    own = access_keys.create_access_key(rt, OWN)
    key = rt.store.get_access_key(own.access_key_id)
    rt.store.update_access_key(key, replace(key, account_id=VICTIM))
    client = client_for(rt, access_key_id=own.access_key_id, secret=own.secret)
    with pytest.raises(ClientError):
        client.list_certificate_authorities()


def test_sealed_secret_of_another_key_is_none(rt: Any, mine: access_keys.Credential) -> None:
    root = rt.store.get_access_key(access_keys.ensure_root_key(rt).access_key_id)
    key = rt.store.get_access_key(mine.access_key_id)
    with pytest.raises(KeyStoreError):
        access_keys.secret_of(rt, replace(root, sealed_secret=key.sealed_secret))


@pytest.mark.parametrize("principal", [ADMINISTRATOR, "reader"])
def test_former_seal_is_read_once(rt: Any, mine: access_keys.Credential, principal: str) -> None:
    made = mine if principal == "reader" else access_keys.create_access_key(rt, OWN)
    old = former(rt, rt.store.get_access_key(made.access_key_id), made.secret)
    assert access_keys.secret_of(rt, old) == made.secret
    new = rt.store.get_access_key(made.access_key_id)
    assert new.sealed_secret != old.sealed_secret
    assert replace(new, sealed_secret=b"") == replace(old, sealed_secret=b"")
    assert access_keys.secret_of(rt, new) == made.secret
    with pytest.raises(KeyStoreError):
        access_keys.secret_of(rt, replace(new, account_id=VICTIM))


def test_former_seal_of_a_principal_opens_for_no_administrator(rt: Any, mine: access_keys.Credential) -> None:
    old = former(rt, rt.store.get_access_key(mine.access_key_id), mine.secret)
    for altered in (replace(old, principal=ADMINISTRATOR), replace(old, account_id=VICTIM)):
        with pytest.raises(KeyStoreError):
            access_keys.secret_of(rt, altered)


def test_two_processes_seal_anew_at_once(rt: Any) -> None:
    made = access_keys.create_access_key(rt, OWN)
    old = former(rt, rt.store.get_access_key(made.access_key_id), made.secret)
    assert access_keys.secret_of(rt, old) == access_keys.secret_of(rt, old) == made.secret
    with pytest.raises(ConflictError):
        rt.store.update_access_key(old, old)


def test_deleted_key_does_not_come_back(rt: Any) -> None:
    made = access_keys.create_access_key(rt, OWN)
    old = former(rt, rt.store.get_access_key(made.access_key_id), made.secret)
    rt.store.delete_access_key(made.access_key_id)
    access_keys.secret_of(rt, old)
    assert rt.store.get_access_key(made.access_key_id) is None
