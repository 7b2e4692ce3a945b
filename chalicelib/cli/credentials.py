"""`signet credentials`: create, list and delete access keys."""

from __future__ import annotations

import re

import click

from chalicelib import runtime
from chalicelib.access import access_keys
from chalicelib.cli.status import table


@click.group()
def credentials() -> None:
    """Create, list and delete access keys for AWS clients."""


@credentials.command()
@click.option("--account-id", help="Account of the key, 12 digits; default: SIGNET_ACCOUNT_ID.")
@click.option("--description", default="", help="Note for `signet credentials list`, such as the key's owner.")
def create(account_id: str | None, description: str) -> None:
    """Create an access key and print it. Its secret is not shown again."""
    rt = runtime.from_env()
    account_id = account_id or rt.settings.account_id
    if re.fullmatch(r"[0-9]{12}", account_id, re.ASCII) is None:
        raise click.BadParameter("must be 12 digits", param_hint="--account-id")
    key = access_keys.create_access_key(rt, account_id, description)
    click.echo(f"AWS_ACCESS_KEY_ID={key.access_key_id}")
    click.echo(f"AWS_SECRET_ACCESS_KEY={key.secret}")


@credentials.command("list")
def list_() -> None:
    """List the access keys, without their secrets."""
    rows = [
        (key.access_key_id, key.account_id, key.created_at.strftime("%Y-%m-%d %H:%MZ"), key.description)
        for key in runtime.from_env().store.list_access_keys()
    ]
    click.echo(table(("Access key id", "Account", "Created", "Description"), rows))


@credentials.command()
@click.argument("access_key_id")
def delete(access_key_id: str) -> None:
    """Delete an access key. Requests signed with it are refused from now on."""
    store = runtime.from_env().store
    if store.get_access_key(access_key_id) is None:
        raise click.ClickException(f"There is no access key {access_key_id}.")
    store.delete_access_key(access_key_id)
    click.echo(f"Deleted {access_key_id}.")
