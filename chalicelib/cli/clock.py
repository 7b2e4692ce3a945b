"""`signet clock`: what is on record about the clock of this home."""

from __future__ import annotations

import click

from chalicelib import clock as clocks
from chalicelib import runtime
from chalicelib.cli.recorded import recorded


@click.group()
def clock() -> None:
    """The clock, which jumped if Signet was off or the clock is wrong."""


@clock.command()
def show() -> None:
    """Show the time, and whether it is in doubt: then nothing is destroyed by it."""
    rt = runtime.from_env()
    now = rt.now()
    settled, notice = clocks.settled(rt), clocks.notice(rt)
    click.echo(f"It is {now:%Y-%m-%d %H:%M} UTC.")
    if notice:
        click.echo(notice)
    if settled < now:
        click.echo(f"Beyond doubt is {settled:%Y-%m-%d %H:%M} UTC; `signet clock accept` accepts the present time.")


@clock.command()
@recorded("AcceptClock")
def accept() -> None:
    """Accept the present time, so that what it calls expired may be destroyed at once."""
    rt = runtime.from_env()
    clocks.accept(rt)
    click.echo(f"Accepted: it is {rt.now():%Y-%m-%d %H:%M} UTC.")
