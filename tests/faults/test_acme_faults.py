"""Every call of every ACME scenario fails in every way; then the client asks again, and the invariants of ACME hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme import directories, jws, mass_revocation, reconcile
from chalicelib.audit import AuditError
from chalicelib.errors import ApiError
from chalicelib.keystore import KeyStoreError
from chalicelib.store import StoreError
from tests.faults.acme_world import (
    NAME,
    acme_breaches,
    acme_certificates,
    copied,
    everything_expires,
    faulty,
    prepare,
    recover,
)
from tests.faults.fault_ports import FAULTS, Faults, ProcessDiedError, Site
from tests.faults.world import CALLER
from tests.support.acme_calls import jwk, signed
from tests.support.acme_steps import revoke
from tests.support.challenge_responder import ChallengeResponder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalicelib.runtime import Runtime
    from tests.faults.acme_world import Prepared
    from tests.faults.world import World
    from tests.support.acme_calls import Got

SIX_MINUTES = 360  # longer than an issuance may take


@pytest.fixture(scope="module")
def responder() -> Iterator[ChallengeResponder]:
    with ChallengeResponder() as responder:
        yield responder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, responder: ChallengeResponder) -> Prepared:
    made = prepare(tmp_path_factory.mktemp("acme") / "home", responder)
    looking = made.client(copied(made, made.home.parent / "look", responder).rt)
    found = looking.post(made.waiting.body["authorizations"][0])
    token = next(each["token"] for each in found.body["challenges"] if each["type"] == "http-01")
    responder.set_http(token, f"{token}.{jws.thumbprint(jwk(made.key))}")
    return made


# scenarios: what a client sends, and what it must have at the end


def new_account(rt: Runtime, prepared: Prepared) -> Got:
    return prepared.newcomer(rt).register(prepared.spare)


def new_order(rt: Runtime, prepared: Prepared) -> Got:
    return prepared.client(rt).order("a.example.test", "c.example.test")


def new_order_that_replaces(rt: Runtime, prepared: Prepared) -> Got:
    return prepared.client(rt).order("a.example.test", replaces=prepared.again)


def challenge(rt: Runtime, prepared: Prepared) -> Got:
    url = prepared.waiting.body["authorizations"][0].replace("/authorization/", "/challenge/")
    return prepared.client(rt).post(f"{url}/http-01", {})


def finalize(rt: Runtime, prepared: Prepared) -> Got:
    return prepared.client(rt).post(prepared.ready.body["finalize"], {"csr": prepared.csr})


def finalize_a_replacement(rt: Runtime, prepared: Prepared) -> Got:
    return prepared.client(rt).post(prepared.replacing.body["finalize"], {"csr": prepared.csr})


def download(rt: Runtime, prepared: Prepared) -> Got:
    return prepared.client(rt).post(prepared.done.body["certificate"])


def revoke_old(rt: Runtime, prepared: Prepared) -> Got:
    return revoke(prepared.client(rt), prepared.old)


def change_key(rt: Runtime, prepared: Prepared) -> Got:
    client = prepared.client(rt)
    url, new = client.url("key-change"), prepared.next_key
    inner = signed(new, {"jwk": jwk(new), "url": url}, {"account": client.kid, "oldKey": jwk(client.key)})
    return client.post(url, json.loads(inner))


def reconciliation(rt: Runtime, prepared: Prepared) -> None:
    reconcile.reconcile(rt)


SCENARIOS: dict[str, Callable[[Any, Any], Any]] = {
    function.__name__: function
    for function in (
        new_account,
        new_order,
        new_order_that_replaces,
        challenge,
        finalize,
        finalize_a_replacement,
        download,
        revoke_old,
        change_key,
        reconciliation,
    )
}


def order_state(world: World, prepared: Prepared, order: Got) -> str:
    return str(prepared.client(world.rt).post(order.headers["Location"]).body["status"])


def check_new_account(world: World, prepared: Prepared) -> None:
    got = new_account(world.rt, prepared)
    assert got.status in {200, 201}, got.body


def check_challenge(world: World, prepared: Prepared) -> None:
    got = challenge(world.rt, prepared)
    assert (got.status, got.body["status"]) == (200, "valid"), got.body
    assert order_state(world, prepared, prepared.waiting) == "ready"


def check_finalize(world: World, prepared: Prepared) -> None:
    check_final(world, prepared, finalize, prepared.ready)


def check_finalize_a_replacement(world: World, prepared: Prepared) -> None:
    """What is replaced stays valid until the order is, and at the longest until the owner revokes what remains."""
    state = check_final(world, prepared, finalize_a_replacement, prepared.replacing)
    if state == "valid":
        mass_revocation.revoke_remaining(world.rt, directories.find(world.rt, CALLER.account_id, NAME))
    record = world.rt.store.get_certificate(prepared.root, prepared.old.serial_number)
    assert record is not None
    assert (record.revoked_at is not None) == (state == "valid")


def check_final(world: World, prepared: Prepared, again: Callable[[Any, Any], Got], order: Got) -> str:
    """The order has ended or can be finalized; it has a certificate exactly if it is valid."""
    before = order_state(world, prepared, order)
    assert before in {"ready", "valid", "invalid"}, before
    again(world.rt, prepared)
    state = order_state(world, prepared, order)
    assert state == ("valid" if before == "ready" else before)
    assert len(acme_certificates(world)) == (4 if state == "valid" else 3)
    return state


def check_revoke_old(world: World, prepared: Prepared) -> None:
    got = revoke_old(world.rt, prepared)
    assert got.status == 200 or got.kind == "alreadyRevoked", got.body
    record = world.rt.store.get_certificate(prepared.root, prepared.old.serial_number)
    assert record is not None
    assert record.revoked_at is not None


def check_change_key(world: World, prepared: Prepared) -> None:
    """One of the two keys is the account's, and the other is nobody's."""
    old, new = prepared.client(world.rt), prepared.client(world.rt)
    new.key = prepared.next_key
    answers = {old.post(old.kid).status, new.post(new.kid).status}
    assert answers == {200, 400}
    if old.post(old.kid).status == 200:
        assert change_key(world.rt, prepared).status == 200


def check_reconciliation(world: World, prepared: Prepared) -> None:
    assert order_state(world, prepared, prepared.ready) == "valid"


def check_nothing_more(world: World, prepared: Prepared) -> None:
    got = download(world.rt, prepared)
    assert got.status == 200


CHECKS: dict[str, Callable[[World, Prepared], None]] = {
    "new_account": check_new_account,
    "challenge": check_challenge,
    "finalize": check_finalize,
    "finalize_a_replacement": check_finalize_a_replacement,
    "revoke_old": check_revoke_old,
    "change_key": check_change_key,
    "reconciliation": check_reconciliation,
}


def begin(world: World, prepared: Prepared, name: str) -> None:
    """What has happened before a scenario, which the template's home does not have."""
    if name != "reconciliation":
        return
    world.faults = last_write_of_finalizing(world, prepared)
    attempt(faulty(world), prepared, "finalize")
    assert world.faults.fired
    world.start()
    assert order_state(world, prepared, prepared.ready) == "processing"
    world.clock.forward(seconds=SIX_MINUTES)
    world.faults = Faults()


def last_write_of_finalizing(world: World, prepared: Prepared) -> Faults:
    """The fault that leaves an order processing although its certificate is issued."""

    class Ending(Faults):
        def around(self, port: str, method: str, call: Any) -> Any:
            issued = len(acme_certificates(world)) == 4
            if issued and (port, method) == ("store", "write") and not self.fired:
                self.fired = True
                raise ProcessDiedError("planned")
            return super().around(port, method, call)

    return Ending()


def attempt(rt: Runtime, prepared: Prepared, name: str) -> str:
    """Run a scenario as a client sees it: the status, or that there was no answer."""
    try:
        got = SCENARIOS[name](rt, prepared)
    except ProcessDiedError:
        return "died"
    except (ApiError, AuditError, StoreError, KeyStoreError) as error:
        return type(error).__name__
    except KeyError:  # the answer to the request for a nonce had none
        return "no nonce"
    return "done" if got is None else str(got.status)


def sites_of(prepared: Prepared, target: Path, responder: ChallengeResponder, name: str) -> list[Site]:
    world = copied(prepared, target, responder)
    begin(world, prepared, name)
    assert attempt(faulty(world), prepared, name) in {"done", "200", "201"}
    return world.faults.seen


@pytest.mark.parametrize("name", SCENARIOS)
def test_faults_at_every_call_of_an_acme_scenario_break_no_invariant(
    name: str,
    prepared: Prepared,
    responder: ChallengeResponder,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Each call fails before, fails after it took effect, and the process dies before and after it."""
    sites = sites_of(prepared, tmp_path / "count", responder, name)
    assert sites, "a scenario without calls tests nothing"
    runs = 0
    for number, site in enumerate(sites):
        for fault in FAULTS:
            world = copied(prepared, tmp_path / f"{number}-{fault}", responder)
            begin(world, prepared, name)
            world.faults = Faults(site, fault)
            outcome = attempt(faulty(world), prepared, name)
            where = f"{fault} at {site} ({outcome})"
            assert world.faults.fired, f"{site} was not reached"
            recover(world)
            assert acme_breaches(world, prepared) == [], where
            try:
                CHECKS.get(name, check_nothing_more)(world, prepared)
            except AssertionError as error:
                raise AssertionError(where) from error
            recover(world)
            assert acme_breaches(world, prepared) == [], where
            runs += 1
    assert list(everything_expires(world)) == []
    record_property("fault sites", len(sites))
    record_property("fault runs", runs)
