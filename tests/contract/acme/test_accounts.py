"""Accounts: creation with and without external account binding, update, deactivation, change of the key.

Source: RFC 8555 section 7.3.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme import bindings, jws
from chalicelib.store.table_store import TableStore
from tests.support.acme_calls import BASE, AcmeClient, external, jwk, made_binding, made_directory, signed
from tests.support.acme_steps import change_key, new_key
from tests.support.counting_table import CountingTable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.acme_calls import Got


@pytest.fixture
def open_directory(rt: Runtime, ca_arn: str) -> AcmeDirectory:
    """A directory that wants no external account binding."""
    return made_directory(rt, rt.settings.account_id, ca_arn, "open", binding_required=False)


# creation


def test_account_shows_its_contacts_orders_and_binding(rt: Runtime, directory: AcmeDirectory) -> None:
    client = AcmeClient(rt, directory.name)
    made = made_binding(rt, directory)
    got = client.register(made, contact=["mailto:ops@example.test"])
    assert got.status == 201
    assert got.body == {
        "status": "valid",
        "contact": ["mailto:ops@example.test"],
        "termsOfServiceAgreed": True,
        "orders": f"{client.kid}/orders",
        "externalAccountBinding": got.body["externalAccountBinding"],
    }
    assert client.post(client.kid).body == got.body


def test_known_key_finds_its_account_without_a_binding(rt: Runtime, client: AcmeClient) -> None:
    kid, client.kid = client.kid, ""
    for members in ({}, {"onlyReturnExisting": True}):
        found = client.post("new-account", members)
        assert (found.status, found.headers["Location"]) == (200, kid)


def test_unknown_key_finds_no_account(rt: Runtime, directory: AcmeDirectory) -> None:
    refused = AcmeClient(rt, directory.name).post("new-account", {"onlyReturnExisting": True})
    assert (refused.status, refused.kind) == (400, "accountDoesNotExist")


def test_terms_of_service_must_be_agreed_to(rt: Runtime, ca_arn: str) -> None:
    terms = "https://example.test/terms"
    directory = made_directory(rt, rt.settings.account_id, ca_arn, "terms", binding_required=False, terms=terms)
    client = AcmeClient(rt, directory.name)
    assert client.get("directory").body["meta"]["termsOfService"] == terms
    refused = client.register(termsOfServiceAgreed=False)
    assert (refused.status, refused.kind) == (403, "userActionRequired")
    assert f'<{terms}>;rel="terms-of-service"' in refused.headers["Link"]
    assert client.register().status == 201


@pytest.mark.parametrize(
    ("contact", "kind"),
    [
        ("mailto:ops@example.test", "malformed"),
        (["tel:+12025551212"], "unsupportedContact"),
        (["https://example.test"], "unsupportedContact"),
        (["mailto:ops@example.test,root@example.test"], "invalidContact"),
        (["mailto:ops@example.test?subject=x"], "invalidContact"),
        (["mailto:"], "invalidContact"),
        (["mailto:ops@" + "a" * 260], "invalidContact"),
        (["mailto:ops@example.test"] * 11, "invalidContact"),
        ([7], "malformed"),
    ],
)
def test_contact_is_up_to_ten_mailto_urls_of_one_address(
    rt: Runtime, open_directory: AcmeDirectory, contact: Any, kind: str
) -> None:
    refused = AcmeClient(rt, open_directory.name).register(contact=contact)
    assert (refused.status, refused.kind) == (400, kind)


def test_directory_may_want_a_contact(rt: Runtime, ca_arn: str) -> None:
    members: Any = {"binding_required": False, "contact_required": True}
    directory = made_directory(rt, rt.settings.account_id, ca_arn, "contact", **members)
    assert AcmeClient(rt, directory.name).register().kind == "invalidContact"
    assert AcmeClient(rt, directory.name).register(contact=["mailto:ops@example.test"]).status == 201


@pytest.mark.parametrize("member", ["termsOfServiceAgreed", "onlyReturnExisting"])
def test_flags_are_true_or_false(rt: Runtime, open_directory: AcmeDirectory, member: str) -> None:
    refused = AcmeClient(rt, open_directory.name).post("new-account", {member: "true"})
    assert (refused.status, refused.kind) == (400, "malformed")


# external account binding


def test_directory_wants_a_binding(rt: Runtime, directory: AcmeDirectory) -> None:
    client = AcmeClient(rt, directory.name)
    assert client.get("directory").body["meta"]["externalAccountRequired"] is True
    refused = client.register()
    assert (refused.status, refused.kind) == (403, "externalAccountRequired")


def test_binding_of_an_unknown_kid_and_one_of_a_wrong_mac_read_alike(rt: Runtime, directory: AcmeDirectory) -> None:
    made = made_binding(rt, directory)
    unknown = replace(made, binding=replace(made.binding, name="0" * 32))
    wrong = replace(made, hmac_key="A" * 43)
    answers = [AcmeClient(rt, directory.name).register(each) for each in (unknown, wrong)]
    assert [(each.status, each.kind) for each in answers] == [(403, "unauthorized")] * 2
    assert answers[0].body == answers[1].body


def test_binding_of_another_directory_binds_nothing(
    rt: Runtime, directory: AcmeDirectory, open_directory: AcmeDirectory
) -> None:
    made = made_binding(rt, open_directory)
    assert AcmeClient(rt, directory.name).register(made).kind == "unauthorized"


def test_binding_of_another_key_binds_nothing(rt: Runtime, directory: AcmeDirectory) -> None:
    client, made = AcmeClient(rt, directory.name), made_binding(rt, directory)
    stolen = external(made, new_key(), client.url("new-account"))
    refused = client.post("new-account", {"externalAccountBinding": stolen})
    assert refused.status in {400, 403}
    assert rt.store.list_acme_accounts(directory.directory_id, limit=1) == []


def test_revoked_or_expired_binding_binds_nothing(rt: Runtime, directory: AcmeDirectory, clock: Clock) -> None:
    revoked = made_binding(rt, directory)
    bindings.revoke(rt, directory, revoked.binding.name)
    expired = made_binding(rt, directory, expires_at=rt.now() + timedelta(hours=1))
    clock.forward(hours=1)
    for made in (revoked, expired):
        refused = AcmeClient(rt, directory.name).register(made)
        assert (refused.status, refused.kind) == (403, "unauthorized")


def test_binding_binds_as_many_accounts_as_it_may(rt: Runtime, directory: AcmeDirectory) -> None:
    for most in (1, 2):
        made = made_binding(rt, directory, most_accounts=most)
        clients = [AcmeClient(rt, directory.name) for _ in range(most + 1)]
        assert [each.register(made).status for each in clients] == [201] * most + [403]
        clients[0].kid = ""
        assert clients[0].register(made).status == 200  # a repetition takes no place


def test_account_of_a_revoked_or_expired_binding_orders_nothing(
    rt: Runtime, directory: AcmeDirectory, registered: Callable[..., AcmeClient], clock: Clock
) -> None:
    expiring = registered(expires_at=rt.now() + timedelta(hours=1))
    revoked = registered()
    ready = revoked.order("a.example.test")
    (name,) = [each.name for each in bindings.of_directory(rt, directory) if each.expires_at is None]
    bindings.revoke(rt, directory, name)
    clock.forward(hours=1)
    answers = [expiring.order("a.example.test"), revoked.order("a.example.test"), revoked.finalize(ready)]
    assert [(each.status, each.kind) for each in answers] == [(403, "unauthorized")] * 3
    assert revoked.post(ready.headers["Location"]).status == 200  # reading stays


def test_id_of_an_account_outlives_its_key(rt: Runtime, open_directory: AcmeDirectory) -> None:
    """Whoever uses an old key again gets an account of its own."""
    client = AcmeClient(rt, open_directory.name)
    client.register()
    old_key, old_kid = client.key, client.kid
    new = new_key()
    assert change_key(client, new).status == 200
    client.key = new
    other = AcmeClient(rt, open_directory.name, key=old_key)
    assert other.register().status == 201
    assert other.kid != old_kid
    assert client.post(old_kid).status == 200


# update and deactivation


def test_update_replaces_contacts_and_leaves_the_rest(client: AcmeClient) -> None:
    before = client.post(client.kid).body
    after = client.post(client.kid, {"contact": ["mailto:new@example.test"], "orders": "x", "extra": 1})
    assert (after.status, after.body) == (200, before | {"contact": ["mailto:new@example.test"]})
    assert client.post(client.kid, {}).body == after.body


def test_account_cannot_revoke_or_revive_itself(client: AcmeClient) -> None:
    assert client.post(client.kid, {"status": "revoked"}).kind == "malformed"
    assert client.post(client.kid, {"status": "deactivated"}).body["status"] == "deactivated"
    for path in (client.kid, f"{client.kid}/orders", "new-order"):
        refused = client.post(path, {"status": "valid"})
        assert (refused.status, refused.kind) == (401, "unauthorized")
    client.kid = ""
    assert client.post("new-account", {"onlyReturnExisting": True}).kind == "unauthorized"


def test_account_sees_and_changes_nothing_of_another(registered: Callable[..., AcmeClient]) -> None:
    one, other = registered(), registered()
    order = one.order("a.example.test")
    done = one.finalize(order)
    for url in (one.kid, f"{one.kid}/orders"):
        assert (other.post(url).status, other.post(url).kind) == (403, "unauthorized")
    for url in (order.headers["Location"], order.body["authorizations"][0], done.body["certificate"]):
        assert other.post(url).status == 404
    assert other.finalize(order).status == 404


# change of the key


def test_new_key_takes_the_place_of_the_old_one(client: AcmeClient) -> None:
    new = new_key()
    assert change_key(client, new).status == 200
    assert client.post(client.kid).status in {400, 403}  # signed by the old key
    client.key = new
    assert client.post(client.kid).status == 200
    assert client.order("a.example.test").status == 201


def test_key_of_another_account_is_refused_with_its_url(registered: Callable[..., AcmeClient]) -> None:
    one, other = registered(), registered()
    refused = change_key(one, other.key)
    assert (refused.status, refused.headers["Location"]) == (409, other.kid)


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        ({"oldKey": jwk(new_key())}, "malformed"),
        ({"oldKey": 1}, "badPublicKey"),
        ({"account": f"{BASE}/acme/test/account/0"}, "malformed"),
    ],
)
def test_key_change_names_the_account_and_its_key(client: AcmeClient, inner: dict[str, Any], kind: str) -> None:
    refused = change_key(client, new_key(), **inner)
    assert (refused.status, refused.kind) == (400, kind)


def test_replayed_key_change_is_refused(client: AcmeClient) -> None:
    url, new = client.url("key-change"), new_key()
    inner = json.loads(signed(new, {"jwk": jwk(new), "url": url}, {"account": client.kid, "oldKey": jwk(client.key)}))
    request = signed(client.key, client.header(url), inner)
    assert client.send("POST", url, request).status == 200
    assert client.send("POST", url, request).status in {400, 403}
    client.key = new
    again = client.post(url, inner)  # with a fresh nonce, by the new key
    assert again.status in {400, 409}


# nonces, and what strangers cost


def test_nonce_counts_once(client: AcmeClient) -> None:
    request = signed(client.key, client.header(client.kid), None)
    assert client.send("POST", client.kid, request).status == 200
    again = client.send("POST", client.kid, request)
    assert (again.status, again.kind) == (400, "badNonce")
    assert again.headers["Replay-Nonce"]


def counted(client: AcmeClient) -> Counter[str]:
    """Let a client's calls of the table be counted."""
    table = CountingTable(client.rt.store.table)  # type: ignore[attr-defined]  # of the store that runs
    client.rt = replace(client.rt, store=TableStore(table))
    return table.counts


def strangers() -> dict[str, Callable[[AcmeClient, bindings.Made], Got]]:
    def wrong_mac(client: AcmeClient, made: bindings.Made) -> Got:
        return client.register(replace(made, hmac_key="A" * 43))

    def unknown_account(client: AcmeClient, _: bindings.Made) -> Got:
        client.kid = client.url(f"account/{'0' * 32}")
        return client.order("a.example.test")

    def garbage(client: AcmeClient, _: bindings.Made) -> Got:
        return client.send("POST", client.url("new-order"), b"\x00garbage")

    def own_nonce(client: AcmeClient, _: bindings.Made) -> Got:
        url = client.url("new-account")
        return client.send("POST", url, signed(client.key, {"nonce": "A" * 43, "url": url, "jwk": jwk(client.key)}, {}))

    return {
        "unknown account": unknown_account,
        "wrong MAC": wrong_mac,
        "garbage": garbage,
        "new key without binding": lambda client, _: client.register(),
        "look for an account": lambda client, _: client.post("new-account", {"onlyReturnExisting": True}),
        "nonce of its own": own_nonce,
        "revocation of nothing": lambda client, _: client.post("revoke-cert", {"certificate": "MAA"}),
        "directory and nonce": lambda client, _: client.get("new-nonce"),
    }


@pytest.mark.parametrize("name", strangers())
def test_strangers_request_writes_nothing(rt: Runtime, directory: AcmeDirectory, name: str) -> None:
    client, made = AcmeClient(rt, directory.name), made_binding(rt, directory)
    client.nonce()  # the home makes the secret for nonces once
    counts = counted(client)
    got = strangers()[name](client, made)
    assert got.status >= 400 or name == "directory and nonce"
    assert counts["write"] == 0
    assert counts["get"] <= 6, counts


def test_forged_signature_of_an_account_writes_nothing(client: AcmeClient) -> None:
    client.nonce()
    client.key = new_key()
    counts = counted(client)
    refused = client.order("a.example.test")
    assert (refused.status, counts["write"]) == (400, 0), refused.body


def test_account_key_is_in_the_account_alone(client: AcmeClient, rt: Runtime, directory: AcmeDirectory) -> None:
    (account,) = rt.store.list_acme_accounts(directory.directory_id, limit=2)
    assert account.thumbprint == jws.thumbprint(jwk(client.key))
    assert account.requested_by == f"acme:{directory.name}/{account.acme_id}"
