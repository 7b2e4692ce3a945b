"""`signet reconcile`: what a crash or a restore left open, closed by hand."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from chalicelib import reconcile as reconciliation
from chalicelib import runtime
from chalicelib.cli.recorded import recorded, recording_it

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime


@click.command()
@click.option("--journal", is_flag=True, help="Compare the database with its journal, and bring it forward.")
@click.option("--accept-fork", is_flag=True, help="With --journal: go on from a journal that was changed or lost.")
@recorded("ReconcileJournal")
def reconcile(*, journal: bool, accept_fork: bool) -> None:
    """Close interrupted issuances and creations, as the schedule does; with --journal, compare with the journal.

    The exit code is 1 if something could not be brought back, or if the database and the journal do not go together.
    """
    rt = runtime.from_env()
    if accept_fork and not journal:
        raise click.UsageError("--accept-fork is about the journal: give --journal, too.")
    if not journal:
        counts = asdict(reconciliation.reconcile(rt))
        click.echo(", ".join(f"{name.replace('_', ' ')}: {number}" for name, number in counts.items()))
        return
    _bring_forward(rt)
    difference = rt.journal.difference(rt.now())
    if difference is not None and accept_fork:
        with recording_it(rt, "AcceptJournal", rt.settings.account_id, {"reason": difference.reason}):
            rt.journal.accept(rt.now())
        click.echo(f"Accepted: {difference.reason}")
        difference = rt.journal.difference(rt.now())
    if difference is not None:
        click.echo(f"{difference.reason} Remedy: {difference.remedy}.", err=True)
        sys.exit(1)
    head = rt.journal.run(rt.now())
    click.echo(f"The database and its journal have the same {head.size} entries.")


def _bring_forward(rt: Runtime) -> None:
    report = reconciliation.bring_forward(rt)
    for kind, number in sorted(report.done.items()):
        if number:
            click.echo(f"{kind}: {number} brought back")
    for sentence in report.lost.values():
        click.echo(sentence, err=True)
