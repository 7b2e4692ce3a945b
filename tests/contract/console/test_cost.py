"""The page that compares this month with AWS Private CA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.reports import bill
from tests.support.console_steps import issue, root, signed_in

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop


def test_page_shows_the_bill_and_the_dates_of_the_prices(rt: Any, clock: Clock) -> None:
    ca = root(rt)
    issue(rt, ca)
    page = signed_in(rt).get("/console/cost")
    month = bill.of_month(rt, rt.settings.account_id, clock())
    assert month.ocsp is not None
    for amount in (month.total, month.ocsp.amount, month.most, month.signet.total):
        assert f"${amount:,.2f}" in page.text
    assert "<strong>$0.00</strong> to AWS" in page.text
    assert "as of 2025-07-01" in page.text


def test_certificates_are_counted_once_in_five_minutes(rt: Any, clock: Clock) -> None:
    ca, browser = root(rt), signed_in(rt)
    before = browser.get("/console/cost").text
    issue(rt, ca)
    assert browser.get("/console/cost").text == before
    clock.forward(minutes=5)
    month = bill.of_month(rt, rt.settings.account_id, clock())
    assert f"${month.total:,.2f}" in browser.get("/console/cost").text
    assert f"${month.total:,.2f}" not in before
