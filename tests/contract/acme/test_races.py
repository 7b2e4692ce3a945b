"""Eight requests at once for what only one may have, with SQLite and DynamoDB."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.acme import bindings
from chalicelib.config import Settings
from chalicelib.runtime import from_settings
from chalicelib.store.dynamodb import create_table
from chalicelib.store.dynamodb import open_store as open_dynamodb
from chalicelib.store.table_store import TableStore
from tests.support.acme_calls import AcmeClient, jwk, made_binding, signed
from tests.support.acme_steps import certificate_id, issued, revoke

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.acme_calls import Got

pytestmark = pytest.mark.laptop
AT_ONCE = 8


@pytest.fixture(params=["sqlite", "dynamodb"])
def rt(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, aws: None) -> Runtime:
    made = replace(from_settings(Settings(data=str(tmp_path / "home"))), now=clock)
    if request.param == "sqlite":
        return made
    create_table(boto3.session.Session().client("dynamodb", region_name="us-east-1"), "signet")
    table: Any = OneAtATime(open_dynamodb("signet", "us-east-1").table)
    return replace(made, store=TableStore(table))


class OneAtATime:
    """A table whose calls are atomic, as DynamoDB's are, and moto's are not among threads."""

    def __init__(self, inner: Any) -> None:
        self._inner, self._turn = inner, threading.Lock()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._turn:
                found = value(*args, **kwargs)
                return iter(list(found)) if hasattr(found, "__next__") else found

        return call


def at_once(*acts: Callable[[], Got]) -> list[Got]:
    """Let threads begin together, and return their answers."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Got]) -> Got:
        gate.wait(30)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def statuses(answers: list[Got]) -> Counter[int]:
    return Counter(each.status for each in answers)


def certificates(rt: Runtime, ca_arn: str) -> int:
    found = rt.store.list_certificates(ca_arn)
    return sum(each.status == "ISSUED" and each.requested_by.startswith("acme:") for each in found)


def test_order_is_finalized_once(rt: Runtime, client: AcmeClient, ca_arn: str) -> None:
    order = client.order("a.example.test")
    answers = at_once(*[lambda: client.finalize(order)] * AT_ONCE)
    assert statuses(answers) == {200: 1, 403: AT_ONCE - 1}
    assert {each.kind for each in answers if each.status == 403} == {"orderNotReady"}
    assert certificates(rt, ca_arn) == 1
    assert client.post(order.headers["Location"]).body["status"] == "valid"


def test_key_gets_one_account_and_takes_one_place_of_its_binding(rt: Runtime, directory: AcmeDirectory) -> None:
    made = made_binding(rt, directory)
    key = ec.generate_private_key(ec.SECP256R1())
    clients = [AcmeClient(rt, directory.name, key=key) for _ in range(AT_ONCE)]
    answers = at_once(*[lambda client=client: client.register(made) for client in clients])
    assert set(statuses(answers)) <= {200, 201, 503}, [each.body for each in answers]
    assert len({each.headers["Location"] for each in answers if each.status < 300}) == 1
    (account,) = rt.store.list_acme_accounts(directory.directory_id, limit=10)
    (binding,) = bindings.of_directory(rt, directory)
    assert binding.accounts == (account.acme_id,)


def test_binding_binds_no_more_accounts_than_it_may(rt: Runtime, directory: AcmeDirectory) -> None:
    made = made_binding(rt, directory, most_accounts=2)
    clients = [AcmeClient(rt, directory.name) for _ in range(AT_ONCE)]
    answers = at_once(*[lambda client=client: client.register(made) for client in clients])
    assert statuses(answers)[201] <= 2
    assert len(rt.store.list_acme_accounts(directory.directory_id, limit=10)) == statuses(answers)[201]
    for client in clients:
        client.register(made)
    assert len(rt.store.list_acme_accounts(directory.directory_id, limit=10)) == 2


def test_certificate_is_replaced_by_one_order(client: AcmeClient) -> None:
    replaces = certificate_id(issued(client, "a.example.test"))
    answers = at_once(*[lambda: client.order("a.example.test", replaces=replaces)] * AT_ONCE)
    assert statuses(answers) == {201: 1, 409: AT_ONCE - 1}
    assert {each.kind for each in answers if each.status == 409} == {"alreadyReplaced"}


def test_account_has_one_key_after_changes_at_once(rt: Runtime, client: AcmeClient) -> None:
    url, kid, old = client.url("key-change"), client.kid, client.key
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(AT_ONCE)]

    def change(new: ec.EllipticCurvePrivateKey) -> Got:
        inner = signed(new, {"jwk": jwk(new), "url": url}, {"account": kid, "oldKey": jwk(old)})
        return client.post(url, json.loads(inner))

    answers = at_once(*[lambda new=new: change(new) for new in keys])
    assert statuses(answers)[200] == 1
    assert set(statuses(answers)) <= {200, 400, 409}
    clients = [AcmeClient(rt, client.directory, key=key, kid=kid) for key in (old, *keys)]
    working = [each.key for each in clients if each.post(kid).status == 200]
    assert working == [keys[[each.status for each in answers].index(200)]]
    found = [AcmeClient(rt, client.directory, key=key) for key in (old, *keys)]
    existing = [each for each in found if each.post("new-account", {"onlyReturnExisting": True}).status == 200]
    assert [each.key for each in existing] == working


def test_two_accounts_do_not_get_one_key(registered: Callable[..., AcmeClient]) -> None:
    clients = [registered() for _ in range(4)]
    new = ec.generate_private_key(ec.SECP256R1())

    def change(client: AcmeClient) -> Got:
        url = client.url("key-change")
        payload = {"account": client.kid, "oldKey": jwk(client.key)}
        return client.post(url, json.loads(signed(new, {"jwk": jwk(new), "url": url}, payload)))

    answers = at_once(*[lambda client=client: change(client) for client in clients])
    assert statuses(answers) == {200: 1, 409: 3}


def test_request_is_taken_once(client: AcmeClient) -> None:
    request = signed(client.key, client.header(client.kid), None)
    answers = at_once(*[lambda: client.send("POST", client.kid, request)] * AT_ONCE)
    assert statuses(answers) == {200: 1, 400: AT_ONCE - 1}


def test_binding_allows_no_more_orders_than_its_number(registered: Callable[..., AcmeClient]) -> None:
    client = registered(orders_a_day=3)
    answers = at_once(*[lambda: client.order("a.example.test")] * AT_ONCE)
    assert statuses(answers) == {201: 3, 429: AT_ONCE - 3}


def test_certificate_is_revoked_once(client: AcmeClient) -> None:
    leaf = issued(client, "a.example.test")
    answers: Any = at_once(*[lambda: revoke(client, leaf)] * AT_ONCE)
    assert statuses(answers) == {200: 1, 400: AT_ONCE - 1}
    assert {each.kind for each in answers if each.status == 400} == {"alreadyRevoked"}
