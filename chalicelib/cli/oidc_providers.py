"""`signet oidc-provider`: issuers whose tokens may assume roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chalicelib import runtime
from chalicelib.access import oidc_providers, principals
from chalicelib.cli import accounts
from chalicelib.cli.recorded import recorded
from chalicelib.cli.status import table

if TYPE_CHECKING:
    from typing import TextIO


@click.group()
def oidc_provider() -> None:
    """Issuers of OIDC tokens, such as GitHub Actions or a Kubernetes cluster, whose tokens may assume roles."""


@oidc_provider.command()
@click.argument("issuer_url")
@click.option("--audience", "audiences", multiple=True, required=True, help="The token's aud; may be repeated.")
@click.option("--jwks-file", type=click.File(), help="The issuer's keys; default: fetched from the issuer.")
@click.option("--ca-file", type=click.File(), help="PEM certificates that authenticate the issuer's server.")
@click.option("--on-this-machine", is_flag=True, help="The issuer is on 127.0.0.1 and may speak http; for tests.")
@accounts.option
@recorded("CreateOidcProvider", "issuer_url", "audiences", "on_this_machine")
def create(
    issuer_url: str,
    audiences: tuple[str, ...],
    jwks_file: TextIO | None,
    ca_file: TextIO | None,
    account_id: str | None,
    *,
    on_this_machine: bool,
) -> None:
    """Trust the tokens of an issuer for an audience."""
    rt = runtime.from_env()
    made = oidc_providers.create(
        rt,
        accounts.account_of(rt, account_id),
        issuer_url,
        audiences,
        jwks=jwks_file.read() if jwks_file else "",
        ca_pem=ca_file.read() if ca_file else "",
        on_this_machine=on_this_machine,
    )
    click.echo(oidc_providers.arn_of(rt, made.account_id, made.name))


@oidc_provider.command("list")
@accounts.option
def list_(account_id: str | None) -> None:
    """Show the issuers that an account trusts."""
    rt = runtime.from_env()
    rows = [
        (each.url, ", ".join(each.audiences), "from a file" if each.jwks else "fetched")
        for each in oidc_providers.list_all(rt, accounts.account_of(rt, account_id))
    ]
    click.echo(table(("Issuer", "Audiences", "Keys"), rows))


@oidc_provider.command()
@click.argument("issuer_url")
@accounts.option
def show(issuer_url: str, account_id: str | None) -> None:
    """Show an issuer's ARN, audiences, and keys if the operator handed them over."""
    rt = runtime.from_env()
    found = oidc_providers.find(rt, accounts.account_of(rt, account_id), issuer_url)
    click.echo(oidc_providers.arn_of(rt, found.account_id, found.name))
    click.echo(f"issuer {found.url}")
    for audience in found.audiences:
        click.echo(f"audience {audience}")
    click.echo(f"keys:\n{found.jwks}" if found.jwks else "keys: fetched from the issuer")
    if found.ca_pem:
        click.echo(f"certificates of its server:\n{found.ca_pem}")


@oidc_provider.command()
@click.argument("issuer_url")
@accounts.option
@recorded("DeleteOidcProvider", "issuer_url")
def delete(issuer_url: str, account_id: str | None) -> None:
    """Delete an issuer and end the sessions that its tokens began."""
    rt = runtime.from_env()
    found = oidc_providers.delete(rt, accounts.account_of(rt, account_id), issuer_url)
    click.echo(f"deleted {found.url}; its sessions end within {principals.KNOWN_FOR.seconds} seconds")
