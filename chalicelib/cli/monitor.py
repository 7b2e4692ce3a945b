"""`signet monitor`: CRLs and OCSP as clients see them."""

from __future__ import annotations

import sys

import click

from chalicelib import runtime
from chalicelib.cli.status import table
from chalicelib.crl.freshness import WORDS
from chalicelib.monitor import crl_watch, ocsp_watch

_COLUMNS = ("Number", "Life used", "Freshness", "URL")


@click.command()
def monitor() -> None:
    """Fetch every CRL, ask every OCSP responder, and verify the answers; exit code 1 if one is late or wrong."""
    rt = runtime.from_env()
    sightings = [*crl_watch.watch_crls(rt), *ocsp_watch.watch_ocsp(rt)]
    if not sightings:
        click.echo("There is no CRL and no OCSP responder to watch.")
        return
    rows = [
        (str(it.crl_number or "-"), f"{it.life_used:.0f} %", it.problem or it.freshness, it.url) for it in sightings
    ]
    click.echo(table(_COLUMNS, rows))
    if any(it.problem or it.freshness != WORDS["FRESH"] for it in sightings):
        sys.exit(1)
