"""`signet role`: policies that principals and holders of OIDC tokens assume for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from chalicelib import runtime
from chalicelib.access import principals, roles, trust
from chalicelib.cli import accounts, policies
from chalicelib.cli.policies import warn
from chalicelib.cli.principals import preset_options, preset_policy
from chalicelib.cli.recorded import recorded
from chalicelib.cli.status import table

if TYPE_CHECKING:
    from typing import TextIO


@click.group()
def role() -> None:
    """Roles: policies that principals and holders of OIDC tokens assume for a while."""


@role.command()
@click.argument("name")
@click.option("--trust", "trust_file", type=click.File(), required=True, help='Trust policy; "-": standard input.')
@click.option(
    "--max-session",
    type=accounts.Duration(),
    default=roles.USUAL,
    show_default="1h",
    help="How long a session lasts at most, from 10m to 12h.",
)
@preset_options
@click.option("--description", default="", help="What it is for, for the list.")
@accounts.option
@recorded("CreateRole", "name", "preset", "ca_arns", "templates", "max_session")
def create(  # noqa: PLR0917  click gives one argument for each option
    name: str,
    trust_file: TextIO,
    max_session: timedelta,
    preset: str | None,
    ca_arns: tuple[str, ...],
    templates: tuple[str, ...],
    description: str,
    account_id: str | None,
) -> None:
    """Create a role; its trust policy says who may assume it."""
    rt = runtime.from_env()
    made = roles.create(
        rt,
        accounts.account_of(rt, account_id),
        name,
        trust_file.read(),
        policies=preset_policy(preset, ca_arns, templates),
        max_session=max_session,
        description=description,
    )
    warn(trust.obstacles(trust.parse(made.trust_policy, made.account_id)))
    click.echo(roles.arn_of(rt, made.account_id, made.name))


@role.command("list")
@accounts.option
def list_(account_id: str | None) -> None:
    """Show the roles of an account, with their policies and how long their sessions last."""
    rt = runtime.from_env()
    rows = [
        (
            each.name,
            ", ".join(name for name, _ in each.policies) or "none",
            str(timedelta(seconds=each.max_session_seconds)),
            each.description,
        )
        for each in roles.list_all(rt, accounts.account_of(rt, account_id))
    ]
    click.echo(table(("Name", "Policies", "Longest session", "Description"), rows))


@role.command()
@click.argument("name")
@accounts.option
def show(name: str, account_id: str | None) -> None:
    """Show a role's ARN, trust policy and policies."""
    rt = runtime.from_env()
    found = roles.find(rt, accounts.account_of(rt, account_id), name)
    click.echo(roles.arn_of(rt, found.account_id, found.name))
    click.echo(f"trust policy:\n{found.trust_policy}")
    warn(trust.obstacles(trust.parse(found.trust_policy, found.account_id)))
    policies.show(found.policies)


@role.command()
@click.argument("name")
@accounts.option
@recorded("DeleteRole", "name")
def delete(name: str, account_id: str | None) -> None:
    """Delete a role; its sessions end."""
    rt = runtime.from_env()
    roles.delete(rt, accounts.account_of(rt, account_id), name)
    click.echo(f"deleted {name}; its sessions end within {principals.KNOWN_FOR.seconds} seconds")


@role.group("trust")
def trust_() -> None:
    """The trust policy of a role: who may assume it."""


@trust_.command("put")
@click.argument("name")
@click.argument("file", type=click.File())
@accounts.option
@recorded("PutRoleTrustPolicy", "name")
def put_trust(name: str, file: TextIO, account_id: str | None) -> None:
    """Replace the trust policy of a role by the one in a file ("-": standard input)."""
    rt = runtime.from_env()
    warn(trust.obstacles(roles.put_trust(rt, accounts.account_of(rt, account_id), name, file.read())))
    click.echo("replaced the trust policy; present sessions continue")


@trust_.command("get")
@click.argument("name")
@accounts.option
def get_trust(name: str, account_id: str | None) -> None:
    """Print a trust policy as its author wrote it."""
    rt = runtime.from_env()
    click.echo(roles.find(rt, accounts.account_of(rt, account_id), name).trust_policy)


role.add_command(policies.commands("role", roles, "RolePolicy"))
