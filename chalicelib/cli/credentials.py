"""`signet credentials`: create, list, deactivate and delete access keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chalicelib import runtime
from chalicelib.access import access_keys, principals
from chalicelib.cli import accounts
from chalicelib.cli.recorded import recorded
from chalicelib.cli.status import table
from chalicelib.identities import ADMINISTRATOR
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from chalicelib.identities import AccessKey
    from chalicelib.runtime import Runtime


@click.group()
def credentials() -> None:
    """Create, list, deactivate and delete access keys for AWS clients."""


@credentials.command()
@accounts.option
@click.option("--principal", default=ADMINISTRATOR, show_default=True, help="The principal that gets the key.")
@click.option("--expires", type=accounts.Duration(), help="Lifetime, such as 90d; default: without end.")
@click.option("--description", default="", help="Note for `signet credentials list`, such as what the key is for.")
@recorded("CreateAccessKey", "principal", "expires")
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
    """List the access keys, without their secrets; a use is recorded once in 10 minutes."""
    rows = [
        (
            key.access_key_id,
            key.account_id,
            key.principal,
            "active" if key.active else "inactive",
            text_of(key.created_at),
            text_of(key.expires_at),
            text_of(key.last_used_at),
            key.description,
        )
        for key in runtime.from_env().store.list_access_keys()
    ]
    columns = ("Access key id", "Account", "Principal", "Status", "Created", "Expires", "Last used", "Description")
    click.echo(table(columns, rows))


def text_of(moment: datetime | None) -> str:
    """A time, or "never"."""
    return moment.strftime("%Y-%m-%d %H:%MZ") if moment else "never"


@credentials.command()
@click.argument("access_key_id")
@recorded("DeactivateAccessKey", "access_key_id")
def deactivate(access_key_id: str) -> None:
    """Deactivate an access key. Requests signed with it are refused until it is activated again."""
    _switch(access_key_id, active=False)


@credentials.command()
@click.argument("access_key_id")
@recorded("ActivateAccessKey", "access_key_id")
def activate(access_key_id: str) -> None:
    """Activate an access key again."""
    _switch(access_key_id, active=True)


def _switch(access_key_id: str, *, active: bool) -> None:
    rt = runtime.from_env()
    try:
        access_keys.set_active(rt, _found(rt, access_key_id), active=active)
    except ConflictError as error:
        raise click.ClickException(f"{access_key_id} has just been changed. Try again.") from error
    click.echo(f"{'Activated' if active else 'Deactivated'} {access_key_id}.")


def _found(rt: Runtime, access_key_id: str) -> AccessKey:
    key = rt.store.get_access_key(access_key_id)
    if key is None:
        raise click.ClickException(f"There is no access key {access_key_id}.")
    return key


@credentials.command()
@click.argument("access_key_id")
@recorded("DeleteAccessKey", "access_key_id")
def delete(access_key_id: str) -> None:
    """Delete an access key. Requests signed with it are refused from now on."""
    rt = runtime.from_env()
    rt.store.delete_access_key(_found(rt, access_key_id).access_key_id)
    click.echo(f"Deleted {access_key_id}.")
