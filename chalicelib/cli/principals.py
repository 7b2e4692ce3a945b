"""`signet principal`: who holds access keys, and what they may do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from chalicelib import arn as arns
from chalicelib import runtime
from chalicelib.access import access_keys, presets, principals
from chalicelib.cli import accounts, policies
from chalicelib.cli.credentials import text_of
from chalicelib.cli.recorded import recorded
from chalicelib.cli.status import table
from chalicelib.identities import ADMINISTRATOR
from chalicelib.pki.issuing.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@click.group()
def principal() -> None:
    """Principals: who holds access keys, and what they may do."""


def preset_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a ready policy."""
    for option in (
        click.option(
            "--template", "templates", multiple=True, help="Such as EndEntityCertificate/V1; may be repeated."
        ),
        click.option(
            "--ca", "ca_arns", multiple=True, metavar="ARN", help="The CA that the preset is about; may be repeated."
        ),
        click.option(
            "--preset", type=click.Choice(presets.PRESETS), help="A ready policy; default: none, it may do nothing."
        ),
    ):
        command = option(command)
    return command


@principal.command()
@click.argument("name")
@preset_options
@click.option("--description", default="", help="Who it is, for the list.")
@accounts.option
@recorded("CreatePrincipal", "name", "preset", "ca_arns", "templates")
def create(  # noqa: PLR0917  click gives one argument for each option
    name: str,
    preset: str | None,
    ca_arns: tuple[str, ...],
    templates: tuple[str, ...],
    description: str,
    account_id: str | None,
) -> None:
    """Make a principal; `signet credentials create --principal NAME` gives it an access key."""
    rt = runtime.from_env()
    policies = preset_policy(preset, ca_arns, templates)
    made = principals.create(rt, accounts.account_of(rt, account_id), name, policies=policies, description=description)
    click.echo(principals.arn_of(rt, made.account_id, made.name))


def preset_policy(preset: str | None, ca_arns: Sequence[str], templates: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The policy that the options of `preset_options` ask for, under its name; none without a preset."""
    if preset is None:
        if ca_arns or templates:
            raise click.UsageError("--ca and --template need --preset.")
        return ()
    cas, names = list(map(_ca_arn, ca_arns)), list(map(_template, templates))
    return ((preset, presets.policy_of(preset, cas, presets.templates_at(cas, names))),)


def _ca_arn(text: str) -> str:
    try:
        return str(arns.parse_ca_arn(text))
    except arns.ArnError as error:
        raise click.BadParameter(f"{error}.", param_hint="--ca") from error


def _template(text: str) -> str:
    """The name of a template, which is given with or without its version, or as an ARN."""
    name = re.sub(r"arn:aws[a-z-]*:acm-pca:::template/", "", text).removesuffix("/V1")
    if name not in TEMPLATES:
        raise click.BadParameter(f"There is no template '{text}'.", param_hint="--template")
    return name


@principal.command("list")
@accounts.option
def list_(account_id: str | None) -> None:
    """Show the principals of an account, with their policies and how many access keys each has."""
    rt = runtime.from_env()
    account = accounts.account_of(rt, account_id)
    owners = [key.principal for key in rt.store.list_access_keys() if key.account_id == account]
    found = [principals.find(rt, account, ADMINISTRATOR), *rt.store.list_principals(account)]
    rows = [
        (
            each.name,
            ", ".join(name for name, _ in each.policies) or "none",
            str(owners.count(each.name)),
            each.description,
        )
        for each in found
    ]
    click.echo(table(("Name", "Policies", "Access keys", "Description"), rows))


@principal.command()
@click.argument("name")
@accounts.option
def show(name: str, account_id: str | None) -> None:
    """Show a principal's ARN, access keys and policies."""
    rt = runtime.from_env()
    found = principals.find(rt, accounts.account_of(rt, account_id), name)
    click.echo(principals.arn_of(rt, found.account_id, found.name))
    for key in access_keys.of_principal(rt, found.account_id, found.name):
        ends = f", until {text_of(key.expires_at)}" if key.expires_at else ""
        inactive = "" if key.active else ", inactive"
        click.echo(f"access key {key.access_key_id}{ends}{inactive}, last used: {text_of(key.last_used_at)}")
    policies.show(found.policies)


@principal.command()
@click.argument("name")
@accounts.option
@recorded("DeletePrincipal", "name")
def delete(name: str, account_id: str | None) -> None:
    """Delete a principal and its access keys."""
    rt = runtime.from_env()
    principals.delete(rt, accounts.account_of(rt, account_id), name)
    click.echo(f"deleted {name}")


principal.add_command(policies.commands("principal", principals, "PrincipalPolicy"))
