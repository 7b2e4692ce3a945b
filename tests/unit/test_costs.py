"""Prices of AWS Private CA at the borders of their tiers, exact to the last digit.

Source: AWS Private Certificate Authority pricing.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest

from chalicelib.reports import costs
from tests.support.home import ROOT


@pytest.mark.parametrize(
    ("number", "amount"),
    [
        (0, "0"),
        (1, "0.75"),
        (999, "749.25"),
        (1_000, "750.00"),
        (1_001, "750.35"),
        (9_999, "3899.65"),
        (10_000, "3900.00"),
        (10_001, "3900.001"),
        (1_000_000, "4890.00"),
        (3_333_333, "7223.333"),
    ],
)
def test_certificates_are_priced_by_tier(number: int, amount: str) -> None:
    assert costs.general_purpose_certificates(number) == Decimal(amount)


def test_authorities_are_priced_by_their_mode() -> None:
    assert costs.authority_month("GENERAL_PURPOSE") == 400
    assert costs.authority_month("SHORT_LIVED_CERTIFICATE") == 50
    assert costs.private_ca(2, 1_000) == 1550


def test_short_lived_certificates_and_ocsp_have_one_price() -> None:
    assert costs.short_lived_certificates(10_001) == Decimal("580.058")
    assert costs.ocsp(3) == Decimal("0.18")


def test_each_group_of_prices_has_a_date_and_a_source() -> None:
    for group in ("private_ca", "cloudfront", "services"):
        assert re.fullmatch("20[0-9]{2}-[0-9]{2}-[0-9]{2}", costs.prices()[group]["as_of"])
        assert costs.prices()[group]["source"]


def test_model_knows_every_scheduled_function_and_its_memory() -> None:
    scheduled = re.findall(r"Rate\((\d+), unit=Rate\.MINUTES\), name=\"(\w+)\"", (ROOT / "app.py").read_text())
    functions = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]["prod"]["lambda_functions"]
    assert {name: (functions[name]["lambda_memory_size"], int(minutes)) for minutes, name in scheduled} == costs.RUNS
    for name in ("api_handler", "ocsp"):  # REQUEST_GB_SECONDS are of 1 GB
        assert functions[name]["lambda_memory_size"] == 1024


def test_guide_says_what_ocsp_and_cloudfront_add() -> None:
    guide = " ".join((ROOT / "docs/deploy-aws.md").read_text().split())
    assert f"OCSP adds ${costs.ocsp_of_a_ca():.2f} for each CA" in guide
    assert f"CloudFront adds ${costs.cloudfront(100_000):.3f} for each 100,000" in guide


def test_home_without_authorities_has_costs_of_running_alone() -> None:
    month = costs.signet(0, 0)
    assert month.total == month.fixed > 0
