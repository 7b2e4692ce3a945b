"""RFC 8555 section 7.3.5: account key rollover."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance.acme import Account, at_once, ok, refused, statuses
from tests.acme_conformance.jose import Key, Request, dumps, generate
from tests.acme_conformance.rfc import about, must, should

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acme_conformance.acme import Server
    from tests.acme_conformance.wire import Answer

_DONE = must(
    "RFC 8555 7.3.5",
    "the server updates the corresponding account by replacing the old account key with the new public key and returns status code 200 (OK).",
)
_SAME_URL = must("RFC 8555 7.3.5", 'Check that the "url" parameters of the inner and outer JWSs are the same.')
_OWN = must(
    "RFC 8555 7.3.5",
    'Check that the "account" field of the key-change object contains the URL for the account matching the old key',
)
_OLD = must(
    "RFC 8555 7.3.5",
    'Check that the "oldKey" field of the key-change object is the same as the account key for the account in question.',
)
_VERIFIES = must("RFC 8555 7.3.5", 'Check that the inner JWS verifies using the key in its "jwk" field.')
_JWK = must("RFC 8555 7.3.5", 'Check that the JWS protected header of the inner JWS has a "jwk" field.')
_NONCE = must("RFC 8555 7.3.5", 'The inner JWS MUST omit the "nonce" header parameter.')
_FORM = must("RFC 8555 7.3.5", 'Check that the payload of the JWS is a well-formed JWS object (the "inner JWS").')
_OBJECT = must("RFC 8555 7.3.5", "Check that the payload of the inner JWS is a well-formed key-change object")
_TAKEN = must(
    "RFC 8555 7.3.5",
    'Check that no account exists whose account key is the same as the key in the "jwk" header parameter of the inner JWS.',
)
_CONFLICT = should(
    "RFC 8555 7.3.5",
    "then the server SHOULD use status code 409 (Conflict) and provide the URL of that account in the Location header field.",
)
_KEPT = must(
    "RFC 8555 7.3.5",
    "the server MUST NOT invalidate pending orders or authorization transactions based on a change of account key.",
)


def inner(account: Account, key: Key, /, **more: Any) -> Request:
    """Return the inner JWS, well formed; `more` replaces members of its payload."""
    url = account.server.resource("keyChange")
    payload = {"account": account.url, "oldKey": account.key.jwk} | more
    payload = {name: value for name, value in payload.items() if value is not None}
    return Request(url, key, {"alg": key.alg, "jwk": key.jwk, "url": url}, dumps(payload))


def change(account: Account, request: Request) -> Answer:
    return account.post(account.server.resource("keyChange"), request.jws())


@about(_DONE)
def test_new_key_acts_for_the_account(own: Account) -> None:
    key = generate()
    ok(change(own, inner(own, key)))
    assert ok(replace(own, key=key).fetch(own.url)).json["status"] == "valid"


@about(_DONE)
def test_old_key_no_longer_acts(own: Account) -> None:
    ok(change(own, inner(own, generate())))
    refused(own.fetch(own.url))


@about(_DONE)
def test_new_key_finds_the_account(own: Account, server: Server) -> None:
    key = generate()
    ok(change(own, inner(own, key)))
    url = server.resource("newAccount")
    assert ok(server.post(url, key, {"onlyReturnExisting": True})).header("Location") == own.url
    refused(server.post(url, own.key, {"onlyReturnExisting": True}), "accountDoesNotExist", status=400)


@about(_KEPT)
def test_orders_outlive_the_key(own: Account) -> None:
    order, key = own.order(), generate()
    ok(change(own, inner(own, key)))
    renewed = replace(own, key=key)
    assert ok(renewed.fetch(order.url)).json["status"] == "pending"
    assert ok(renewed.fetch(order.body["authorizations"][0])).json["status"] == "pending"


@pytest.mark.parametrize("alg", ["ES384", "RS256"])
@about(_DONE)
def test_new_key_may_be_of_another_kind(own: Account, alg: str) -> None:
    key = generate(alg)
    answer = change(own, inner(own, key))
    if answer.error in {"badSignatureAlgorithm", "badPublicKey"}:
        pytest.skip(f"the server does not offer {alg}")
    ok(answer)
    assert ok(replace(own, key=key).fetch(own.url)).json["status"] == "valid"


_BROKEN: list[Any] = [
    pytest.param(make, id=name, marks=about(source))
    for name, source, make in [
        ("jwk-missing", _JWK, lambda own, key, other: inner(own, key).but(jwk=None)),
        ("kid-instead", _JWK, lambda own, key, other: inner(own, key).but(jwk=None, kid=own.url)),
        (
            "kid-too",
            must("RFC 8555 6.2", "Servers MUST reject requests that contain both."),
            lambda own, key, other: inner(own, key).but(kid=own.url),
        ),
        ("nonce-present", _NONCE, lambda own, key, other: inner(own, key).but(nonce=own.server.nonce())),
        ("url-missing", _SAME_URL, lambda own, key, other: inner(own, key).but(url=None)),
        ("url-differs", _SAME_URL, lambda own, key, other: inner(own, key).but(url=own.url)),
        ("signed-by-the-old-key", _VERIFIES, lambda own, key, other: replace(inner(own, key), sign=own.key.sign)),
        ("signature-zeros", _VERIFIES, lambda own, key, other: replace(inner(own, key), sign=lambda _: bytes(64))),
        ("alg-none", _VERIFIES, lambda own, key, other: replace(inner(own, key).but(alg="none"), sign=lambda _: b"")),
        ("crit-unknown", _VERIFIES, lambda own, key, other: inner(own, key).but(crit=["x"], x=1)),
        ("account-missing", _OBJECT, lambda own, key, other: inner(own, key, account=None)),
        ("account-of-another", _OWN, lambda own, key, other: inner(own, key, account=other.url)),
        ("account-number", _OBJECT, lambda own, key, other: inner(own, key, account=1)),
        ("old-key-missing", _OBJECT, lambda own, key, other: inner(own, key, oldKey=None)),
        ("old-key-of-another", _OLD, lambda own, key, other: inner(own, key, oldKey=other.key.jwk)),
        ("old-key-is-the-new", _OLD, lambda own, key, other: inner(own, key, oldKey=key.jwk)),
        ("old-key-text", _OBJECT, lambda own, key, other: inner(own, key, oldKey="key")),
        ("payload-empty", _OBJECT, lambda own, key, other: replace(inner(own, key), payload=b"")),
        ("payload-array", _OBJECT, lambda own, key, other: replace(inner(own, key), payload=b"[]")),
        ("new-key-of-another-account", _TAKEN, lambda own, key, other: inner(own, other.key)),
        ("new-key-is-the-old", _TAKEN, lambda own, key, other: inner(own, own.key)),
    ]
]


@pytest.mark.parametrize("make", _BROKEN)
def test_broken_change_is_refused(
    own: Account, other: Account, make: Callable[[Account, Key, Account], Request]
) -> None:
    refused(change(own, make(own, generate(), other)))
    assert ok(own.fetch(own.url)).json["status"] == "valid"


@pytest.mark.parametrize(
    "payload",
    [{}, [], "text", None, {"protected": "e30", "payload": "", "signature": ""}],
    ids=["object", "array", "text", "empty", "no-header"],
)
@about(_FORM)
def test_payload_that_is_no_jws_is_refused(own: Account, payload: Any) -> None:
    refused(own.post(own.server.resource("keyChange"), payload))


@about(_CONFLICT)
def test_key_of_another_account_is_a_conflict(own: Account, other: Account) -> None:
    answer = change(own, inner(own, other.key))
    assert (answer.status, answer.header("Location")) == (409, other.url)


@about(_VERIFIES)
def test_change_for_another_account_is_refused(own: Account, other: Account) -> None:
    """The outer JWS is of another account than the inner one names."""
    refused(change(other, inner(own, generate())))
    assert ok(own.fetch(own.url)).json["status"] == "valid"


@about(_TAKEN)
def test_two_accounts_do_not_take_one_key_at_once(server: Server) -> None:
    accounts, key = [server.register() for _ in range(4)], generate()
    url = server.resource("keyChange")
    requests = [each.request(url, inner(each, key).jws()) for each in accounts]
    answers = at_once(server, requests)
    assert statuses(answers).count(200) == 1, [str(each) for each in answers]


@about(_DONE)
def test_one_account_takes_one_of_several_keys_at_once(own: Account, server: Server) -> None:
    keys, url = [generate() for _ in range(4)], server.resource("keyChange")
    requests = [own.request(url, inner(own, key).jws()) for key in keys]
    answers = at_once(server, requests)
    assert statuses(answers).count(200) == 1, [str(each) for each in answers]
    working = [key for key in keys if replace(own, key=key).fetch(own.url).status == 200]
    assert len(working) == 1
