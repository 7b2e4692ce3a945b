"""Limits of orders and requests, by account and binding; one account's flood takes nothing from another's."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.acme import orders, places, protocol, reconcile
from chalicelib.store.table_store import TableStore
from tests.support.acme_calls import AcmeClient, made_binding
from tests.support.counting_table import CountingTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.acme.visit import Answer, Visit
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock


def limited(client: AcmeClient, **settings: str) -> AcmeClient:
    client.rt = replace(client.rt, settings=replace(client.rt.settings, **settings))
    return client


def test_account_has_a_limited_number_of_pending_orders(registered: Callable[..., AcmeClient], clock: Clock) -> None:
    client, other = limited(registered(), acme_pending_orders="3"), registered()
    pending = [client.order(f"{number}.example.test") for number in range(3)]
    refused = client.order("d.example.test")
    assert (refused.status, refused.kind, refused.headers["Retry-After"]) == (429, "rateLimited", "3600")
    assert other.order("d.example.test").status == 201
    assert client.finalize(pending[0]).body["status"] == "valid"
    assert client.order("d.example.test").status == 201
    assert client.order("e.example.test").status == 429
    clock.forward(days=1, seconds=1)
    reconcile.reconcile(client.rt)
    assert client.order("e.example.test").status == 201


def test_binding_allows_a_number_of_orders_in_a_day(registered: Callable[..., AcmeClient], clock: Clock) -> None:
    client = registered(orders_a_day=2)
    assert [client.order("a.example.test").status for _ in range(3)] == [201, 201, 429]
    clock.forward(hours=23)
    assert client.order("a.example.test").kind == "rateLimited"
    clock.forward(hours=1)
    assert [client.order("a.example.test").status for _ in range(3)] == [201, 201, 429]


def test_refused_order_is_not_counted(registered: Callable[..., AcmeClient]) -> None:
    client = registered(orders_a_day=1)
    assert client.order("a.example.com").kind == "rejectedIdentifier"
    assert client.order("a.example.test", profile="none").kind == "invalidProfile"
    assert client.order("a.example.test").status == 201


def test_accounts_of_a_binding_share_its_orders(rt: Runtime, directory: AcmeDirectory) -> None:
    made = made_binding(rt, directory, orders_a_day=2, most_accounts=2, preauthorized=True)
    clients = [AcmeClient(rt, directory.name) for _ in range(2)]
    assert [each.register(made).status for each in clients] == [201, 201]
    assert [each.order("a.example.test").status for each in clients] == [201, 201]
    assert [each.order("a.example.test").status for each in clients] == [429, 429]


def test_flood_of_an_account_is_refused_and_others_are_served(registered: Callable[..., AcmeClient]) -> None:
    """The clock stands still, so the burst is all that there is."""
    flooding, other = registered(), registered()
    answers = Counter(flooding.post(flooding.kid).status for _ in range(int(protocol.BURST) + 50))
    assert answers == {200: int(protocol.BURST), 429: 50}
    refused = flooding.post(flooding.kid)
    assert (refused.kind, refused.headers["Retry-After"]) == ("rateLimited", "1")
    assert refused.headers["Replay-Nonce"]
    assert [other.order("a.example.test").status for _ in range(5)] == [201] * 5


def test_account_keeps_a_bounded_number_of_requests_at_work(
    registered: Callable[..., AcmeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are refused at once, without waiting for those."""
    busy, other = registered(), registered()
    working, release = threading.Semaphore(0), threading.Event()
    resource = protocol.RESOURCES["account/*/orders"]

    def slow(visit: Visit) -> Answer:
        working.release()
        assert release.wait(30)
        return orders.list_orders(visit)

    monkeypatch.setitem(protocol.RESOURCES, "account/*/orders", resource._replace(answer=slow))
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(busy.post(f"{busy.kid}/orders").status))
        for _ in range(places.MOST_REQUESTS)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert working.acquire(timeout=30)
    refused = busy.post(busy.kid)
    assert (refused.status, refused.kind) == (429, "rateLimited")
    assert other.post(other.kid).status == 200
    release.set()
    for thread in threads:
        thread.join()
    assert answers == [200] * places.MOST_REQUESTS
    assert busy.post(busy.kid).status == 200


def reconciled(rt: Runtime) -> Counter[str]:
    """Reconcile, and return what was asked of the table."""
    table = CountingTable(rt.store.table)  # type: ignore[attr-defined]  # of the store that runs
    assert reconcile.reconcile(replace(rt, store=TableStore(table)))["acme_errors"] == 0
    return table.counts


@pytest.mark.laptop
def test_thousand_pending_orders_cost_nothing_until_they_expire(
    rt: Runtime, registered: Callable[..., AcmeClient], clock: Clock
) -> None:
    alone = reconciled(rt)
    client = limited(registered(), acme_pending_orders="10000")
    for number in range(1_000):
        if number % 100 == 0:
            clock.forward(seconds=10)
        assert client.order(f"{number % 10}.example.test").status == 201
    clock.forward(hours=23)
    reconciled(rt)  # the nonces
    assert reconciled(rt) == alone
    clock.forward(hours=2)
    assert rt.store.count_pending_acme_orders(client.kid.rpartition("/")[2], most=2_000) == 1_000
    reconciled(rt)
    assert rt.store.count_pending_acme_orders(client.kid.rpartition("/")[2], most=2_000) == 0
