"""Cost model of a month of Signet on AWS, compared with AWS Private CA; prints the table of docs/deploy-aws.md.

Prices are list prices of us-east-1 in US dollars, without free tiers, discounts, taxes and data transfer. AWS changes
them, so look them up before you decide. tests/contract/store/test_dynamodb_units.py measures the units per certificate.
"""

from __future__ import annotations

from dataclasses import dataclass

# Prices: AWS's pricing pages of each service.
LAMBDA_REQUEST, LAMBDA_GB_SECOND = 0.20e-6, 16.6667e-6
API_REQUEST = 3.50e-6  # REST API, the first 333 million
WRITE_UNIT, READ_UNIT, TABLE_GB, BACKUP_GB = 0.625e-6, 0.125e-6, 0.25, 0.20  # on-demand; point-in-time recovery
KEY_MONTH, SIGNATURE = 1.00, 3e-6  # signatures by RSA_2048; the other specs cost 15e-6
S3_PUT, S3_GET, S3_GB = 5e-6, 0.4e-6, 0.023
ALARM, METRIC, DASHBOARD, LOG_GB = 0.10, 0.30, 3.00, 0.50
EVENT = 1e-6  # PutEvents, custom source
PRIVATE_CA_MONTH = 400.0
PRIVATE_CA_TIERS = ((1_000, 0.75), (10_000, 0.35), (float("inf"), 0.001))

# Consumption.
MINUTES, HOURS = 43_800, 730  # in a month
WRITE_UNITS, READ_UNITS = 62, 4  # per certificate, issued and fetched once, with three audit records
SEQUENCED_UNITS = 4  # per certificate: two items of the outbox are removed
JOURNAL_RUN_UNITS, JOURNAL_PUTS = 8, 4  # per minute with a change: the head; bundle, tiles and checkpoint
TABLE_BYTES = 14_000  # per certificate, with its index entries; 8,000 of it are audit records, for 400 days
REQUEST_GB_SECONDS = 0.1  # assumed: 100 ms at 1 GB; measure it in your account
REQUESTS = 2  # per certificate: IssueCertificate and GetCertificate
LOG_BYTES = (
    7_500  # per certificate: the lines before and after its signature, its metrics, audit records, and Lambda's lines
)
RUNS = 5  # scheduled functions, each once a minute
RUN_GB_SECONDS = 0.25  # assumed: half a second at 512 MB
RUN_READ_UNITS = 50  # per minute, for all runs together if nothing is due
ALARMS, METRICS = 13, 10  # metrics: five of the monitor, five totals over all CAs
CA_METRICS = 3  # per CA and hour in which it issues: Success, Time and CRLGenerated
REVOKED = 0.01  # share of certificates; each revocation publishes one CRL
CRL_FETCHES = 100_000  # per CA and month
REGULAR_CRLS = 9  # per CA and month: one at each midpoint of 7 days


@dataclass(frozen=True, slots=True)
class Month:
    """Costs of a month by purpose, in US dollars."""

    fixed: float
    keys: float
    watching: float
    requests: float
    state: float
    journal: float
    crls: float

    @property
    def total(self) -> float:
        """Sum of all costs, in US dollars."""
        return self.fixed + self.keys + self.watching + self.requests + self.state + self.journal + self.crls


def signet(authorities: int, certificates: int) -> Month:
    """Compute the costs of a month in which some CAs issue this many certificates in all, the only ones in storage."""
    crls = authorities * REGULAR_CRLS + certificates * REVOKED
    runs = RUNS * MINUTES
    busy = min(certificates / authorities / HOURS, 1.0)  # share of hours with issuance; metrics are billed by the hour
    return Month(
        fixed=runs * (LAMBDA_REQUEST + RUN_GB_SECONDS * LAMBDA_GB_SECOND)
        + MINUTES * RUN_READ_UNITS * READ_UNIT
        + ALARMS * ALARM
        + METRICS * METRIC
        + DASHBOARD
        + KEY_MONTH,
        keys=authorities * KEY_MONTH + (certificates + crls) * SIGNATURE,
        watching=authorities * busy * CA_METRICS * METRIC + (certificates * (1 + REVOKED) + crls) * EVENT,
        requests=certificates * REQUESTS * (API_REQUEST + LAMBDA_REQUEST + REQUEST_GB_SECONDS * LAMBDA_GB_SECOND),
        state=certificates
        * (
            WRITE_UNITS * WRITE_UNIT
            + READ_UNITS * READ_UNIT
            + TABLE_BYTES / 1e9 * (TABLE_GB + BACKUP_GB)
            + LOG_BYTES / 1e9 * LOG_GB
        ),
        journal=certificates * SEQUENCED_UNITS * WRITE_UNIT
        + min(certificates, MINUTES) * (JOURNAL_RUN_UNITS * WRITE_UNIT + JOURNAL_PUTS * S3_PUT),
        crls=crls * S3_PUT + authorities * CRL_FETCHES * S3_GET,
    )


def private_ca(authorities: int, certificates: int) -> float:
    """Compute the same month on AWS Private CA in general-purpose mode; the price tiers count all CAs together."""
    cost, counted = authorities * PRIVATE_CA_MONTH, 0.0
    for limit, price in PRIVATE_CA_TIERS:
        step = max(min(certificates, limit) - counted, 0)
        cost, counted = cost + step * price, counted + step
    return cost


def table() -> str:
    """Render the table of docs/deploy-aws.md."""
    parts_shown = ("of it runs, alarms", "CA keys", "metrics, events", "requests", "state", "journal", "CRLs")
    columns = ("CAs", "certificates a month", "Signet", *parts_shown, "AWS Private CA")
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join(['---:'] * len(columns))} |"]
    for authorities in (1, 10, 100):
        for certificates in (10_000, 1_000_000):
            month = signet(authorities, certificates)
            parts = (month.fixed, month.keys, month.watching, month.requests, month.state, month.journal, month.crls)
            shown = " | ".join(f"${cost:,.2f}" for cost in (month.total, *parts))
            lines.append(
                f"| {authorities} | {certificates:,} | {shown} | ${private_ca(authorities, certificates):,.2f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
