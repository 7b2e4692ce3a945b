"""`signet monitor`: CRLs and OCSP as strangers see them."""

from __future__ import annotations

import sys

import click

from chalicelib import runtime
from chalicelib.cli.status import table
from chalicelib.monitor import crl_watch, ocsp_watch

_LATE = 50.0  # percent of its life: from there on a newer CRL is due
_COLUMNS = ("Number", "Life used", "State", "Address")


@click.command()
def monitor() -> None:
    """Fetch every CRL, ask every OCSP responder, verify what they say; exit code 1 if one is late or wrong."""
    rt = runtime.from_env()
    seen = [*crl_watch.watch_crls(rt), *ocsp_watch.watch_ocsp(rt)]
    if not seen:
        click.echo("There is no CRL and no OCSP responder to watch.")
        return
    rows = [(str(each.crl_number or "-"), f"{each.life_used:.0f} %", _state(each), each.address) for each in seen]
    click.echo(table(_COLUMNS, rows))
    if any(_state(each) != "fresh" for each in seen):
        sys.exit(1)


def _state(seen: crl_watch.Sighting) -> str:
    return seen.problem or ("late" if seen.life_used > _LATE else "fresh")
