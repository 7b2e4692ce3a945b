"""Principals and their access keys, and how soon a change of a policy counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import errors
from chalicelib.access import access_keys, authorization, presets, principals
from chalicelib.access.policy_documents import PolicyError
from chalicelib.access.presets import PresetError
from chalicelib.access.principals import PrincipalError
from chalicelib.identities import ADMINISTRATOR
from chalicelib.keystore import KeyStoreError
from chalicelib.runtime import Caller
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

ACCOUNT = "000000000000"
ANYTHING = '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


def may_list(rt: Runtime, principal: str) -> bool:
    caller = Caller(account_id=ACCOUNT, access_key_id="x", principal=principal, operation="ListCertificateAuthorities")
    return authorization.decide(rt, caller, "*").allowed


def test_change_of_a_policy_counts_at_once_here_and_in_five_seconds_elsewhere(rt: Runtime, clock: Any) -> None:
    elsewhere = replace(rt, known={})
    principals.create(rt, ACCOUNT, "p")
    assert not may_list(rt, "p")
    assert not may_list(elsewhere, "p")
    principals.put_policy(rt, ACCOUNT, "p", "all", ANYTHING)
    assert (may_list(rt, "p"), may_list(elsewhere, "p")) == (True, False)
    clock.forward(seconds=5)
    assert may_list(elsewhere, "p")
    principals.delete_policy(rt, ACCOUNT, "p", "all")
    assert (may_list(rt, "p"), may_list(elsewhere, "p")) == (False, True)
    clock.forward(seconds=5)
    assert not may_list(elsewhere, "p")
    principals.put_policy(rt, ACCOUNT, "p", "all", ANYTHING)
    clock.forward(seconds=-3600)  # a clock that was ahead keeps nothing longer
    assert may_list(elsewhere, "p")


def test_principal_that_is_deleted_has_no_access_keys_and_no_rights(rt: Runtime) -> None:
    principals.create(rt, ACCOUNT, "p", policies=(("all", ANYTHING),))
    made = access_keys.create_access_key(rt, ACCOUNT, principal="p")
    other = access_keys.create_access_key(rt, "111111111111")
    assert may_list(rt, "p")
    principals.delete(rt, ACCOUNT, "p")
    assert not may_list(rt, "p")
    assert rt.store.get_access_key(made.access_key_id) is None
    assert rt.store.get_access_key(other.access_key_id) is not None
    with pytest.raises(PrincipalError, match="no principal p"):
        principals.delete(rt, ACCOUNT, "p")
    with pytest.raises(ConflictError, match="no principal p"):
        access_keys.create_access_key(rt, ACCOUNT, principal="p")


def test_new_principal_does_not_inherit_access_keys_of_an_old_one(rt: Runtime) -> None:
    """A deletion may die between the principal and its keys."""
    principals.create(rt, ACCOUNT, "p")
    made = access_keys.create_access_key(rt, ACCOUNT, principal="p")
    key = rt.store.get_access_key(made.access_key_id)
    assert key is not None
    principals.delete(rt, ACCOUNT, "p")
    principals.create(rt, ACCOUNT, "p")
    rt.store.put_access_key(key)  # what the first deletion would have left
    rt.store.delete_principal(ACCOUNT, "q")
    assert rt.store.get_access_key(made.access_key_id) == key
    rt.store.delete_principal(ACCOUNT, "p")
    assert rt.store.get_access_key(made.access_key_id) is None


def test_secret_is_of_no_other_principal(rt: Runtime) -> None:
    """Whoever writes to the store makes no administrator of an issuer."""
    principals.create(rt, ACCOUNT, "p")
    made = access_keys.create_access_key(rt, ACCOUNT, principal="p")
    key = rt.store.get_access_key(made.access_key_id)
    assert key is not None
    assert access_keys.secret_of(rt, key) == made.secret
    for change in ({"principal": ADMINISTRATOR}, {"principal": "q"}, {"account_id": "111111111111"}):
        with pytest.raises(KeyStoreError):
            access_keys.secret_of(rt, replace(key, **change))  # type: ignore[arg-type]  # one member each


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "administrator": (lambda rt: principals.create(rt, ACCOUNT, "administrator"), PrincipalError, "already"),
    "taken": (lambda rt: principals.create(rt, ACCOUNT, "p"), PrincipalError, "already"),
    "no name": (lambda rt: principals.create(rt, ACCOUNT, ""), PrincipalError, "1 to 64"),
    "name": (lambda rt: principals.create(rt, ACCOUNT, "a/b"), PrincipalError, "1 to 64"),
    "Signet itself": (lambda rt: principals.create(rt, ACCOUNT, "signet:itself"), PrincipalError, "1 to 64"),
    "policy": (lambda rt: principals.create(rt, ACCOUNT, "q", policies=(("x", "{}"),)), PolicyError, "Statement"),
    "policy's name": (lambda rt: principals.put_policy(rt, ACCOUNT, "p", "a b", ANYTHING), PrincipalError, "policy"),
    "long policy": (
        lambda rt: principals.put_policy(rt, ACCOUNT, "p", "x", ANYTHING + " " * 10240),
        PolicyError,
        "10240",
    ),
    "policies that are long together": (
        lambda rt: principals.put_policy(rt, ACCOUNT, "p", "y", ANYTHING + " " * 10150),
        PolicyError,
        "10240",
    ),
    "changing the administrator": (
        lambda rt: principals.put_policy(rt, ACCOUNT, "administrator", "x", ANYTHING),
        PrincipalError,
        "cannot be changed",
    ),
    "deleting the administrator": (
        lambda rt: principals.delete(rt, ACCOUNT, "administrator"),
        PrincipalError,
        "changed",
    ),
    "no such policy": (lambda rt: principals.delete_policy(rt, ACCOUNT, "p", "z"), PrincipalError, "no policy z"),
    "no such principal": (lambda rt: principals.put_policy(rt, ACCOUNT, "n", "x", ANYTHING), PrincipalError, "n"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(rt: Runtime, case: str) -> None:
    principals.create(rt, ACCOUNT, "p", policies=(("all", ANYTHING),))
    call, kind, text = REFUSED[case]
    with pytest.raises(kind, match=text):
        call(rt)
    assert [each.name for each in rt.store.list_principals(ACCOUNT)] == ["p"]


def test_policies_that_are_damaged_deny_everything(rt: Runtime) -> None:
    made = principals.create(rt, ACCOUNT, "p", policies=(("all", ANYTHING),))
    rt.store.update_principal(made, replace(made, policies=(("all", ANYTHING), ("damaged", "{"))))
    caller = Caller(account_id=ACCOUNT, access_key_id="x", principal="p", operation="ListCertificateAuthorities")
    with pytest.raises(errors.AccessDeniedException, match="statement 1 of policy 'damaged'"):
        authorization.check(rt, caller, "*")


def test_administrator_is_there_unasked(rt: Runtime) -> None:
    assert dict(principals.find(rt, ACCOUNT, ADMINISTRATOR).policies).keys() == {ADMINISTRATOR}
    assert rt.store.list_principals(ACCOUNT) == []
    assert may_list(rt, ADMINISTRATOR)


def test_presets_say_what_they_need() -> None:
    ca, template = ["arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/x"], ["t"]
    for preset, cas, templates in (
        ("issuer", [], template), ("issuer", ca, []), ("auditor", ca, template), ("administrator", ca, []),
    ):  # fmt: skip
        with pytest.raises(PresetError):
            presets.policy_of(preset, cas, templates)
    assert timedelta(seconds=5) == principals.KNOWN_FOR
