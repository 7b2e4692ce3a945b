"""Costs of a month in US dollars: AWS Private CA's, and a model of Signet's on AWS. Exact: Decimal throughout.

`prices.json` has every price with its date and source. Prices are list prices of us-east-1, without free tiers,
discounts, taxes and data transfer. AWS changes them, so look them up before you decide.
tests/contract/store/test_dynamodb_units.py measures the units per certificate.
"""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.frozen import dataclass

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
RUNS = {  # scheduled functions: their memory in MB, and the minutes between their runs
    "publish_crls": (1769, 1),
    "reconcile": (512, 1),
    "sequence_journal": (512, 1),
    "write_audit_reports": (1024, 1),
    "remind": (512, 10),
    "monitor": (512, 1),
}
RUN_SECONDS = Decimal("0.5")  # assumed
LAMBDA_LOG_BYTES = 600  # assumed: what Lambda itself logs of a run, start and report
MONITOR_LOG_BYTES = 714  # of a run that watches nothing
RUN_READ_UNITS = 50  # per minute, for all runs together if nothing is due
NOTED_UNITS, NOTED_MINUTES = 2, 5  # of the record of the last run; see `schedules.NOTED_EVERY`
ALARMS, METRICS = 13, 10  # metrics: five of the monitor, five totals over all CAs
CA_METRICS = 3  # per CA and hour in which it issues: Success, Time and CRLGenerated
REVOKED = Decimal("0.01")  # share of certificates; each revocation publishes one CRL
CRL_FETCHES = OCSP_QUERIES = 100_000  # per CA and month
OCSP_READ_UNITS = 5  # per query that no cache answers
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
    price = _services()
    crls = authorities * REGULAR_CRLS + certificates * REVOKED
    runs, run_gb_seconds, run_log_bytes = _scheduled()
    request = price["api_request"] + price["lambda_request"] + REQUEST_GB_SECONDS * price["lambda_gb_second"]
    stored = TABLE_BYTES / _GB * (price["table_gb_month"] + price["table_backup_gb_month"])
    logged = LOG_BYTES / _GB * price["log_gb"]
    metric_hours = min(Decimal(certificates), Decimal(authorities * HOURS))  # metrics are billed by the hour
    return Month(
        fixed=runs * price["lambda_request"]
        + run_gb_seconds * price["lambda_gb_second"]
        + run_log_bytes / _GB * price["log_gb"]
        + MINUTES * RUN_READ_UNITS * price["table_read_unit"]
        + len(RUNS) * MINUTES // NOTED_MINUTES * NOTED_UNITS * price["table_write_unit"]
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


def _services() -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in prices()["services"].items() if name not in {"as_of", "source"}}


def _scheduled() -> tuple[int, Decimal, int]:
    """The scheduled runs of a month: their number, the gigabyte-seconds that they take, and the bytes that they log."""
    number = {name: MINUTES // minutes for name, (_, minutes) in RUNS.items()}
    gb_seconds = sum((RUN_SECONDS * RUNS[name][0] / 1024 * runs for name, runs in number.items()), Decimal())
    return (
        sum(number.values()),
        gb_seconds,
        sum(number.values()) * LAMBDA_LOG_BYTES + number["monitor"] * MONITOR_LOG_BYTES,
    )


def ocsp_of_a_ca() -> Decimal:
    """Compute what OCSP adds for a CA in a month, if no cache answers: the key of its responder, and the queries."""
    price = _services()
    query = (
        price["lambda_request"]
        + REQUEST_GB_SECONDS * price["lambda_gb_second"]
        + price["kms_signature"]
        + OCSP_READ_UNITS * price["table_read_unit"]
        + LAMBDA_LOG_BYTES / _GB * price["log_gb"]
    )
    return price["kms_key_month"] + OCSP_QUERIES * query


def cloudfront(requests: int) -> Decimal:
    """Compute what CloudFront adds for requests of CRLs or OCSP responses, by plain HTTP."""
    return requests * Decimal(prices()["cloudfront"]["http_request"])


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
