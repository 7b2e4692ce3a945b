"""Floods of ACME clients: slow challenges, accounts, authorizations and orders without end."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme import accounts, places, reconcile, validation
from chalicelib.acme.problems import AcmeProblem
from chalicelib.local import lanes
from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.authority_steps import active_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.acme.validation import Challenge, Outcome, Vantage
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock


@pytest.fixture
def directory(rt: Runtime, acm_pca: Any) -> AcmeDirectory:
    return made_directory(rt, rt.settings.account_id, active_root(acm_pca))


@pytest.fixture
def open_directory(rt: Runtime, acm_pca: Any) -> AcmeDirectory:
    return made_directory(rt, rt.settings.account_id, active_root(acm_pca), "open", binding_required=False)


def challenges(client: AcmeClient, number: int) -> list[str]:
    """The URLs of challenges of different names."""
    urls = []
    for each in range(number):
        order = client.order(f"{each}.example.test")
        urls.append(client.post(order.body["authorizations"][0]).body["challenges"][0]["url"])
    return urls


@contextmanager
def slow_servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Semaphore, threading.Event]]:
    """Let the servers behind challenges not answer until the event; the semaphore counts who has begun."""
    begun, go = threading.Semaphore(0), threading.Event()
    whole = validation.validate

    def slow(challenge: Challenge, vantage: Vantage) -> Outcome:
        begun.release()
        assert go.wait(30)
        return whole(challenge, vantage._replace(resolvers=("127.0.0.1:9",)))

    monkeypatch.setattr(validation, "validate", slow)
    try:
        yield begun, go
    finally:
        go.set()


def flooding(clients: list[AcmeClient], number: int) -> tuple[list[threading.Thread], list[int]]:
    """Threads that ask for so many validations of each client, all begun, and the list of their answers."""
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda url=url, client=client: answers.append(client.post(url, {}).status))
        for client in clients
        for url in challenges(client, number)
    ]
    for thread in threads:
        thread.start()
    return threads, answers


@pytest.mark.parametrize("is_bound", [True, False])
def test_slow_challenges_of_several_accounts_leave_places_for_others(
    rt: Runtime, directory: AcmeDirectory, monkeypatch: pytest.MonkeyPatch, *, is_bound: bool
) -> None:
    """However many accounts a binding has, or a network without bindings."""
    where = directory if is_bound else replace(directory, name="open")
    if not is_bound:
        made_directory(rt, directory.owner, directory.ca_arn, "open", binding_required=False)
    made = made_binding(rt, directory, most_accounts=4) if is_bound else None
    clients = [AcmeClient(rt, where.name, source=f"2001:db8::{number}") for number in range(4)]
    assert [each.register(made).status for each in clients] == [201] * 4
    other = AcmeClient(rt, directory.name)
    other.register(made_binding(rt, directory))
    (wanted,) = challenges(other, 1)
    with slow_servers(monkeypatch) as (begun, go):
        threads, answers = flooding(clients, 8)
        half = (places.VALIDATIONS + 1) // 2
        for _ in range(half):
            assert begun.acquire(timeout=30)
        while len(answers) < len(threads) - half:
            threading.Event().wait(0.01)
        asking = threading.Thread(target=lambda: answers.append(-other.post(wanted, {}).status))
        asking.start()
        assert begun.acquire(timeout=30)
        go.set()
        for thread in (*threads, asking):
            thread.join()
    assert Counter(answers) == {200: half, 429: len(threads) - half, -200: 1}


def test_lane_has_a_thread_that_refuses() -> None:
    assert lanes.WIDTHS["acme-challenge"].threads > places.VALIDATIONS


def test_place_is_given_back_whatever_happens() -> None:
    counted = places.Places(lambda mine, taken: mine < 1 and taken < 2, "no")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), counted.one("a"):
            raise ZeroDivisionError
    with counted.one("a"), counted.one("b"):
        for holder in ("a", "c"):
            with pytest.raises(AcmeProblem), counted.one(holder):
                pytest.fail("it has begun")
    assert not counted._taken


def limited(client: AcmeClient, most: int) -> AcmeClient:
    settings = replace(client.rt.settings, acme_pending_orders=str(most))
    return replace(client, rt=replace(client.rt, settings=settings))


def test_strangers_make_so_many_accounts(rt: Runtime, open_directory: AcmeDirectory) -> None:
    """Each one is a record; only where no binding is required, and for each network."""
    found = Counter(
        AcmeClient(rt, open_directory.name, source="192.0.2.7").register().status
        for _ in range(int(accounts.UNBOUND_BURST) + 5)
    )
    assert found == {201: accounts.UNBOUND_BURST, 429: 5}
    assert AcmeClient(rt, open_directory.name, source="192.0.2.8").register().status == 201


def test_account_asks_for_so_many_authorizations_in_a_day(rt: Runtime, directory: AcmeDirectory, clock: Clock) -> None:
    """Those that no order has; they do not count as pending orders."""
    client = AcmeClient(rt, directory.name)
    client.register(made_binding(rt, directory))
    client = limited(client, 3)
    asked = [client.post("new-authz", {"identifier": {"type": "dns", "value": f"{n}.example.test"}}) for n in range(5)]
    assert [each.status for each in asked] == [201, 201, 201, 429, 429]
    assert asked[-1].kind == "rateLimited"
    clock.forward(days=1)
    assert client.post("new-authz", {"identifier": {"type": "dns", "value": "a.example.test"}}).status == 201


def test_orders_that_fail_at_once_make_no_room_for_more(rt: Runtime, directory: AcmeDirectory, clock: Clock) -> None:
    """An account gives up an authorization to end its order, and begins again."""
    client = AcmeClient(rt, directory.name)
    client.register(made_binding(rt, directory))
    client = limited(client, 3)
    statuses = []
    for number in range(8):
        order = client.order(f"{number}.example.test")
        statuses.append(order.status)
        if order.status == 201:
            client.post(order.body["authorizations"][0], {"status": "deactivated"})
            assert client.post(order.headers["Location"]).body["status"] == "invalid"
    assert statuses == [201] * 6 + [429] * 2  # three ended, and three more count as pending
    clock.forward(days=1, seconds=1)
    reconcile.reconcile(client.rt)
    assert client.order("a.example.test").status == 201
