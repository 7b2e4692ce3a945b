"""`signet acme directory`: ACME servers in front of CAs, each with its profiles."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from chalicelib import runtime
from chalicelib.acme import directories, mass_revocation, profile_text
from chalicelib.acme_records import AcmeDirectory
from chalicelib.cli import accounts, authorities
from chalicelib.cli.recorded import recorded
from chalicelib.cli.status import table
from chalicelib.printable import printable

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

names_option = click.option(
    "--names", "names", multiple=True, metavar="PATTERN", help="A name, *.NAME or a network; repeatable."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_profiles = click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="[NAME=]TEMPLATE[:90d]",
    help="A template or issuing preset, and the validity; repeatable, the first is the default.",
)
_principal = click.option("--principal", help="Its policies apply to accounts without a binding.")
_terms = click.option("--terms", metavar="URL", help="Terms of service that accounts must agree to.")


@click.group()
def directory() -> None:
    """Directories: an ACME server for a CA, with its profiles."""


@directory.command("create")
@click.argument("name")
@authorities.option
@_profiles
@click.option("--without-eab", is_flag=True, help="Accounts need no external account binding.")
@names_option
@_principal
@_terms
@accounts.option
@json_option
@recorded("CreateAcmeDirectory", "name", "ca_name", "profiles", "without_eab", "names", "principal")
def create_directory(  # noqa: PLR0917  one for each option
    name: str,
    ca_name: str | None,
    profiles: tuple[str, ...],
    names: tuple[str, ...],
    principal: str | None,
    terms: str | None,
    account_id: str | None,
    *,
    without_eab: bool,
    as_json: bool,
) -> None:
    """Create a directory, and print its URL.

    --names limits what accounts without a binding may have.
    """
    rt = runtime.from_env()
    owner = accounts.account_of(rt, account_id)
    ca = authorities.chosen(rt, owner, ca_name)
    now = rt.now()
    made = directories.create(
        rt,
        AcmeDirectory(
            name=name,
            owner=owner,
            directory_id="",
            ca_arn=ca.arn,
            profiles=profile_text.parse_all(rt, owner, profiles),
            binding_required=not without_eab,
            principal=principal or "",
            names=names,
            terms=terms or "",
            created_at=now,
            changed_at=now,
        ),
    )
    url = directories.url(rt.settings, made.name)
    click.echo(json.dumps({"name": made.name, "directory": url, "ca": made.ca_arn}) if as_json else url)


@directory.command("list")
@accounts.option
def list_directories(account_id: str | None) -> None:
    """Show the directories of an account."""
    rt = runtime.from_env()
    rows = [
        (
            each.name,
            directories.url(rt.settings, each.name),
            each.ca_arn,
            ", ".join(profile.name for profile in each.profiles),
            "required" if each.binding_required else "not required",
        )
        for each in directories.of_account(rt, accounts.account_of(rt, account_id))
    ]
    click.echo(table(("Name", "URL", "CA", "Profiles", "External account binding"), rows))


@directory.command("show")
@click.argument("name")
@accounts.option
def show_directory(name: str, account_id: str | None) -> None:
    """Show what a directory is: its URL, its CAs, its profiles, and who may have an account."""
    rt = runtime.from_env()
    _show(rt, directories.find(rt, accounts.account_of(rt, account_id), name))


def _show(rt: Runtime, found: AcmeDirectory) -> None:
    facts = [
        ("URL", directories.url(rt.settings, found.name)),
        ("State", "enabled" if found.active else "disabled: it answers no request"),
        ("CA", found.ca_arn),
        *(("Former CA", f"{arn}{', compromised' * (arn in found.compromised)}") for arn in found.former),
        *(("Profile", f"{each.name}: {each.template}, {profile_text.validity(each)}") for each in found.profiles),
        ("External account binding", "required" if found.binding_required else "not required"),
    ]
    if not found.binding_required:
        facts += [
            ("Names without a binding", ", ".join(found.names) or "any"),
            ("Principal without a binding", found.principal),
        ]
    facts.append(("Terms of service", found.terms or "none"))
    click.echo("\n".join(f"{label}: {printable(text)}" for label, text in facts))


@directory.command("update")
@click.argument("name")
@_profiles
@click.option("--require-eab", "eab", flag_value="required", help="Accounts without a binding can order nothing.")
@click.option("--without-eab", "eab", flag_value="not required", help="Accounts need no external account binding.")
@names_option
@_principal
@_terms
@click.option("--enable", "state", flag_value="enabled", help="The directory answers requests again.")
@click.option("--disable", "state", flag_value="disabled", help="The directory answers no request until it is enabled.")
@accounts.option
@recorded("UpdateAcmeDirectory", "name", "profiles", "eab", "names", "principal", "terms", "state")
def update_directory(  # noqa: PLR0917  one for each option
    name: str,
    profiles: tuple[str, ...],
    names: tuple[str, ...],
    principal: str | None,
    terms: str | None,
    eab: str | None,
    state: str | None,
    account_id: str | None,
) -> None:
    """Change a directory, and print what it is then; what no option names stays.

    --profile and --names replace all profiles and names. An empty value stands for what a new directory has without the
    option.
    """
    rt = runtime.from_env()
    owner = accounts.account_of(rt, account_id)

    def changed(old: AcmeDirectory) -> AcmeDirectory:
        return replace(
            old,
            profiles=profile_text.parse_all(rt, owner, profiles, old.profiles) if profiles else old.profiles,
            binding_required=eab == "required" if eab else old.binding_required,
            names=tuple(filter(None, names)) if names else old.names,
            principal=old.principal if principal is None else principal,
            terms=old.terms if terms is None else terms,
            active=state == "enabled" if state else old.active,
        )

    _show(rt, directories.change(rt, owner, name, changed))


@directory.command("replace-ca")
@click.argument("name")
@click.option("--ca", "ca_name", metavar="CA", required=True, help="ARN, id or name of the new CA.")
@click.option(
    "--compromised",
    is_flag=True,
    help="The present CA is compromised: ask clients to renew at once, and revoke the certificates they replace.",
)
@accounts.option
@recorded("ReplaceAcmeAuthority", "name", "ca_name", "compromised")
def replace_ca(name: str, ca_name: str, account_id: str | None, *, compromised: bool) -> None:
    """Issue from another CA from now on."""
    rt = runtime.from_env()
    owner = accounts.account_of(rt, account_id)
    ca = authorities.named(rt, owner, ca_name)
    changed = directories.replace_authority(rt, owner, name, ca.arn, is_compromised=compromised)
    click.echo(f"{changed.name} issues from {changed.ca_arn}")


@directory.command("revoke-former")
@click.argument("name")
@accounts.option
@recorded("RevokeFormerAcmeCertificates", "name")
def revoke_former(name: str, account_id: str | None) -> None:
    """Revoke what the directory has had issued by its compromised CAs, and nobody has replaced.

    Interrupted, it goes on when it is run again.
    """
    rt = runtime.from_env()
    found = directories.find(rt, accounts.account_of(rt, account_id), name)
    tell(mass_revocation.revoke_remaining(rt, found))


def tell(done: mass_revocation.Done) -> None:
    """Print how many certificates were revoked; raises `ClickException` if some could not be."""
    click.echo(f"revoked {done.revoked}, failed {done.failed}")
    if done.failed:
        raise click.ClickException("Some certificates could not be revoked, as the log says; run the command again.")


@directory.command("delete")
@click.argument("name")
@accounts.option
@recorded("DeleteAcmeDirectory", "name")
def delete_directory(name: str, account_id: str | None) -> None:
    """Delete a directory with its bindings; certificates stay valid."""
    rt = runtime.from_env()
    directories.delete(rt, accounts.account_of(rt, account_id), name)
    click.echo(f"deleted {name}")
