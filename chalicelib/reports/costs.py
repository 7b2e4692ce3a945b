"""Costs of a month in US dollars: AWS Private CA's, and a model of Signet's on AWS. Exact: Decimal throughout.

`prices.json` has every price with its date and source. Prices are list prices of us-east-1, without free tiers,
discounts, taxes and data transfer. AWS changes them, so look them up before you decide.
tests/contract/store/test_dynamodb_units.py measures the units per certificate.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

# Consumption.
MINUTES, HOURS = 43_800, 730  # in a month
WRITE_UNITS, READ_UNITS = 62, 4  # per certificate, issued and fetched once, with three audit records
SEQUENCED_UNITS = 4  # per certificate: two items of the outbox are removed
JOURNAL_RUN_UNITS, JOURNAL_PUTS = 8, 4  # per minute with a change: the head; bundle, tiles and checkpoint
TABLE_BYTES = 14_000  # per certificate, with its index entries; 8,000 of it are audit records, for 400 days
REQUEST_GB_SECONDS = Decimal("0.1")  # assumed: 100 ms at 1 GB; measure it in your account
REQUESTS = 2  # per certificate: IssueCertificate and GetCertificate
LOG_BYTES = (
    7_500  # per certificate: the lines before and after its signature, its metrics, audit records, and Lambda's lines
)
RUNS = 5  # scheduled functions, each once a minute
RARE_RUNS, RARE_MINUTES = 1, 10  # scheduled functions, and the minutes between their runs
RUN_GB_SECONDS = Decimal("0.25")  # assumed: half a second at 512 MB
RUN_READ_UNITS = 50  # per minute, for all runs together if nothing is due
NOTED_UNITS, NOTED_MINUTES = 2, 5  # of the record of the last run; see `schedules.NOTED_EVERY`
ALARMS, METRICS = 13, 10  # metrics: five of the monitor, five totals over all CAs
CA_METRICS = 3  # per CA and hour in which it issues: Success, Time and CRLGenerated
REVOKED = Decimal("0.01")  # share of certificates; each revocation publishes one CRL
CRL_FETCHES = 100_000  # per CA and month
REGULAR_CRLS = 9  # per CA and month: one at each midpoint of 7 days
_GB = Decimal(10**9)


@cache
def prices() -> dict[str, Any]:
    """The prices, with date and source of each group; amounts are text."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text("utf-8"))
    return loaded


@dataclass(frozen=True, slots=True)
class Month:
    """Costs of a month by purpose, in US dollars."""

    fixed: Decimal
    keys: Decimal
    watching: Decimal
    requests: Decimal
    state: Decimal
    journal: Decimal
    crls: Decimal

    @property
    def parts(self) -> tuple[Decimal, ...]:
        """The costs in the order of their purposes."""
        return tuple(getattr(self, part.name) for part in fields(self))

    @property
    def total(self) -> Decimal:
        """Sum of all costs, in US dollars."""
        return sum(self.parts, Decimal())


def signet(authorities: int, certificates: int) -> Month:
    """Compute the costs of a month in which some CAs issue this many certificates in all, the only ones in storage."""
    price = {name: Decimal(text) for name, text in prices()["services"].items() if name not in {"as_of", "source"}}
    crls = authorities * REGULAR_CRLS + certificates * REVOKED
    run = price["lambda_request"] + RUN_GB_SECONDS * price["lambda_gb_second"]
    request = price["api_request"] + price["lambda_request"] + REQUEST_GB_SECONDS * price["lambda_gb_second"]
    stored = TABLE_BYTES / _GB * (price["table_gb_month"] + price["table_backup_gb_month"])
    logged = LOG_BYTES / _GB * price["log_gb"]
    metric_hours = min(Decimal(certificates), Decimal(authorities * HOURS))  # metrics are billed by the hour
    return Month(
        fixed=(RUNS * MINUTES + RARE_RUNS * MINUTES // RARE_MINUTES) * run
        + MINUTES * RUN_READ_UNITS * price["table_read_unit"]
        + RUNS * MINUTES // NOTED_MINUTES * NOTED_UNITS * price["table_write_unit"]
        + ALARMS * price["alarm_month"]
        + METRICS * price["metric_month"]
        + price["dashboard_month"]
        + price["kms_key_month"],
        keys=authorities * price["kms_key_month"] + (certificates + crls) * price["kms_signature"],
        watching=metric_hours / HOURS * CA_METRICS * price["metric_month"]
        + (certificates * (1 + REVOKED) + crls) * price["event"],
        requests=certificates * REQUESTS * request,
        state=certificates
        * (WRITE_UNITS * price["table_write_unit"] + READ_UNITS * price["table_read_unit"] + stored + logged),
        journal=certificates * SEQUENCED_UNITS * price["table_write_unit"]
        + min(certificates, MINUTES) * (JOURNAL_RUN_UNITS * price["table_write_unit"] + JOURNAL_PUTS * price["s3_put"]),
        crls=crls * price["s3_put"] + authorities * CRL_FETCHES * price["s3_get"],
    )


def private_ca(authorities: int, certificates: int) -> Decimal:
    """Compute a month of AWS Private CA in general-purpose mode, for CAs that exist the whole month."""
    return authority_month("GENERAL_PURPOSE") * authorities + general_purpose_certificates(certificates)


def authority_month(usage_mode: str) -> Decimal:
    """The price of a CA for a month at AWS Private CA, by its usage mode."""
    return Decimal(prices()["private_ca"]["authority_month"][usage_mode])


def general_purpose_certificates(number: int) -> Decimal:
    """The price of the certificates of all CAs in general-purpose mode in a month; the tiers count them together."""
    cost, counted = Decimal(), 0
    for limit, price in prices()["private_ca"]["certificate_tiers"]:
        step = max((number if limit is None else min(number, limit)) - counted, 0)
        cost, counted = cost + step * Decimal(price), counted + step
    return cost


def short_lived_certificates(number: int) -> Decimal:
    """The price of the certificates that CAs in short-lived certificate mode issue in a month."""
    return number * Decimal(prices()["private_ca"]["short_lived_certificate"])


def ocsp(certificates: int) -> Decimal:
    """The price of OCSP for a month in which this many certificates are queried."""
    return certificates * Decimal(prices()["private_ca"]["ocsp_certificate_month"])
