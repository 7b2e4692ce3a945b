"""`signet crl`: CRLs by hand."""

from __future__ import annotations

import sys

import click

from chalicelib import arn as arns
from chalicelib import runtime
from chalicelib.cli.status import table
from chalicelib.crl import publication, verification

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


@crl.command()
def verify() -> None:
    """Prove that every published CRL is what the certificates' records say, byte for byte; exit code 1 if not."""
    found = list(verification.verify_crls(runtime.from_env()))
    if not found:
        click.echo("There is no CRL to verify.")
        return
    rows = [(str(each.entries), str(each.waiting), each.problem or "as recorded", each.location) for each in found]
    click.echo(table(("Entries", "Waiting", "State", "Location"), rows))
    if any(each.problem for each in found):
        sys.exit(1)


@crl.command()
@click.argument("crl_arn", metavar="ARN")
def rebuild(crl_arn: str) -> None:
    """Make the stored entries of a CRL again from its revocations, and the CRL due: when `verify` finds them damaged.

    ARN is that of the CA, or what `publish` calls a partition of its CRL.
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
    click.echo("The next run of the schedule, or `signet crl publish`, makes it.")
