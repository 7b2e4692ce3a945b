"""`signet principal policy` and `signet role policy`: the same commands for whatever has identity policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import click

from chalicelib import runtime
from chalicelib.access import policy, policy_documents, principals
from chalicelib.cli import accounts
from chalicelib.cli.recorded import recorded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from chalicelib.access.policy import Statement
    from chalicelib.runtime import Runtime


class Holders(Protocol):
    """What has identity policies: the modules `principals` and `roles`."""

    def find(self, rt: Runtime, account_id: str, name: str) -> Any:
        """Return the record, which has `policies`."""
        ...

    def put_policy(self, rt: Runtime, account_id: str, name: str, policy_name: str, text: str) -> tuple[Statement, ...]:
        """Add or replace a policy."""
        ...

    def delete_policy(self, rt: Runtime, account_id: str, name: str, policy_name: str) -> None:
        """Remove a policy."""
        ...


def commands(kind: str, holders: Holders, event: str) -> click.Group:
    """Build the group `policy`.

    Args:
        kind: "principal" or "role".
        holders: the module that keeps them.
        event: the end of the names in the audit record, such as "RolePolicy".
    """
    group = click.Group("policy", help=f"Identity policies of a {kind}, as IAM writes them.")

    @group.command(
        "put", help=f'Add the policy in a file ("-": standard input) to a {kind}, or replace the one of that name.'
    )
    @click.argument("name")
    @click.argument("policy_name", metavar="POLICY")
    @click.argument("file", type=click.File())
    @accounts.option
    @recorded(f"Put{event}", "name", "policy_name")
    def put(name: str, policy_name: str, file: TextIO, account_id: str | None) -> None:
        rt = runtime.from_env()
        statements = holders.put_policy(rt, accounts.account_of(rt, account_id), name, policy_name, file.read())
        warn(policy.statement_obstacles(statements))
        click.echo(f"put {policy_name}; every process acts by it within {principals.KNOWN_FOR.seconds} seconds")

    @group.command("get", help="Print a policy as its author wrote it.")
    @click.argument("name")
    @click.argument("policy_name", metavar="POLICY")
    @accounts.option
    def get(name: str, policy_name: str, account_id: str | None) -> None:
        rt = runtime.from_env()
        found = dict(holders.find(rt, accounts.account_of(rt, account_id), name).policies)
        if policy_name not in found:
            raise click.ClickException(f"The {kind} {name} has no policy {policy_name}.")
        click.echo(found[policy_name])

    @group.command("delete", help=f"Take a policy from a {kind}.")
    @click.argument("name")
    @click.argument("policy_name", metavar="POLICY")
    @accounts.option
    @recorded(f"Delete{event}", "name", "policy_name")
    def delete(name: str, policy_name: str, account_id: str | None) -> None:
        rt = runtime.from_env()
        holders.delete_policy(rt, accounts.account_of(rt, account_id), name, policy_name)
        click.echo(f"deleted {policy_name}")

    return group


def show(policies: Iterable[tuple[str, str]]) -> None:
    """Print the policies of a record by name, each with what it cannot allow here."""
    for name, text in policies:
        click.echo(f"policy {name}:\n{text}")
        warn(policy.statement_obstacles(policy_documents.parse_identity_policy(text)))


def warn(obstacles: Iterable[str]) -> None:
    """Say what of a policy can never be judged."""
    for obstacle in obstacles:
        click.echo(f"warning: {obstacle}", err=True)
