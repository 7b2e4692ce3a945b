"""`signet crl`: CRLs by hand."""

from __future__ import annotations

import sys

import click

from chalicelib import arn as arns
from chalicelib import runtime
from chalicelib.cli.recorded import recorded
from chalicelib.cli.status import table
from chalicelib.crl import publication, verification

_SECONDS = 3600.0


@click.group()
def crl() -> None:
    """CRLs."""


@crl.command()
@recorded("RequestCrlPublication")
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


@crl.command()
def verify() -> None:
    """Compare every published CRL with the records of certificates, byte for byte; exit code 1 if they differ."""
    verdicts = list(verification.verify_crls(runtime.from_env()))
    if not verdicts:
        click.echo("There is no CRL to verify.")
        return
    click.echo(table(("Entries", "Waiting", "Freshness", "Verdict", "Object"), [_row(verdict) for verdict in verdicts]))
    if any(verdict.problem for verdict in verdicts):
        sys.exit(1)


def _row(verdict: verification.Verdict) -> tuple[str, ...]:
    numbers = str(verdict.entries), str(verdict.waiting)
    return (*numbers, verdict.freshness or "-", verdict.problem or "as recorded", verdict.object_name)


@crl.command()
@click.argument("crl_arn", metavar="ARN")
@recorded("RebuildCrl", "crl_arn")
def rebuild(crl_arn: str) -> None:
    """Rebuild the stored entries of a CRL from its revocations, and make it due: if `verify` finds them damaged.

    ARN is the ARN of the CA, or of a partition of its CRL as `publish` prints it.
    """
    rt = runtime.from_env()
    try:
        state = rt.store.get_crl_state(crl_arn)
    except arns.ArnError as error:
        raise click.UsageError(f"{error}.") from error
    if state is None:
        raise click.UsageError(f"There is no CRL {crl_arn}.")
    rt.store.forget_crl_segments(crl_arn)
    rt.store.schedule_crl(crl_arn, due_at=rt.now())
    click.echo("The next run of the schedule, or `signet crl publish`, publishes it.")
