"""What the schedule ends and removes: expired orders and authorizations, used nonces, interrupted issuances."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme import directories, issuing, reconcile
from chalicelib.store import StoreError
from tests.support.acme_calls import AcmeClient, signed
from tests.support.acme_steps import certificate_id, downloaded, issued
from tests.support.authority_steps import active_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.acme_calls import Got


def is_on_record(rt: Runtime, client: AcmeClient, order: Got) -> bool:
    acme_id, order_id = client.kid.rpartition("/")[2], order.headers["Location"].rpartition("/")[2]
    return rt.store.get_acme_order(acme_id, order_id) is not None


def test_pending_order_that_expires_is_invalid_and_removed_a_month_later(
    rt: Runtime, registered: Callable[..., AcmeClient], clock: Clock
) -> None:
    client = registered(preauthorized=False)
    order = client.order("a.example.test")
    clock.forward(hours=23)
    assert reconcile.reconcile(rt)["acme_records_expired"] <= 4  # nonces
    assert client.post(order.headers["Location"]).body["status"] == "pending"
    clock.forward(hours=2)
    reconcile.reconcile(rt)
    ended = client.post(order.headers["Location"]).body
    assert (ended["status"], ended["error"]["detail"]) == ("invalid", "The order has expired.")
    authorization = client.post(order.body["authorizations"][0])
    assert authorization.body["status"] == "expired"
    clock.forward(days=30)
    reconcile.reconcile(rt)
    assert not is_on_record(rt, client, order)
    assert client.post(order.headers["Location"]).status == 404
    assert client.post(order.body["authorizations"][0]).status == 404
    assert client.order("a.example.test").status == 201


def test_ready_order_that_expires_is_not_finalized(client: AcmeClient, clock: Clock) -> None:
    order = client.order("a.example.test")
    clock.forward(days=1)
    refused = client.finalize(order)
    assert (refused.status, refused.kind) == (403, "orderNotReady")
    assert client.post(order.headers["Location"]).body["status"] == "invalid"


def test_valid_order_is_removed_and_its_certificate_is_not(rt: Runtime, client: AcmeClient, clock: Clock) -> None:
    done = client.finalize(client.order("a.example.test"))
    clock.forward(days=119)  # the certificate expired 29 days ago
    reconcile.reconcile(rt)
    assert is_on_record(rt, client, done)
    clock.forward(days=2)
    reconcile.reconcile(rt)
    assert not is_on_record(rt, client, done)
    assert downloaded(client, done)


def test_used_nonce_is_forgotten_after_it_has_expired(rt: Runtime, client: AcmeClient, clock: Clock) -> None:
    request = signed(client.key, client.header(client.kid), None)
    assert client.send("POST", client.kid, request).status == 200
    clock.forward(minutes=59)
    reconcile.reconcile(rt)
    assert client.send("POST", client.kid, request).kind == "badNonce"
    clock.forward(minutes=2)
    assert reconcile.reconcile(rt)["acme_records_expired"] >= 1
    assert client.send("POST", client.kid, request).kind == "badNonce"  # it has expired
    assert not list(rt.store.list_due("ACME-USED", now=rt.now() + timedelta(minutes=1), limit=10))


class Dying:
    """A store that loses its connection as an order ends."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def update_acme_order(self, old: Any, new: Any) -> Any:
        if new.status == "valid":
            raise StoreError("planned outage")
        return self._inner.update_acme_order(old, new)


def interrupted(client: AcmeClient, order: Got) -> None:
    """Issue the certificate of an order, and fail to record that."""
    whole = client.rt
    client.rt = replace(whole, store=Dying(whole.store))
    assert client.finalize(order).status in {500, 503}
    client.rt = whole
    shown = client.post(order.headers["Location"])
    assert (shown.body["status"], shown.headers["Retry-After"]) == ("processing", "2")


def test_interrupted_order_gets_the_certificate_that_was_issued(rt: Runtime, client: AcmeClient, clock: Clock) -> None:
    order = client.order("a.example.test")
    interrupted(client, order)
    assert reconcile.reconcile(rt)["acme_orders_ended"] == 0  # perhaps it still runs
    clock.forward(seconds=int(rt.settings.pending_seconds) + 1)
    assert reconcile.reconcile(rt)["acme_orders_ended"] == 1
    assert downloaded(client, client.post(order.headers["Location"]))


@pytest.mark.parametrize("is_compromised", [False, True], ids=["planned", "compromised"])
def test_interrupted_order_gets_the_certificate_of_a_ca_that_was_replaced_meanwhile(
    rt: Runtime, acm_pca: Any, directory: AcmeDirectory, client: AcmeClient, clock: Clock, *, is_compromised: bool
) -> None:
    order = client.order("a.example.test")
    interrupted(client, order)
    second = active_root(acm_pca)
    directories.replace_authority(rt, directory.owner, directory.name, second, is_compromised=is_compromised)
    clock.forward(seconds=int(rt.settings.pending_seconds) + 1)
    assert reconcile.reconcile(rt)["acme_orders_ended"] == 1
    assert downloaded(client, client.post(order.headers["Location"]))


def test_interrupted_order_still_revokes_what_it_replaces(
    rt: Runtime, acm_pca: Any, directory: AcmeDirectory, client: AcmeClient, clock: Clock
) -> None:
    old = issued(client, "a.example.test")
    directories.replace_authority(rt, directory.owner, directory.name, active_root(acm_pca), is_compromised=True)
    interrupted(client, client.order("a.example.test", replaces=certificate_id(old)))
    clock.forward(seconds=int(rt.settings.pending_seconds) + 1)
    reconcile.reconcile(rt)
    record = rt.store.get_certificate(directory.ca_arn, old.serial_number)
    assert record is not None
    assert record.revocation_reason == issuing.COMPROMISED


class Stalling:
    """A store that reserves the certificate only after the schedule has given the order up."""

    def __init__(self, rt: Runtime, clock: Clock) -> None:
        self._rt, self._clock = rt, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rt.store, name)

    def reserve_certificate(self, *args: Any, **kwargs: Any) -> Any:
        self._clock.forward(seconds=int(self._rt.settings.pending_seconds) + 1)
        assert reconcile.reconcile(self._rt)["acme_orders_ended"] == 1
        return self._rt.store.reserve_certificate(*args, **kwargs)


def test_certificate_that_comes_after_its_order_has_ended_is_revoked(
    rt: Runtime, directory: AcmeDirectory, client: AcmeClient, clock: Clock
) -> None:
    order = client.order("a.example.test")
    client.rt = replace(rt, store=Stalling(rt, clock))
    assert client.finalize(order).body["status"] == "invalid"
    client.rt = rt
    (late,) = [each for each in rt.store.list_certificates(directory.ca_arn) if "Root" not in each.template_arn]
    assert (late.status, late.revocation_reason) == ("ISSUED", issuing.LATE)


def test_order_whose_directory_was_deleted_ends(
    rt: Runtime, directory: AcmeDirectory, client: AcmeClient, clock: Clock
) -> None:
    order = client.order("a.example.test")
    interrupted(client, order)
    directories.delete(rt, directory.owner, directory.name)
    clock.forward(seconds=int(rt.settings.pending_seconds) + 1)
    assert reconcile.reconcile(rt)["acme_orders_ended"] == 1
    acme_id, order_id = client.kid.rpartition("/")[2], order.headers["Location"].rpartition("/")[2]
    found = rt.store.get_acme_order(acme_id, order_id)
    assert found is not None
    assert found.status == "invalid"


def test_record_that_cannot_be_closed_stops_no_other(
    rt: Runtime, client: AcmeClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (client.order("a.example.test") for _ in range(2))
    interrupted(client, first)
    interrupted(client, second)
    clock.forward(seconds=int(rt.settings.pending_seconds) + 1)
    real, calls = issuing.issued_for, []

    def fail_once(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 1:
            raise StoreError("planned outage")
        return real(*args)

    monkeypatch.setattr(issuing, "issued_for", fail_once)
    counts = reconcile.reconcile(rt)
    assert (counts["acme_orders_ended"], counts["acme_errors"]) == (1, 1)
    assert reconcile.reconcile(rt)["acme_orders_ended"] == 1
