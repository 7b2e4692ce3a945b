"""Access keys in use: when each was last used, and keys that are deactivated."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.access import access_keys
from chalicelib.store import StoreError
from tests.support.client import client_for, sts_for
from tests.support.console_browser import Browser
from tests.support.ports import Port, fail
from tests.support.roles import assume, keys_in, make_role

if TYPE_CHECKING:
    from chalicelib.identities import AccessKey
    from chalicelib.runtime import Runtime

ACCOUNT = "0" * 12


@pytest.fixture
def made(rt: Runtime) -> access_keys.Credential:
    return access_keys.create_access_key(rt, ACCOUNT)


def client(rt: Runtime, key: access_keys.Credential) -> Any:
    return client_for(rt, access_key_id=key.access_key_id, secret=key.secret)


def stored(rt: Runtime, key: access_keys.Credential) -> AccessKey:
    found = rt.store.get_access_key(key.access_key_id)
    assert found is not None
    return found


def code(call: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def process(rt: Runtime, **more: Any) -> Runtime:
    """Another process of the same home."""
    return replace(rt, noted_uses={}, known={}, **more)


# last used


def test_use_is_noted_once_in_ten_minutes(rt: Runtime, acm_pca: Any, made: Any, clock: Any) -> None:
    assert stored(rt, made).last_used_at is None
    first = clock()
    client(rt, made).list_certificate_authorities()
    assert stored(rt, made).last_used_at == first
    clock.forward(minutes=9)
    for runtime in (rt, process(rt)):
        client(runtime, made).list_certificate_authorities()
    assert stored(rt, made).last_used_at == first
    clock.forward(minutes=1)
    client(process(rt), made).list_certificate_authorities()
    assert stored(rt, made).last_used_at == clock()


def test_use_is_noted_after_a_clock_that_ran_ahead(rt: Runtime, acm_pca: Any, made: Any, clock: Any) -> None:
    for days in (40, -40):
        clock.forward(days=days)
        client(rt, made).list_certificate_authorities()
        assert stored(rt, made).last_used_at == clock()


def test_use_of_the_console_is_noted(rt: Runtime, made: Any, clock: Any) -> None:
    browser = Browser(rt)
    browser.sign_in(made)
    clock.forward(minutes=20)
    browser.get("/console/you")
    assert stored(rt, made).last_used_at == clock()


def test_wrong_secret_is_no_use(rt: Runtime, acm_pca: Any, made: Any) -> None:
    wrong = access_keys.Credential(made.access_key_id, "x" * 40)
    assert code(client(rt, wrong).list_certificate_authorities) == "UnrecognizedClientException"
    assert stored(rt, made).last_used_at is None


def test_request_succeeds_although_its_key_cannot_be_noted(rt: Runtime, acm_pca: Any, made: Any) -> None:
    broken = process(rt, store=Port(rt.store, note_access_key_use=fail(StoreError("out"))))
    client(broken, made).list_certificate_authorities()
    assert stored(rt, made).last_used_at is None


def test_noting_a_use_changes_nothing_else(rt: Runtime, made: Any, clock: Any) -> None:
    before = stored(rt, made)
    access_keys.note_use(rt, made.access_key_id)
    assert stored(rt, made) == replace(before, last_used_at=clock())
    rt.store.delete_access_key(made.access_key_id)
    access_keys.note_use(process(rt), made.access_key_id)
    assert rt.store.get_access_key(made.access_key_id) is None


def test_memory_of_uses_is_bounded(rt: Runtime) -> None:
    counted = process(rt, store=Port(rt.store, note_access_key_use=lambda *_, **__: None))
    for number in range(10_100):
        access_keys.note_use(counted, str(number))
    assert len(counted.noted_uses) == 100


# deactivated keys


def test_deactivated_key_is_refused_like_an_unknown_one(rt: Runtime, acm_pca: Any, made: Any) -> None:
    browser = Browser(rt)
    browser.sign_in(made)
    access_keys.set_active(rt, stored(rt, made), active=False)
    unknown = access_keys.Credential("AKIA" + "Z" * 16, made.secret)
    texts = []
    for key in (made, unknown):
        with pytest.raises(ClientError) as caught:
            client(rt, key).list_certificate_authorities()
        texts.append(caught.value.response["Error"])
    assert texts[0] == texts[1]
    assert texts[0]["Code"] == "UnrecognizedClientException"
    assert "/console/sign-in" in browser.get("/console/overview").url
    assert Browser(rt).sign_in(made).status == 403
    access_keys.set_active(rt, stored(rt, made), active=True)
    client(rt, made).list_certificate_authorities()


def test_record_of_a_deactivated_key_cannot_be_altered_back(rt: Runtime, acm_pca: Any, made: Any) -> None:
    access_keys.set_active(rt, stored(rt, made), active=False)
    rt.store.update_access_key(stored(rt, made), replace(stored(rt, made), active=True))
    with pytest.raises(ClientError):
        client(rt, made).list_certificate_authorities()


def test_sessions_of_a_role_end_with_the_key_that_began_them(rt: Runtime, acm_pca: Any, made: Any) -> None:
    make_role(rt)
    sts = sts_for(rt, access_key_id=made.access_key_id, secret=made.secret)
    session = client_for(rt, **keys_in(assume(sts)))
    session.list_certificate_authorities()
    access_keys.set_active(rt, stored(rt, made), active=False)
    assert code(session.list_certificate_authorities) == "UnrecognizedClientException"


def test_expired_and_used_keys_are_listed_as_they_are(rt: Runtime, clock: Any) -> None:
    made = access_keys.create_access_key(rt, ACCOUNT, expires_at=clock() + timedelta(days=1))
    access_keys.note_use(rt, made.access_key_id)
    found = stored(rt, made)
    assert (found.last_used_at, found.active, found.expires_at) == (clock(), True, clock() + timedelta(days=1))
    assert access_keys.secret_of(rt, found) == made.secret
