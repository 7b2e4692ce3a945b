"""The token key: one for a home, made at its first use, and never shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.access import principals, token_key
from chalicelib.acme import nonces
from chalicelib.identities import TokenKey

if TYPE_CHECKING:
    from tests.faults.world import Clock


def test_processes_derive_the_same_secret_for_a_purpose(rt: Any) -> None:
    another = replace(rt, known={})
    secret = token_key.derived(rt, "acme-nonce")
    assert len(secret) == 32
    assert token_key.derived(another, "acme-nonce") == secret
    assert token_key.derived(rt, "another") != secret
    nonce = nonces.make(secret, rt.now())
    assert nonces.check(token_key.derived(another, "acme-nonce"), nonce, rt.now()) > rt.now()


def test_key_is_made_once_and_a_deleted_one_is_replaced(rt: Any, clock: Clock) -> None:
    assert token_key.known(rt) is None
    secret = token_key.derived(rt, "acme-nonce")
    rt.store.delete_entity(rt.store.get_entity(TokenKey, "", "1"))
    clock.forward(seconds=principals.KNOWN_FOR.total_seconds() + 1)
    assert token_key.known(rt) is None
    assert token_key.derived(rt, "acme-nonce") != secret


def test_key_is_not_shown(rt: Any) -> None:
    opened = token_key.made(rt)
    assert repr(opened.secret) not in repr(rt.known)
    assert opened.secret not in rt.store.get_entity(TokenKey, "", "1").sealed
