"""`signet credentials`: create, list and delete access keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chalicelib import runtime
from chalicelib.access import access_keys, principals
from chalicelib.cli import accounts
from chalicelib.cli.status import table
from chalicelib.records import ADMINISTRATOR

if TYPE_CHECKING:
    from datetime import datetime, timedelta


@click.group()
def credentials() -> None:
    """Create, list and delete access keys for AWS clients."""


@credentials.command()
@accounts.option
@click.option("--principal", default=ADMINISTRATOR, show_default=True, help="The principal that gets the key.")
@click.option("--expires", type=accounts.Duration(), help="Lifetime, such as 90d; default: without end.")
@click.option("--description", default="", help="Note for `signet credentials list`, such as what the key is for.")
def create(account_id: str | None, principal: str, expires: timedelta | None, description: str) -> None:
    """Create an access key and print it. Its secret is not shown again."""
    rt = runtime.from_env()
    account = accounts.account_of(rt, account_id)
    principals.find(rt, account, principal)
    expires_at = rt.now() + expires if expires else None
    made = access_keys.create_access_key(rt, account, description, principal=principal, expires_at=expires_at)
    click.echo(f"AWS_ACCESS_KEY_ID={made.access_key_id}")
    click.echo(f"AWS_SECRET_ACCESS_KEY={made.secret}")


@credentials.command("list")
def list_() -> None:
    """List the access keys, without their secrets."""
    rows = [
        (
            key.access_key_id,
            key.account_id,
            key.principal,
            _text(key.created_at),
            _text(key.expires_at),
            key.description,
        )
        for key in runtime.from_env().store.list_access_keys()
    ]
    click.echo(table(("Access key id", "Account", "Principal", "Created", "Expires", "Description"), rows))


def _text(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%MZ") if moment else "never"


@credentials.command()
@click.argument("access_key_id")
def delete(access_key_id: str) -> None:
    """Delete an access key. Requests signed with it are refused from now on."""
    store = runtime.from_env().store
    if store.get_access_key(access_key_id) is None:
        raise click.ClickException(f"There is no access key {access_key_id}.")
    store.delete_access_key(access_key_id)
    click.echo(f"Deleted {access_key_id}.")
