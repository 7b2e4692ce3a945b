"""`signet share`: which accounts' CAs the lists of an account show, if SIGNET_SHARES is "accepted"."""

from __future__ import annotations

from collections import Counter

import click

from chalicelib import arn as arns
from chalicelib import runtime
from chalicelib.cli import accounts
from chalicelib.cli.recorded import recorded
from chalicelib.cli.status import table

_PAGE = 100


@click.group()
def share() -> None:
    """Accept or reject the CAs that other accounts share, for lists with SIGNET_SHARES=accepted."""


@share.command("list")
@accounts.option
def list_(account_id: str | None) -> None:
    """List the accounts that share CAs with an account."""
    rt = runtime.from_env()
    account, after = accounts.account_of(rt, account_id), None
    owners: Counter[str] = Counter()
    while page := rt.store.list_shared(account, limit=_PAGE, after=after):
        owners.update(arns.parse_ca_arn(arn).account_id for arn in page)
        after = arns.parse_ca_arn(page[-1]).ca_id
    accepted = frozenset(rt.store.list_accepted(account))
    rows = [
        (owner, str(owners[owner]), "yes" if owner in accepted else "no") for owner in sorted(owners.keys() | accepted)
    ]
    click.echo(table(("Owner", "CAs", "Accepted"), rows))


@share.command()
@click.argument("owner")
@accounts.option
@recorded("AcceptShares", "owner")
def accept(owner: str, account_id: str | None) -> None:
    """Let lists show the CAs that OWNER shares, now and later."""
    rt = runtime.from_env()
    owner = accounts.account_of(rt, owner, hint="OWNER")
    rt.store.accept_shares(accounts.account_of(rt, account_id), owner)
    click.echo(f"Accepted the CAs of {owner}.")


@share.command()
@click.argument("owner")
@accounts.option
@recorded("RejectShares", "owner")
def reject(owner: str, account_id: str | None) -> None:
    """Let lists hide the CAs that OWNER shares."""
    rt = runtime.from_env()
    owner = accounts.account_of(rt, owner, hint="OWNER")
    rt.store.reject_shares(accounts.account_of(rt, account_id), owner)
    click.echo(f"Rejected the CAs of {owner}.")
