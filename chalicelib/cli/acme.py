"""`signet acme`: external account bindings, accounts and orders; `cli.acme_directories` has the directories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from chalicelib import runtime
from chalicelib.acme import accounts as acme_accounts
from chalicelib.acme import bindings, directories, mass_revocation
from chalicelib.acme.certificates import REASONS
from chalicelib.acme_records import AcmeBinding
from chalicelib.cli import accounts, acme_directories
from chalicelib.cli.recorded import recorded
from chalicelib.cli.status import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from chalicelib.runtime import Runtime

_LISTED = 1000


@click.group()
def acme() -> None:
    """Issue from any CA by ACME (RFC 8555): for certbot, lego, Caddy, cert-manager and others."""


acme.add_command(acme_directories.directory)

# external account bindings

_of_directory = click.option("--directory", "name", required=True, metavar="NAME", help="The directory.")


@acme.group()
def eab() -> None:
    """External account bindings: who may have an account, and which names the account may order."""


@eab.command("create")
@_of_directory
@acme_directories.names_option
@click.option("--preauthorized", is_flag=True, help="The names need no challenge.")
@click.option(
    "--profile", "profiles", multiple=True, metavar="NAME", help="An allowed profile; repeatable. Default: all."
)
@click.option("--principal", help="Its policies apply, too; default: the administrator.")
@click.option("--orders-a-day", type=int, default=0, help="The most orders in a day; default: any number.")
@click.option("--accounts", "most_accounts", type=int, default=1, help="The most accounts; 0: any number. Default: 1.")
@click.option("--expires-in", type=accounts.Duration(), help="A duration such as 90d or 12h; default: never.")
@click.option("--description", default="", help="A note for people.")
@accounts.option
@acme_directories.json_option
@recorded("CreateAcmeBinding", "name", "names", "preauthorized", "profiles", "principal", "orders_a_day")
def create_eab(  # noqa: PLR0917  one for each option
    name: str,
    names: tuple[str, ...],
    profiles: tuple[str, ...],
    principal: str | None,
    orders_a_day: int,
    most_accounts: int,
    expires_in: timedelta | None,
    description: str,
    account_id: str | None,
    *,
    preauthorized: bool,
    as_json: bool,
) -> None:
    """Create a binding, and print its key identifier and its MAC key, which is never shown again."""
    rt = runtime.from_env()
    owner, now = accounts.account_of(rt, account_id), rt.now()
    found = directories.find(rt, owner, name)
    wanted = AcmeBinding(
        account_id=owner,
        name="",
        directory=found.name,
        directory_id=found.directory_id,
        principal=principal or "",
        names=names,
        allowed_profiles=profiles,
        preauthorized=preauthorized,
        orders_a_day=orders_a_day,
        most_accounts=most_accounts,
        expires_at=None if expires_in is None else now + expires_in,
        description=description,
        created_at=now,
        changed_at=now,
    )
    made = bindings.create(rt, found, wanted)
    shown = {
        "directory": directories.url(rt.settings, found.name),
        "kid": made.binding.name,
        "hmac_key": made.hmac_key,
    }
    click.echo(json.dumps(shown) if as_json else "\n".join(f"{key} {value}" for key, value in shown.items()))


@eab.command("list")
@_of_directory
@accounts.option
def list_eabs(name: str, account_id: str | None) -> None:
    """Show the bindings of a directory."""
    rt = runtime.from_env()
    found = directories.find(rt, accounts.account_of(rt, account_id), name)
    rows = [
        (
            each.name,
            ", ".join(each.names) or "the directory's domains",
            "yes" if each.preauthorized else "no",
            each.principal,
            _state(rt, each),
            each.description,
        )
        for each in bindings.of_directory(rt, found)
    ]
    click.echo(table(("Key identifier", "Names", "Preauthorized", "Principal", "State", "Description"), rows))


def _state(rt: Runtime, binding: AcmeBinding) -> str:
    if binding.revoked_at is not None:
        return "revoked; its accounts stay" if binding.active else "revoked"
    if binding.expires_at is None:
        return "usable"
    return f"{'usable until' if bindings.is_usable(rt, binding) else 'expired'} {binding.expires_at:%Y-%m-%d %H:%M}"


@eab.command("revoke")
@click.argument("kid")
@_of_directory
@accounts.option
@recorded("RevokeAcmeBinding", "name", "kid")
def revoke_eab(kid: str, name: str, account_id: str | None) -> None:
    """Revoke a binding for good: it binds no more accounts, and its accounts order nothing more."""
    rt = runtime.from_env()
    bindings.revoke(rt, directories.find(rt, accounts.account_of(rt, account_id), name), kid)
    click.echo(f"revoked {kid}")


# accounts and orders


@acme.group()
def account() -> None:
    """ACME accounts of a directory."""


@account.command("list")
@_of_directory
@accounts.option
def list_accounts(name: str, account_id: str | None) -> None:
    """Show the accounts of a directory."""
    rt = runtime.from_env()
    found = directories.find(rt, accounts.account_of(rt, account_id), name)
    rows = [
        (
            each.acme_id,
            each.status,
            each.binding or "none",
            f"{each.created_at:%Y-%m-%d %H:%M}",
            ", ".join(each.contacts),
        )
        for each in rt.store.list_acme_accounts(found.directory_id, limit=_LISTED)
    ]
    click.echo(table(("Account", "Status", "Binding", "Created", "Contact"), rows))


@account.command("revoke")
@click.argument("acme_id", metavar="ACCOUNT")
@_of_directory
@click.option("--certificates", is_flag=True, help="Revoke its valid certificates, too.")
@click.option(
    "--reason",
    type=click.Choice(sorted(REASONS.values())),
    default="CESSATION_OF_OPERATION",
    help="The reason of these revocations. Default: CESSATION_OF_OPERATION.",
)
@accounts.option
@recorded("RevokeAcmeAccount", "name", "acme_id", "certificates", "reason")
def revoke_account(acme_id: str, name: str, reason: str, account_id: str | None, *, certificates: bool) -> None:
    """Revoke an account for good, so that it orders nothing more."""
    rt = runtime.from_env()
    found = directories.find(rt, accounts.account_of(rt, account_id), name)
    revoked = acme_accounts.revoke(rt, found, acme_id)
    click.echo(f"revoked {acme_id}")
    if certificates:
        acme_directories.tell(mass_revocation.revoke_of_account(rt, found, revoked, reason))


@acme.group()
def order() -> None:
    """Orders of a directory, with each attempt to validate a name."""


@order.command("list")
@_of_directory
@click.option("--limit", type=click.IntRange(1, _LISTED), default=50, help="How many, newest first; default: 50.")
@accounts.option
def list_orders(name: str, limit: int, account_id: str | None) -> None:
    """Show the latest orders of a directory, with the steps of each validation."""
    rt = runtime.from_env()
    found = directories.find(rt, accounts.account_of(rt, account_id), name)
    for each in rt.store.last_acme_orders(found.directory_id, limit=limit):
        names = ", ".join(identifier.value for identifier in each.identifiers)
        click.echo(f"{each.created_at:%Y-%m-%d %H:%M:%S}  {each.status}  {names}  account {each.acme_id}")
        for line in _attempts(rt, each.acme_id, each.authorizations):
            click.echo(f"    {line}")
        if each.error:
            click.echo(f"    {each.error['detail']}")


def _attempts(rt: Runtime, acme_id: str, ids: Sequence[str]) -> list[str]:
    found = rt.store.get_acme_authorizations(acme_id, ids)
    return [step for each in found if each for challenge in each.challenges for step in challenge.steps]
