"""`signet monitor`: CRLs and OCSP as clients see them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chalicelib import clock, runtime
from chalicelib.cli.status import table
from chalicelib.crl.freshness import WORDS
from chalicelib.monitor import crl_watch, ocsp_watch

if TYPE_CHECKING:
    from chalicelib.monitor.sightings import Sighting

_COLUMNS = ("Number", "Life used", "Freshness", "URL")


@click.command()
def monitor() -> None:
    """Fetch every CRL, ask every OCSP responder, and verify the answers; exit code 1 if one is late or wrong."""
    rt = runtime.from_env()
    if notice := clock.notice(rt):
        click.echo(f"clock: {notice}", err=True)
    sightings = [*crl_watch.watch_crls(rt), *ocsp_watch.watch_ocsp(rt)]
    if not sightings:
        click.echo("There is no CRL and no OCSP responder to watch.")
        return
    click.echo(table(_COLUMNS, [_row(sighting) for sighting in sightings]))
    if any(sighting.problem or sighting.freshness != WORDS["FRESH"] for sighting in sightings):
        sys.exit(1)


def _row(sighting: Sighting) -> tuple[str, ...]:
    number, used = str(sighting.crl_number or "-"), f"{sighting.life_used:.0f} %"
    return number, used, sighting.problem or sighting.freshness, sighting.url
