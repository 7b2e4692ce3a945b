"""`signet crl`: CRLs by hand."""

from __future__ import annotations

import sys

import click

from chalicelib import runtime
from chalicelib.operations import publication

_SECONDS = 3600.0


@click.group()
def crl() -> None:
    """CRLs."""


@crl.command()
def publish() -> None:
    """Publish the CRLs that are due, as the schedule does."""
    outcomes = publication.publish_due_crls(runtime.from_env(), seconds=_SECONDS)
    for outcome in outcomes:
        detail = outcome.error or f"number {outcome.crl_number}, {outcome.entries} entries"
        click.echo(f"{outcome.result}: {outcome.crl_arn}: {detail}", err=outcome.result == "failed")
    if not outcomes:
        click.echo("No CRL is due.")
    if any(outcome.result == "failed" for outcome in outcomes):
        sys.exit(1)
