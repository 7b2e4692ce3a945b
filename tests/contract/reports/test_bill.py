"""The bill of a month: shares of CAs, certificates by mode, OCSP."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from chalicelib.reports import bill
from tests.support.authority_steps import active_root, create, issue
from tests.support.builders import CRL_CONFIGURATION

if TYPE_CHECKING:
    from tests.faults.world import Clock

OCSP = {"OcspConfiguration": {"Enabled": True, "OcspCustomCname": "ocsp.example.com"}}
DAY = {"Type": "DAYS", "Value": 1}


def amounts(rt: Any, now: datetime) -> dict[str, tuple[int, Decimal]]:
    made = bill.of_month(rt, rt.settings.account_id, now)
    return {charge.what: (charge.number, charge.amount) for charge in made.charges}


def test_empty_account_costs_nothing(rt: Any, clock: Clock) -> None:
    made = bill.of_month(rt, rt.settings.account_id, clock())
    assert made.total == 0
    assert made.ocsp is None


def test_certificates_are_priced_by_the_mode_of_their_authority(acm_pca: Any, rt: Any, clock: Clock) -> None:
    general = active_root(acm_pca)
    short = active_root(acm_pca, UsageMode="SHORT_LIVED_CERTIFICATE")
    for arn in (general, general, short):
        issue(acm_pca, arn, Validity=DAY)
    found = amounts(rt, clock())
    assert found["CAs, general-purpose"][0] == found["CAs, short-lived"][0] == 1
    assert found["Certificates, general-purpose"] == (3, Decimal("2.25"))  # with the root's own
    assert found["Certificates, short-lived"] == (2, Decimal("0.116"))


def test_authority_is_billed_for_its_share_of_the_month(acm_pca: Any, rt: Any, clock: Clock) -> None:
    begins, ends = datetime.fromisoformat("2030-01-01T00:00:00Z"), datetime.fromisoformat("2030-02-01T00:00:00Z")
    ca = rt.store.get_certificate_authority(create(acm_pca))
    middle = replace(ca, created_at=begins + timedelta(days=15, hours=12))
    assert bill.share_of(replace(ca, created_at=begins - timedelta(days=400)), begins, ends) == 1
    assert bill.share_of(middle, begins, ends) == Decimal("0.5")
    deleted = replace(middle, status="DELETED", last_state_change_at=begins + timedelta(days=20, hours=3, minutes=36))
    assert bill.share_of(deleted, begins, ends) == Decimal("0.15")
    assert bill.share_of(replace(deleted, last_state_change_at=begins - timedelta(days=1)), begins, ends) == 0
    assert bill.share_of(replace(ca, status="FAILED"), begins, ends) == 0


def test_ocsp_costs_at_most_the_valid_certificates(acm_pca: Any, rt: Any, clock: Clock) -> None:
    arn = active_root(acm_pca, RevocationConfiguration=CRL_CONFIGURATION | OCSP)
    issue(acm_pca, arn, Validity=DAY)
    made = bill.of_month(rt, rt.settings.account_id, clock())
    assert made.ocsp == ("OCSP", 2, Decimal("0.12"))
    clock.forward(days=2)
    made = bill.of_month(rt, rt.settings.account_id, clock())
    assert made.ocsp == ("OCSP", 1, Decimal("0.06"))
    assert made.most - made.total == Decimal("0.06")


def test_next_month_counts_its_own_certificates(acm_pca: Any, rt: Any, clock: Clock) -> None:
    arn = active_root(acm_pca)
    clock.forward(days=40)
    issue(acm_pca, arn, Validity=DAY)
    assert amounts(rt, clock())["Certificates, general-purpose"] == (1, Decimal("0.75"))
    assert amounts(rt, clock())["CAs, general-purpose"] == (1, Decimal(400))
