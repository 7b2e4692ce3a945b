"""`signet status`: CAs, the freshness of their CRLs, counts, and how long an issuance took on average."""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from chalicelib import arn as arns
from chalicelib import clock, runtime
from chalicelib.ca import iterate
from chalicelib.ca import state as ca_state
from chalicelib.cli import waiting
from chalicelib.crl import distribution_points, freshness
from chalicelib.monitor import health
from chalicelib.pki.x509 import names
from chalicelib.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.crl.freshness import Freshness
    from chalicelib.records import CertificateAuthority, DistributionPoint
    from chalicelib.runtime import Runtime

_LAST = 10  # certificates whose mean time is shown
_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_COLUMNS = ("Name", "Type", "Status", "Issued", "Failed", "Time", "Revoked", "CRL", "Next update", "Next run", "ARN")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--wait",
    "seconds",
    type=click.IntRange(0, 3600),
    is_flag=False,
    flag_value=waiting.SECONDS,
    help=f"First wait until the server of this home is healthy; without a number at most {waiting.SECONDS} seconds.",
)
def status(*, as_json: bool, seconds: int | None) -> None:
    """Show the CAs of this home, how fresh their CRLs are, and how many certificates they issued.

    The exit code is 0 if all is well; 1 if a part of the home cannot do its work or, with --wait, if its server is not
    healthy in time; 2 if there is no home.
    """
    if seconds is not None:
        waiting.wait(seconds)
    rt = runtime.from_env()
    problems = health.look(rt)
    for problem in problems:
        click.echo(f"{problem.part}: {problem.reason} Remedy: {problem.remedy}.", err=True)
    if not any(problem.part == "state" for problem in problems):
        if notice := clock.notice(rt):
            click.echo(f"clock: {notice}", err=True)
        _show(rt, as_json=as_json)
    if problems:
        sys.exit(1)


def _show(rt: Runtime, *, as_json: bool) -> None:
    head = rt.store.journal_head()
    cas = describe_all(rt)
    if as_json:
        journal = {"Entries": head.size, "PublishedAt": head.published_at}
        more = {"Tls": found} if (found := _tls(rt)) else {}
        answer = {"Clock": clock.notice(rt), "Journal": journal, **more, "CertificateAuthorities": cas}
        click.echo(json.dumps(answer, indent=2, default=str))
        return
    if tls := _tls(rt):
        click.echo(f"TLS listener: {tls['Endpoint']}, certificate until {_time(tls['NotAfter'])}.")
    if not cas:
        click.echo("There is no CA yet.")
        return
    click.echo(table(_COLUMNS, [_row(ca) for ca in cas]))
    click.echo(f"Journal: {head.size:,} entries, last checkpoint {_time(head.published_at)}.")
    for ca in cas:
        if ca["Crl"] and ca["Crl"]["LastError"]:
            click.echo(f"{ca['Arn']}: CRL failed {ca['Crl']['Failures']} times: {ca['Crl']['LastError']}")


def _tls(rt: Runtime) -> dict[str, Any] | None:
    """The TLS listener, and when the certificate that it has on disk expires; None without one."""
    if not rt.settings.tls_port:
        return None
    from chalicelib.ca import listener

    identity = listener.read(rt.settings)
    not_after = None if identity is None else datetime.fromisoformat(identity.not_after)
    return {"Endpoint": rt.settings.tls_endpoint, "NotAfter": not_after}


def describe_all(rt: Runtime) -> list[dict[str, Any]]:
    """Describe every CA, by account and age."""
    pending = Counter(arn.split("/certificate/")[0] for arn in rt.store.iter_due("PENDING", since=None, now=_EVER))
    authorities = sorted(iterate.every_authority(rt), key=_order)
    crls = freshness.of_authorities(rt, authorities)
    return [_describe(rt, ca, crls[ca.arn], pending[ca.arn]) for ca in authorities]


def _order(ca: CertificateAuthority) -> tuple[str, datetime, str]:
    return arns.parse_ca_arn(ca.arn).account_id, ca.created_at, ca.arn


def _describe(rt: Runtime, ca: CertificateAuthority, crls: Sequence[Freshness], pending: int) -> dict[str, Any]:
    """A CA for programs: members are named as the API names them, times are datetimes.

    "Freshness" is that of the worst CRL, as the console shows it; "Crl" is that CRL, or None without one. "Time" is the
    mean of the last certificates, in milliseconds.
    """
    counts = rt.store.count_of(ca.arn)
    issued = counts.reserved - counts.failed - pending
    last = rt.store.last_certificates(ca.arn, limit=_LAST)
    seconds = [(record.issued_at - record.reserved_at).total_seconds() for record in last if record.issued_at]
    subject = names.encode_subject(ca.configuration["Subject"])
    return {
        "Arn": ca.arn,
        "Name": dict(ca.tags).get("Name"),
        "CommonName": names.common_name(subject),
        "Type": ca.type,
        "Status": ca_state.status_of(ca, rt.now()),
        "NotAfter": ca_state.not_after_of(ca),
        "Certificates": {"ISSUED": issued, "PENDING": pending, "FAILED": counts.failed, "REVOKED": counts.revoked},
        "Metrics": {
            "Success": issued,
            "Failure": counts.failed,
            "Time": round(1000 * sum(seconds) / len(seconds), 1) if seconds else None,
        },
        "Freshness": freshness.WORDS[freshness.worst_condition(ca, crls)],
        "Crl": _crl(crls, distribution_points.in_use(ca, rt.now())) if crls else None,
    }


def _crl(crls: Sequence[Freshness], points: Sequence[DistributionPoint]) -> dict[str, Any]:
    """The worst CRL of a CA, with the number of entries of all its CRLs."""
    condition, state = crls[0].condition, crls[0].state
    return {
        "Number": state.published_number,
        "Entries": sum(crl.state.published_entries for crl in crls),
        "Partitions": len({point.partition for point in points} - {""}),
        "PublishedAt": state.published_at,
        "NextUpdate": state.next_update,
        "Fresh": condition == "FRESH",
        "NextRun": state.next_crl_at,
        "Failures": state.failures,
        "LastError": state.last_error,
        "Urls": [point.url for point in points],
    }


def _row(ca: dict[str, Any]) -> tuple[str, ...]:
    crl, counts, metrics = ca["Crl"], ca["Certificates"], ca["Metrics"]
    times = (_time(crl["NextUpdate"]), _time(crl["NextRun"])) if crl else ("-", "-")
    return (
        ca["Name"] or ca["CommonName"] or "-",
        ca["Type"],
        ca["Status"],
        str(metrics["Success"]),
        str(metrics["Failure"]),
        "-" if metrics["Time"] is None else f"{metrics['Time']:.0f}ms",
        str(counts["REVOKED"]),
        ca["Freshness"],
        *times,
        ca["Arn"],
    )


def _time(moment: Any) -> str:
    return "-" if moment is None else moment.strftime("%Y-%m-%d %H:%MZ")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format rows under their headings, columns as wide as their widest values; hidden characters are shown."""
    shown = [[printable(value) for value in row] for row in [columns, *rows]]
    widths = [max(len(row[index]) for row in shown) for index in range(len(columns))]
    lines = ["  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    return "\n".join(lines)
