"""`signet status`: CAs, how fresh their CRLs are, counts, and how long an issuance took on average."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from chalicelib import runtime
from chalicelib.ca import state as ca_state
from chalicelib.crl import distribution_points
from chalicelib.pki.x509 import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

_PAGE = 100
_COLUMNS = ("Name", "Type", "State", "Issued", "Failed", "Time", "Revoked", "CRL", "Next update", "Next run", "ARN")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(*, as_json: bool) -> None:
    """Show the CAs of this home, how fresh their CRLs are, and how many certificates they issued."""
    rt = runtime.from_env()
    found = [describe(rt, ca) for account in rt.store.list_accounts() for ca in _authorities(rt, account)]
    if as_json:
        click.echo(json.dumps({"CertificateAuthorities": found}, indent=2, default=str))
        return
    if not found:
        click.echo("There is no CA yet.")
        return
    click.echo(table(_COLUMNS, [_row(each) for each in found]))
    for each in found:
        if each["Crl"] and each["Crl"]["LastError"]:
            click.echo(f"{each['Arn']}: CRL failed {each['Crl']['Failures']} times: {each['Crl']['LastError']}")


def _authorities(rt: Runtime, account_id: str) -> list[CertificateAuthority]:
    found: list[CertificateAuthority] = []
    after: str | None = None
    while page := rt.store.list_certificate_authorities(account_id, limit=_PAGE, after=after):
        found += page
        after = page[-1].arn.rsplit("/", 1)[1]
    return sorted(found, key=lambda ca: (ca.created_at, ca.arn))


def describe(rt: Runtime, ca: CertificateAuthority) -> dict[str, Any]:
    """What a program may want to know of a CA."""
    certificates, seconds = Counter[str](), 0.0
    for record in rt.store.list_certificates(ca.arn):
        certificates[record.status] += 1
        if record.issued_at is not None:
            seconds += (record.issued_at - record.reserved_at).total_seconds()
        certificates["REVOKED"] += record.revoked_at is not None
    subject = names.encode_subject(ca.configuration["Subject"])
    return {
        "Arn": ca.arn,
        "Name": dict(ca.tags).get("Name"),
        "CommonName": names.common_name(subject),
        "Type": ca.type,
        "Status": ca_state.status_of(ca, rt.now()),
        "NotAfter": ca_state.issuer_of(ca).not_after if ca.certificate_der else None,
        "Certificates": {name: certificates[name] for name in ("ISSUED", "PENDING", "FAILED", "REVOKED")},
        "Metrics": {
            "Success": certificates["ISSUED"],
            "Failure": certificates["FAILED"],
            "Time": round(1000 * seconds / certificates["ISSUED"], 1) if certificates["ISSUED"] else None,
        },
        "Crl": _crl(rt, ca),
    }


def _crl(rt: Runtime, ca: CertificateAuthority) -> dict[str, Any] | None:
    found = [rt.store.get_crl_state(each) for each in distribution_points.crl_arns(ca, rt.now())]
    states = [each for each in found if each is not None]
    if not states:
        return None
    locations = distribution_points.in_use(ca, rt.now())
    state = min(states, key=lambda each: (each.next_update is not None, each.next_update))  # the one that ends first
    return {
        "Number": state.published_number,
        "Entries": sum(each.published_entries for each in states),
        "Partitions": len({each.partition for each in locations} - {""}),
        "PublishedAt": state.published_at,
        "NextUpdate": state.next_update,
        "Fresh": state.next_update is not None and state.next_update > rt.now(),
        "NextRun": state.next_crl_at,
        "Failures": state.failures,
        "LastError": state.last_error,
        "Urls": [each.url for each in locations],
    }


def _row(ca: dict[str, Any]) -> tuple[str, ...]:
    crl, counts, metrics = ca["Crl"], ca["Certificates"], ca["Metrics"]
    if crl is None:
        crl_columns = ("-", "-", "-")
    else:
        state = "failing" if crl["LastError"] else "fresh" if crl["Fresh"] else "due"
        crl_columns = (state, _time(crl["NextUpdate"]), _time(crl["NextRun"]))
    return (
        ca["Name"] or ca["CommonName"] or "-",
        ca["Type"],
        ca["Status"],
        str(metrics["Success"]),
        str(metrics["Failure"]),
        "-" if metrics["Time"] is None else f"{metrics['Time']:.0f}ms",
        str(counts["REVOKED"]),
        *crl_columns,
        ca["Arn"],
    )


def _time(moment: Any) -> str:
    return "-" if moment is None else moment.strftime("%Y-%m-%d %H:%MZ")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under their headings, each column as wide as its widest value; control characters are shown as '?'."""
    shown = [[_printable(value) for value in row] for row in [columns, *rows]]
    widths = [max(len(row[index]) for row in shown) for index in range(len(columns))]
    lines = ["  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    return "\n".join(lines)


def _printable(value: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in value)
