"""Accounts, orders and authorizations of ACME in the table; `chalicelib.store.acme_state` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.acme_records import AcmeAccount, AcmeAuthorization, AcmeOrder
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, Clause, ConditionFailedError, Delete, Item, Key, Put, Update
from chalicelib.store.table_base import Base, version_is

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.acme_records import Identifier
    from chalicelib.store.table import Write

_REMAINS = timedelta(days=30)  # of an order or an authorization that has expired
_DAY = 86_400


class Acme(Base):
    """The records that ACME clients create; each account has partitions of its own for orders and authorizations."""

    def use_once(self, name: str, *, until: datetime) -> bool:
        try:
            self.table.write(Put(_used_item(name, until), ABSENT), durable=False)
        except ConditionFailedError:
            return False
        return True

    def count_at_most(self, name: str, most: int, *, now: datetime, until: datetime) -> bool:
        first = _used_item(name, until) | {"times": 1, "until": items.micros(until)}
        lasts = Clause("until", ">", items.micros(now))
        add = Update(_used_key(name), ((lasts, Clause("times", "<=", most - 1)),), added={"times": 1})
        begin = Put(first, (*ABSENT, (Clause("until", "<=", items.micros(now)),)))
        for write in (add, begin, add):  # the last one if another process has just begun
            try:
                self.table.write(write)
            except ConditionFailedError:
                continue
            return True
        return False

    def is_counted(self, name: str, most: int, *, now: datetime) -> bool:
        item = self.table.get(_used_key(name))
        return item is not None and int(item["until"]) > items.micros(now) and int(item["times"]) >= most

    def release(self, name: str) -> None:
        self.table.write(Delete(_used_key(name)))

    def expire_used(self, names: Sequence[str]) -> None:
        most = self.table.MOST_WRITES
        for begin in range(0, len(names), most):
            page = names[begin : begin + most]
            self.table.write(*(Delete(Key(name, "USED")) for name in page), durable=False)

    # accounts

    def put_acme_account(self, account: AcmeAccount) -> None:
        try:
            self.table.write(Put(_account_item(account), ABSENT), Put(_key_item(account), ABSENT))
        except ConditionFailedError as error:
            raise ConflictError("An account has the key.") from error

    def get_acme_account(self, directory_id: str, acme_id: str) -> AcmeAccount | None:
        item = self.table.get(Key(_accounts(directory_id), acme_id))
        return None if item is None else items.from_item(AcmeAccount, item)

    def acme_account_with_key(self, directory_id: str, thumbprint: str) -> AcmeAccount | None:
        item = self.table.get(_thumbprint_key(directory_id, thumbprint))
        return None if item is None else self.get_acme_account(directory_id, str(item["acme_id"]))

    def list_acme_accounts(self, directory_id: str, *, limit: int, after: str = "") -> list[AcmeAccount]:
        found = self.table.query(_accounts(directory_id), after=after, limit=limit)
        return [items.from_item(AcmeAccount, item) for item in found]

    def update_acme_account(self, old: AcmeAccount, new: AcmeAccount) -> AcmeAccount:
        new = replace(new, version=old.version + 1)
        writes: list[Write] = [Put(_account_item(new), version_is(old.version))]
        if new.thumbprint != old.thumbprint:
            writes += [
                Delete(_thumbprint_key(old.directory_id, old.thumbprint)),
                Put(_key_item(new), ABSENT),
            ]
        try:
            self.table.write(*writes)
        except ConditionFailedError as error:
            raise ConflictError("The account has changed, or another one has the key.") from error
        return new

    # orders

    def put_acme_order(
        self, order: AcmeOrder, authorizations: Sequence[AcmeAuthorization], *, replaced_order: AcmeOrder | None = None
    ) -> None:
        writes: list[Write] = [Put(_order_item(order), ABSENT), Put(_pending_item(order))]
        if order.replaces:
            former = "" if replaced_order is None else _order_name(replaced_order)
            free = (Clause("order", "=", former),) if former else ABSENT[0]
            item: Item = _used_item(_replaced_name(order.directory_id, order.replaces), order.expires_at + _REMAINS)
            writes.append(Put(item | {"order": _order_name(order)}, (free,)))
        before = [each for authorization in authorizations for each in _authorization_writes(authorization)]
        most = self.table.MOST_WRITES
        try:
            while len(before) + len(writes) > most:  # a failure leaves authorizations, which expire
                self.table.write(*before[:most], durable=False)
                del before[:most]
            self.table.write(*before, *writes)
        except ConditionFailedError as error:
            raise ConflictError("Another order already replaces the certificate.") from error

    def get_acme_order(self, acme_id: str, order_id: str) -> AcmeOrder | None:
        item = self.table.get(Key(f"ACME-ORDER#{acme_id}", order_id))
        return None if item is None else items.from_item(AcmeOrder, item)

    def list_acme_orders(self, acme_id: str, *, limit: int, after: str = "") -> list[AcmeOrder]:
        found = self.table.query(f"ACME-ORDER#{acme_id}", after=after, limit=limit)
        return [items.from_item(AcmeOrder, item) for item in found]

    def last_acme_orders(self, directory_id: str, *, limit: int, before: str = "") -> list[AcmeOrder]:
        extra = 1 if before else 0
        newest = self.table.last("list", _orders_of(directory_id), up_to=before or None, limit=limit + extra)
        orders = [items.from_item(AcmeOrder, item) for item in newest]
        return [order for order in orders if order.order_id != before][:limit]

    def count_pending_acme_orders(self, acme_id: str, *, most: int) -> int:
        return min(most, self.table.count(None, [f"ACME-PENDING#{acme_id}"], ["0", "~"], most=most)[0])

    def order_replacing(self, directory_id: str, certificate_id: str) -> AcmeOrder | None:
        item = self.table.get(_used_key(_replaced_name(directory_id, certificate_id)))
        return None if item is None else self.get_acme_order(*str(item["order"]).split("#"))

    def update_acme_order(self, old: AcmeOrder, new: AcmeOrder) -> AcmeOrder:
        new = replace(new, version=old.version + 1)
        writes: list[Write] = [Put(_order_item(new), version_is(old.version))]
        if old.status == "pending" != new.status:
            writes.append(Delete(items.key_of(_pending_item(old))))
        try:
            # What a power cut takes back of an issuance reconciliation finds again: the certificate's own write waits.
            self.table.write(*writes, durable=new.status not in {"processing", "valid"})
        except ConditionFailedError as error:
            raise ConflictError("The order has changed.") from error
        return new

    def delete_acme_order(self, order: AcmeOrder) -> None:
        self.table.write(Delete(items.key_of(_order_item(order))), Delete(items.key_of(_pending_item(order))))

    # authorizations

    def put_acme_authorization(self, authorization: AcmeAuthorization) -> None:
        self.table.write(*_authorization_writes(authorization))

    def get_acme_authorizations(self, acme_id: str, ids: Sequence[str]) -> list[AcmeAuthorization | None]:
        found = self.table.get_many([Key(f"ACME-AUTHORIZATION#{acme_id}", each) for each in ids]) if ids else []
        return [None if item is None else items.from_item(AcmeAuthorization, item) for item in found]

    def acme_authorizations_for(
        self, acme_id: str, names: Sequence[tuple[Identifier, bool]]
    ) -> list[AcmeAuthorization | None]:
        entries = self.table.get_many([_name_key(acme_id, *name) for name in names])
        ids = [None if entry is None else str(entry["authorization_id"]) for entry in entries]
        known = [each for each in ids if each is not None]
        found = dict(zip(known, self.get_acme_authorizations(acme_id, known), strict=True))
        return [None if each is None else found[each] for each in ids]

    def update_acme_authorization(self, old: AcmeAuthorization, new: AcmeAuthorization) -> AcmeAuthorization:
        new = replace(new, version=old.version + 1)
        try:
            self.table.write(Put(_authorization_item(new), version_is(old.version)))
        except ConditionFailedError as error:
            raise ConflictError("The authorization has changed.") from error
        return new

    def delete_acme_authorization(self, authorization: AcmeAuthorization) -> None:
        name = _name_key(authorization.acme_id, authorization.identifier, authorization.wildcard)
        is_last = ((Clause("authorization_id", "=", authorization.authorization_id),),)
        with suppress(ConditionFailedError):
            self.table.write(Delete(name, is_last))
        self.table.write(Delete(items.key_of(_authorization_item(authorization))))


# keys and items


def _used_key(name: str) -> Key:
    return Key(f"ACME-USED#{hashlib.sha256(name.encode()).hexdigest()}", "USED")


def _used_item(name: str, until: datetime) -> Item:
    pk, sk = _used_key(name)
    return {"pk": pk, "sk": sk, "ttl": int(until.timestamp()) + _DAY, **items.due("ACME-USED", until, pk)}


def _accounts(directory_id: str) -> str:
    return f"ACME-ACCOUNT#{directory_id}"


def _account_item(account: AcmeAccount) -> Item:
    return items.to_item(account, Key(_accounts(account.directory_id), account.acme_id))


def _thumbprint_key(directory_id: str, thumbprint: str) -> Key:
    return Key(f"ACME-KEY#{directory_id}#{thumbprint}", "KEY")


def _key_item(account: AcmeAccount) -> Item:
    pk, sk = _thumbprint_key(account.directory_id, account.thumbprint)
    return {"pk": pk, "sk": sk, "acme_id": account.acme_id}


def _orders_of(directory_id: str) -> str:
    return f"ACME-ORDERS-OF#{directory_id}"


def _order_name(order: AcmeOrder) -> str:
    return f"{order.acme_id}#{order.order_id}"


def _order_item(order: AcmeOrder) -> Item:
    """Item of an order: due for reconciliation while it is processing, and when it expires or is removed."""
    if order.status == "processing":
        index = items.due("ACME-PROCESSING", order.finalized_at, _order_name(order))
    else:
        remains = timedelta(0) if order.status == "pending" else _REMAINS
        index = items.due("ACME-ORDER", order.expires_at + remains, _order_name(order))
    listed = {"list_pk": _orders_of(order.directory_id), "list_sk": order.order_id}
    return items.to_item(order, Key(f"ACME-ORDER#{order.acme_id}", order.order_id), **index, **listed)


def _pending_item(order: AcmeOrder) -> Item:
    return {"pk": f"ACME-PENDING#{order.acme_id}", "sk": order.order_id}


def _replaced_name(directory_id: str, certificate_id: str) -> str:
    return f"replaced#{directory_id}#{certificate_id}"


def _name_key(acme_id: str, identifier: Identifier, wildcard: bool) -> Key:  # noqa: FBT001  as the record has it
    return Key(f"ACME-NAME#{acme_id}", f"{identifier.type}:{'*.' if wildcard else ''}{identifier.value}")


def _authorization_writes(authorization: AcmeAuthorization) -> list[Write]:
    """Writes of a new authorization, which becomes the last one of its account for the name."""
    name = _name_key(authorization.acme_id, authorization.identifier, authorization.wildcard)
    last: Item = {"pk": name.pk, "sk": name.sk, "authorization_id": authorization.authorization_id}
    return [Put(_authorization_item(authorization)), Put(last)]


def _authorization_item(authorization: AcmeAuthorization) -> Item:
    key = Key(f"ACME-AUTHORIZATION#{authorization.acme_id}", authorization.authorization_id)
    due_at = authorization.expires_at + _REMAINS
    return items.to_item(
        authorization, key, **items.due("ACME-AUTHORIZATION", due_at, f"{key.pk.split('#')[1]}#{key.sk}")
    )
