"""What ACME clients create, in every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme_records import (
    AcmeAccount,
    AcmeAuthorization,
    AcmeBinding,
    AcmeChallenge,
    AcmeDirectory,
    AcmeMacKey,
    AcmeOrder,
    Identifier,
    Profile,
)
from chalicelib.store import ConflictError
from tests.support.builders import START

if TYPE_CHECKING:
    from chalicelib.store.table_store import TableStore

DAY = timedelta(days=1)
NAME = Identifier("dns", "a.example.test")


def account(**members: Any) -> AcmeAccount:
    made = AcmeAccount(
        directory="web",
        directory_id="d1",
        acme_id="a1",
        jwk={"kty": "EC", "crv": "P-256", "x": "x", "y": "y"},
        thumbprint="t1",
        status="valid",
        created_at=START,
        contacts=("mailto:ops@example.test",),
        binding="b1",
        external_account={"protected": "p", "payload": "q", "signature": "s"},
    )
    return replace(made, **members)


def authorization(number: int = 1, **members: Any) -> AcmeAuthorization:
    made = AcmeAuthorization(
        directory_id="d1",
        acme_id="a1",
        authorization_id=f"z{number}",
        identifier=NAME,
        wildcard=False,
        status="pending",
        challenges=(AcmeChallenge("http-01", "token", "invalid", {"type": "x", "detail": "y"}, ("one", "two")),),
        created_at=START,
        expires_at=START + DAY,
    )
    return replace(made, **members)


def order(number: int = 1, **members: Any) -> AcmeOrder:
    made = AcmeOrder(
        directory="web",
        directory_id="d1",
        acme_id="a1",
        order_id=f"{number:014x}",
        status="pending",
        identifiers=(NAME, Identifier("ip", "10.0.0.7")),
        authorizations=("z1", "z2"),
        profile="tlsserver",
        created_at=START,
        expires_at=START + DAY,
        requested={"notAfter": "2030-01-02T00:00:00Z"},
    )
    return replace(made, **members)


@pytest.mark.parametrize(
    "entity",
    [
        AcmeDirectory(
            name="web",
            owner="000000000000",
            directory_id="d1",
            ca_arn="arn:1",
            profiles=(Profile("tlsserver", "EndEntityServerAuthCertificate", 2160, "TLS servers"),),
            created_at=START,
            changed_at=START,
            names=("*.example.test",),
            terms="https://example.test/terms",
            former=("arn:2", "arn:3"),
            compromised=("arn:3",),
            tags=(("key", "value"),),
            certificate_tags=(("key", "value"),),
        ),
        AcmeBinding(
            account_id="000000000000",
            name="b1",
            directory="web",
            directory_id="d1",
            principal="administrator",
            names=("*.example.test", "10.0.0.0/8"),
            allowed_profiles=("tlsserver",),
            preauthorized=True,
            orders_a_day=5,
            accounts=("a1", "a2"),
            expires_at=START + DAY,
            created_at=START,
            changed_at=START,
            last_used_at=START,
            tags=(("key", "value"),),
        ),
        AcmeMacKey(account_id="000000000000", name="b1", sealed=b"\x00\xff", created_at=START),
    ],
    ids=lambda entity: type(entity).__name__,
)
def test_entity_is_read_as_it_was_written(store: TableStore, entity: Any) -> None:
    store.put_entity(entity)
    assert store.get_entity(type(entity), entity.account_id, entity.name) == entity
    assert list(store.list_entities(type(entity), entity.account_id)) == [entity]


def test_account_is_found_by_id_and_by_key(store: TableStore) -> None:
    store.put_acme_account(account())
    assert store.get_acme_account("d1", "a1") == account()
    assert store.acme_account_with_key("d1", "t1") == account()
    assert store.acme_account_with_key("d2", "t1") is None
    for other in (account(acme_id="a2"), account(thumbprint="t2")):
        with pytest.raises(ConflictError):
            store.put_acme_account(other)
    store.put_acme_account(account(acme_id="a2", thumbprint="t2"))
    assert [each.acme_id for each in store.list_acme_accounts("d1", limit=5)] == ["a1", "a2"]
    assert [each.acme_id for each in store.list_acme_accounts("d1", limit=1, after="a1")] == ["a2"]


def test_account_with_another_key_leaves_its_former_one(store: TableStore) -> None:
    store.put_acme_account(account())
    store.put_acme_account(account(acme_id="a2", thumbprint="t2"))
    with pytest.raises(ConflictError):
        store.update_acme_account(account(), account(thumbprint="t2"))
    changed = store.update_acme_account(account(), account(thumbprint="t3"))
    assert store.acme_account_with_key("d1", "t3") == changed
    assert store.acme_account_with_key("d1", "t1") is None
    with pytest.raises(ConflictError):
        store.update_acme_account(account(), account(status="revoked"))


def test_order_goes_its_way(store: TableStore) -> None:
    store.put_acme_order(order(), [authorization(), authorization(2, wildcard=True)])
    assert store.get_acme_order("a1", order().order_id) == order()
    assert store.get_acme_order("a2", order().order_id) is None
    assert store.count_pending_acme_orders("a1", most=5) == 1
    assert store.get_acme_authorizations("a1", ["z2", "z0", "z1"]) == [
        authorization(2, wildcard=True),
        None,
        authorization(),
    ]
    processing = store.update_acme_order(
        order(), order(status="processing", csr_der=b"csr", finalized_at=START + timedelta(hours=1))
    )
    assert store.count_pending_acme_orders("a1", most=5) == 0
    with pytest.raises(ConflictError):
        store.update_acme_order(order(), order(status="invalid"))
    name = f"a1#{order().order_id}"
    assert list(store.list_due("ACME-PROCESSING", now=START + timedelta(minutes=59), limit=5)) == []
    assert list(store.list_due("ACME-PROCESSING", now=START + timedelta(hours=1), limit=5)) == [name]
    assert list(store.list_due("ACME-ORDER", now=START + 40 * DAY, limit=5)) == []
    valid = store.update_acme_order(processing, replace(processing, status="valid", certificate_arn="arn:1"))
    assert store.get_acme_order("a1", order().order_id) == valid
    assert list(store.list_due("ACME-ORDER", now=START + 30 * DAY, limit=5)) == []
    assert list(store.list_due("ACME-ORDER", now=START + 31 * DAY, limit=5)) == [name]
    store.delete_acme_order(valid)
    store.delete_acme_order(valid)
    assert store.get_acme_order("a1", order().order_id) is None


def test_orders_are_listed_and_counted(store: TableStore) -> None:
    for number in range(5):
        store.put_acme_order(order(number), [])
    store.put_acme_order(order(9, acme_id="a2"), [])
    ids = [order(number).order_id for number in range(5)]
    assert [each.order_id for each in store.list_acme_orders("a1", limit=10)] == ids
    assert [each.order_id for each in store.list_acme_orders("a1", limit=2, after=ids[1])] == ids[2:4]
    assert (store.count_pending_acme_orders("a1", most=3), store.count_pending_acme_orders("a1", most=9)) == (3, 5)
    assert store.count_pending_acme_orders("a3", most=9) == 0
    newest = store.last_acme_orders("d1", limit=3)
    assert [each.order_id for each in newest] == [order(9).order_id, ids[4], ids[3]]
    assert [each.order_id for each in store.last_acme_orders("d1", limit=2, before=ids[3])] == [ids[2], ids[1]]


def test_order_of_a_hundred_names_is_written(store: TableStore) -> None:
    found = [authorization(number, identifier=Identifier("dns", f"n{number}.example.test")) for number in range(100)]
    ids = tuple(each.authorization_id for each in found)
    store.put_acme_order(order(authorizations=ids), found)
    assert store.get_acme_authorizations("a1", ids) == found
    assert store.acme_authorizations_for("a1", [(each.identifier, False) for each in found]) == found


def test_certificate_is_replaced_by_one_order_unless_that_is_given(store: TableStore) -> None:
    first, second, third = (order(number, replaces="c1") for number in range(3))
    assert store.order_replacing("d1", "c1") is None
    store.put_acme_order(first, [])
    assert store.order_replacing("d1", "c1") == first
    with pytest.raises(ConflictError):
        store.put_acme_order(second, [])
    assert store.get_acme_order("a1", second.order_id) is None
    store.put_acme_order(second, [], replaced_order=first)
    with pytest.raises(ConflictError):
        store.put_acme_order(third, [], replaced_order=first)
    assert store.order_replacing("d1", "c1") == second


def test_last_authorization_of_a_name_is_found(store: TableStore) -> None:
    names = [(NAME, False), (NAME, True), (Identifier("ip", "a.example.test"), False)]
    assert store.acme_authorizations_for("a1", names) == [None, None, None]
    store.put_acme_authorization(authorization(1))
    store.put_acme_authorization(authorization(2))
    store.put_acme_authorization(authorization(3, wildcard=True))
    assert store.acme_authorizations_for("a1", names) == [authorization(2), authorization(3, wildcard=True), None]
    store.delete_acme_authorization(authorization(1))
    assert store.acme_authorizations_for("a1", names[:1]) == [authorization(2)]
    changed = store.update_acme_authorization(authorization(2), authorization(2, status="valid"))
    assert store.acme_authorizations_for("a1", names[:1]) == [changed]
    with pytest.raises(ConflictError):
        store.update_acme_authorization(authorization(2), authorization(2, status="invalid"))
    assert list(store.list_due("ACME-AUTHORIZATION", now=START + 31 * DAY, limit=9)) == ["a1#z2", "a1#z3"]
    store.delete_acme_authorization(changed)
    store.delete_acme_authorization(changed)
    assert store.acme_authorizations_for("a1", names[:1]) == [None]


def test_what_counts_once_or_a_number_of_times(store: TableStore) -> None:
    assert store.use_once("nonce#1", until=START + DAY)
    assert not store.use_once("nonce#1", until=START + DAY)
    times: dict[str, Any] = {"now": START, "until": START + DAY}
    assert [store.count_at_most("orders", 2, **times) for _ in range(3)] == [True, True, False]
    assert not store.is_counted("orders", 3, now=START)
    assert store.is_counted("orders", 2, now=START)
    assert not store.is_counted("orders", 2, now=START + DAY)
    later: dict[str, Any] = {"now": START + DAY, "until": START + 2 * DAY}
    assert [store.count_at_most("orders", 2, **later) for _ in range(3)] == [True, True, False]


def test_what_was_used_is_forgotten(store: TableStore) -> None:
    for number in range(250):
        store.use_once(f"nonce#{number}", until=START + timedelta(seconds=number))
    assert list(store.list_due("ACME-USED", now=START - DAY, limit=9)) == []
    names = list(store.list_due("ACME-USED", now=START + DAY, limit=1000))
    assert len(names) == 250
    store.expire_used(names)
    store.expire_used([])
    assert list(store.list_due("ACME-USED", now=START + DAY, limit=9)) == []
    assert store.use_once("nonce#1", until=START + DAY)
