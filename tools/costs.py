"""What a month of Signet on AWS costs, beside AWS Private CA: the model behind the table in docs/deploy-aws.md.

Prices are list prices of us-east-1 in US dollars, without free tiers, discounts, taxes and data transfer; AWS changes
them, so look them up before you decide. tests/contract/test_dynamodb_units.py counts what a certificate consumes.
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
EVENT = 1e-6  # PutEvents, of one's own source
PRIVATE_CA_MONTH = 400.0
PRIVATE_CA_TIERS = ((1_000, 0.75), (10_000, 0.35), (float("inf"), 0.001))

# What is consumed.
MINUTES, HOURS = 43_800, 730  # of a month
WRITE_UNITS, READ_UNITS = 32, 4  # for a certificate: issued, and fetched once
TABLE_BYTES = 6_000  # for a certificate, with its index entries
REQUEST_GB_SECONDS = 0.1  # 100 ms at 1 GB: assumed, to be measured in your account
REQUESTS = 2  # IssueCertificate and GetCertificate
LOG_BYTES = 2_000  # for a certificate: the lines before and after its signature, its metrics, and Lambda's own
RUNS = 4  # scheduled functions, each once a minute
RUN_GB_SECONDS = 0.25  # assumed: half a second at 512 MB
RUN_READ_UNITS = 40  # of all runs of a minute that find nothing to do
ALARMS, METRICS = 12, 10  # metrics: five of the monitor, five as totals of all CAs
CA_METRICS = 3  # of a CA, in each hour in which it issues: Success, Time and, as often, CRLGenerated
REVOKED = 0.01  # of the certificates; each revocation makes one CRL
CRL_FETCHES = 100_000  # a month, for each CA
REGULAR_CRLS = 9  # a month, for each CA: at each midpoint of 7 days


@dataclass(frozen=True, slots=True)
class Month:
    """What a month costs, by service."""

    fixed: float
    keys: float
    watching: float
    requests: float
    state: float
    crls: float

    @property
    def total(self) -> float:
        """In US dollars."""
        return self.fixed + self.keys + self.watching + self.requests + self.state + self.crls


def signet(authorities: int, certificates: int) -> Month:
    """A month in which so many CAs issue so many certificates in all; storage is that of this month's certificates."""
    crls = authorities * REGULAR_CRLS + certificates * REVOKED
    runs = RUNS * MINUTES
    busy = min(certificates / authorities / HOURS, 1.0)  # a metric is paid for by the hour
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
        crls=crls * S3_PUT + authorities * CRL_FETCHES * S3_GET,
    )


def private_ca(authorities: int, certificates: int) -> float:
    """The same month with AWS Private CA in general-purpose mode; the tiers count the certificates of all CAs."""
    cost, counted = authorities * PRIVATE_CA_MONTH, 0.0
    for limit, price in PRIVATE_CA_TIERS:
        step = max(min(certificates, limit) - counted, 0)
        cost, counted = cost + step * price, counted + step
    return cost


def table() -> str:
    """The table of docs/deploy-aws.md."""
    parts_shown = ("of it runs, alarms", "CA keys", "metrics, events", "requests", "state", "CRLs")
    columns = ("CAs", "certificates a month", "Signet", *parts_shown, "AWS Private CA")
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join(['---:'] * len(columns))} |"]
    for authorities in (1, 10, 100):
        for certificates in (10_000, 1_000_000):
            month = signet(authorities, certificates)
            parts = (month.total, month.fixed, month.keys, month.watching, month.requests, month.state, month.crls)
            shown = " | ".join(f"${each:,.2f}" for each in parts)
            lines.append(
                f"| {authorities} | {certificates:,} | {shown} | ${private_ca(authorities, certificates):,.2f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
