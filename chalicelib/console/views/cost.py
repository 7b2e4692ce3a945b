"""The cost of this month at AWS Private CA, beside the cost here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.console import render
from chalicelib.reports import bill, costs

if TYPE_CHECKING:
    from decimal import Decimal

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

_PURPOSES = (
    "Scheduled runs, alarms",
    "Keys of CAs",
    "Metrics and events",
    "Requests",
    "State",
    "Journal",
    "CRLs",
)


def show(visit: Visit) -> WireResponse:
    """The bill of the account's month, line by line, with date and source of the prices."""
    rt = visit.rt
    month, prices = bill.recent(rt, visit.caller.account_id), costs.prices()
    return render.page(
        visit,
        "cost.html",
        title="Cost",
        section="cost",
        bill=month,
        on_aws=rt.settings.state == "dynamodb",
        parts=list(zip(_PURPOSES, month.signet.parts, strict=True)),
        dollars=dollars,
        sources=[
            (name, prices[key]) for name, key in (("AWS Private CA", "private_ca"), ("Other services", "services"))
        ],
        price_region=prices["region"],
    )


def dollars(amount: Decimal) -> str:
    """An amount to the cent, as `$4,300.00`."""
    return f"${amount:,.2f}"
