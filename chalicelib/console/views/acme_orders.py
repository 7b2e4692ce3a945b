"""ACME accounts of a directory, and its orders with each attempt to validate a name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from chalicelib import errors
from chalicelib.acme import accounts, mass_revocation
from chalicelib.console import render, severity, web
from chalicelib.console.parts import acme, notes
from chalicelib.console.parts.confirmation import Question

if TYPE_CHECKING:
    from chalicelib.acme_records import AcmeAccount, AcmeDirectory
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

ACCOUNTS, ORDERS = 25, 20  # on a page
FIRST_NAMES, MOST_NAMES = 3, 100  # of an order: in the list, and on its page


def list_accounts(visit: Visit) -> WireResponse:
    """The accounts of a directory, in pages."""
    found, after = acme.directory(visit), acme.id_in(visit, "after")
    page = visit.rt.store.list_acme_accounts(found.directory_id, limit=ACCOUNTS + 1, after=after)
    return render.page(
        visit,
        "acme_accounts.html",
        title="Accounts",
        subtitle=f"Accounts of {found.name}",
        section=acme.SECTION,
        directory=found,
        address=lambda path="", **more: acme.address(found.name, path, **more),
        rows=[(each, severity.ACME[each.status], _certificates(each)) for each in page[:ACCOUNTS]],
        first=not after,
        following=acme.address(found.name, "accounts", after=page[ACCOUNTS - 1].acme_id)
        if len(page) > ACCOUNTS
        else "",
        note=notes.take(visit),
    )


def _certificates(account: AcmeAccount) -> str:
    return f"certificates?{urlencode({'requested_by': account.requested_by})}"


def confirm_revocation(visit: Visit) -> WireResponse:
    """Show what the revocation of an account stops, and ask for confirmation and about its certificates."""
    found, account = _account(visit)
    is_short = mass_revocation.has_few_orders(visit.rt, account)
    command = f"signet acme account revoke {account.acme_id} --directory {found.name} --certificates"
    return acme.ask(
        visit,
        found.name,
        Question(
            heading=f"Revoke the account {account.acme_id}?",
            consequences=(
                "The server refuses every request of the account: its client gets and revokes no certificate with it.",
                "Certificates that were issued for it stay valid, unless you tick the box below."
                if is_short
                else "Certificates that were issued for it stay valid. It has many: this command revokes them, too.",
                "You cannot restore it.",
            ),
            action=acme.address(found.name, "account/revoke", account=account.acme_id),
            button="Revoke",
            back=acme.address(found.name, "accounts"),
            choice="acme_certificates" if is_short else "",
            command="" if is_short else command,
        ),
    )


def revoke_account(visit: Visit) -> WireResponse:
    """Revoke an account, and what it has had issued if that is ticked and soon done."""
    found, account = _account(visit)
    back = acme.address(found.name, "accounts")
    with_certificates = bool(visit.form.get("acme_certificates"))
    if with_certificates and not mass_revocation.has_few_orders(visit.rt, account):
        raise errors.ValidationException(
            f"The account has more than {mass_revocation.MOST_ORDERS} orders: revoke it by the command."
        )
    with acme.refused_in_words():
        accounts.revoke(visit.rt, found, account.acme_id)
    if not with_certificates:
        return notes.done(visit, back, "account_revoked")
    failed = mass_revocation.revoke_ordered(visit.rt, found, account, "CESSATION_OF_OPERATION").failed
    return notes.done(visit, back, "account_revoked_partly" if failed else "account_revoked_wholly")


def _account(visit: Visit) -> tuple[AcmeDirectory, AcmeAccount]:
    """The directory and the account that the address names; raises `NotFoundError`."""
    found = acme.directory(visit)
    acme_id = acme.id_in(visit, "account")
    account = visit.rt.store.get_acme_account(found.directory_id, acme_id) if acme_id else None
    if account is None:
        raise web.NotFoundError
    return found, account


# orders


def list_orders(visit: Visit) -> WireResponse:
    """The orders of a directory, newest first, in pages."""
    found, before = acme.directory(visit), acme.id_in(visit, "before")
    page = visit.rt.store.last_acme_orders(found.directory_id, limit=ORDERS + 1, before=before)
    return render.page(
        visit,
        "acme_orders.html",
        title="Orders",
        subtitle=f"Orders of {found.name}",
        section=acme.SECTION,
        directory=found,
        address=lambda path="", **more: acme.address(found.name, path, **more),
        rows=acme.order_rows(visit, found, page[:ORDERS], FIRST_NAMES),
        first=not before,
        following=acme.address(found.name, "orders", before=page[ORDERS - 1].order_id) if len(page) > ORDERS else "",
    )


def show_order(visit: Visit) -> WireResponse:
    """An order with all its names."""
    found = acme.directory(visit)
    acme_id, order_id = acme.id_in(visit, "account"), acme.id_in(visit, "order")
    order = visit.rt.store.get_acme_order(acme_id, order_id) if acme_id and order_id else None
    if order is None or order.directory_id != found.directory_id:
        raise web.NotFoundError
    return render.page(
        visit,
        "acme_order.html",
        title="Order",
        subtitle=f"Order of {found.name}",
        section=acme.SECTION,
        directory=found,
        address=lambda path="", **more: acme.address(found.name, path, **more),
        row=acme.order_rows(visit, found, [order], MOST_NAMES)[0],
    )
