"""Scheduled work for ACME: ends orders that a crash left processing, and removes expired records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import logs
from chalicelib.acme import directories, issuing, orders
from chalicelib.acme.problems import AcmeProblem
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.records import DueKind
    from chalicelib.runtime import Runtime

_LIMIT = 1000
_USED_PAGES = 10  # each request leaves a nonce


def reconcile(rt: Runtime) -> dict[str, int]:
    """Close and remove what is overdue.

    Returns:
        how many orders ended, how many records expired, and how many errors there were.

    Raises:
        NotServingError: the database and its journal do not go together.
    """
    rt.journal.require(rt.now())
    counts = {"acme_orders_ended": 0, "acme_records_expired": 0, "acme_errors": 0}
    for kind, age, close, counter in _STEPS:
        patience = age * timedelta(seconds=int(rt.settings.pending_seconds))
        for name in rt.store.list_due(kind, now=rt.now() - patience, limit=_LIMIT):
            try:
                counts[counter] += close(rt, name)
            except Exception:  # noqa: BLE001  the next run tries again
                counts["acme_errors"] += 1
                logs.log_exception("acme_reconcile_failed", kind=kind)
    counts["acme_records_expired"] += _forget_used(rt)
    return counts


def _end(rt: Runtime, name: str) -> bool:
    """End a processing order: valid if its certificate is issued, invalid otherwise; nothing is issued here."""
    order = rt.store.get_acme_order(*name.split("#"))
    if order is None or order.status != "processing":
        return False
    directory = directories.named(rt, order.directory)
    account = rt.store.get_acme_account(order.directory_id, order.acme_id)
    issued = None
    if directory is not None and account is not None and directory.directory_id == order.directory_id:
        issued = issuing.issued_for(rt, directory, account, order)
    if issued is not None and issued.status == "PENDING":
        return False  # reconciliation of certificates closes it first
    if directory is not None and issued is not None and issued.status == "ISSUED":
        return issuing.succeed(rt, directory, order, issued.arn, not_after=issued.not_after).status == "valid"
    problem = AcmeProblem("serverInternal", "The issuance was interrupted; create a new order.")
    try:
        rt.store.update_acme_order(order, replace(order, status="invalid", error=problem.document()))
    except ConflictError:
        return False
    return True


def _expire_order(rt: Runtime, name: str) -> bool:
    order = rt.store.get_acme_order(*name.split("#"))
    if order is None or order.expires_at > rt.now():
        return False
    if order.status == "pending":
        return orders.expired(rt, order).status == "invalid"
    rt.store.delete_acme_order(order)
    return True


def _expire_authorization(rt: Runtime, name: str) -> bool:
    acme_id, authorization_id = name.split("#")
    (authorization,) = rt.store.get_acme_authorizations(acme_id, [authorization_id])
    if authorization is None or authorization.expires_at > rt.now():
        return False
    rt.store.delete_acme_authorization(authorization)
    return True


def _forget_used(rt: Runtime) -> int:
    """Remove the records of used nonces and of other single uses once they have expired; return how many."""
    forgotten = 0
    for _ in range(_USED_PAGES):
        names = list(rt.store.list_due("ACME-USED", now=rt.now(), limit=_LIMIT))
        rt.store.expire_used(names)
        forgotten += len(names)
        if len(names) < _LIMIT:
            break
    return forgotten


# Kind, how many times the patience must have passed, what closes a record, and the counter.
_STEPS: tuple[tuple[DueKind, int, Callable[[Runtime, str], bool], str], ...] = (
    ("ACME-PROCESSING", 1, _end, "acme_orders_ended"),
    ("ACME-ORDER", 0, _expire_order, "acme_records_expired"),
    ("ACME-AUTHORIZATION", 0, _expire_authorization, "acme_records_expired"),
)
