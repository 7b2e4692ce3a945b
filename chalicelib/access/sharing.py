"""What the resource policy of a CA lets other accounts do with it.

Source: AWS Private CA User Guide, "Resource-based policies".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.access import authorization, resource_policy
from chalicelib.access.resource_policy import PRINCIPAL_ACCOUNT, TEMPLATE_ARN
from chalicelib.pki.issuing.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chalicelib.access.policy import Statement
    from chalicelib.runtime import Caller, Runtime

_NEIGHBOURS = 16  # ids of CAs that differ in the last hex digit alone


class Granted(NamedTuple):
    """Rights at a CA of another account.

    Attributes:
        operations: by their names; IssueCertificate if it may issue with at least one template.
        templates: the names of the templates it may issue with.
    """

    operations: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()


class Share(NamedTuple):
    """What a resource policy allows an account; "*" stands for all accounts.

    Attributes:
        operations: by their names; IssueCertificate if it may be used with at least one template.
        templates: the names of the templates it may be used with.
    """

    account_id: str
    operations: tuple[str, ...]
    templates: tuple[str, ...]
    all_templates: bool


def granted(rt: Runtime, caller: Caller, ca_arn: str) -> Granted:
    """The rights of a caller at a CA of another account."""
    statements = authorization.statements_of(rt, ca_arn)
    templates = frozenset(templates_of(rt, caller, ca_arn, granted=statements))
    operations = {
        name
        for name in resource_policy.GRANTABLE - {"IssueCertificate"}
        if authorization.decide(rt, replace(caller, operation=name), ca_arn, granted=statements).allowed
    }
    return Granted(frozenset(operations | ({"IssueCertificate"} if templates else set())), templates)


def templates_of(
    rt: Runtime,
    caller: Caller,
    ca_arn: str,
    *,
    granted: Sequence[Statement] | None = None,
    identity: Sequence[Statement] | None = None,
) -> Iterator[str]:
    """Yield the names of the templates that a caller may issue by at a CA, its own account's or another one's.

    Args:
        rt: the runtime.
        caller: who asks.
        ca_arn: of the CA.
        granted: as for `authorization.decide`.
        identity: as for `authorization.decide`.
    """
    partition, caller = arns.partition_of(rt.settings.region), replace(caller, operation="IssueCertificate")
    for name in TEMPLATES:
        template_arn = str(arns.TemplateArn(partition, name))
        if authorization.decide(rt, caller, ca_arn, template_arn, granted=granted, identity=identity).allowed:
            yield name


def shares(text: str, ca_arn: str) -> list[Share]:
    """What a policy of a CA lets each account that it names do, and all accounts if it names nobody."""
    statements = resource_policy.parse(text, ca_arn)
    everybody = (resource_policy.ANYBODY,) if resource_policy.names_anybody(statements) else ()
    return [
        _share(statements, ca_arn, account_id) for account_id in (*resource_policy.accounts_of(statements), *everybody)
    ]


def _share(statements: Sequence[Statement], ca_arn: str, account_id: str) -> Share:
    partition = arns.parse_ca_arn(ca_arn).partition

    def allows(operation: str, template: str = "") -> bool:
        template_arn = str(arns.TemplateArn(partition, template)) if template else ""
        context = {PRINCIPAL_ACCOUNT: account_id, TEMPLATE_ARN: template_arn}
        return resource_policy.allows(statements, operation, context)

    templates = tuple(name for name in TEMPLATES if allows("IssueCertificate", name))
    others = sorted(name for name in resource_policy.GRANTABLE - {"IssueCertificate"} if allows(name))
    operations = (*others, "IssueCertificate") if templates else tuple(others)
    return Share(account_id, operations, templates, all_templates=len(templates) == len(TEMPLATES))


def issuing_accounts(rt: Runtime, ca_arn: str, template_arn: str) -> list[str]:
    """The accounts that may issue by a template: the owner, then those that the policy lets; "*" means all accounts."""
    owner, policy = arns.parse_ca_arn(ca_arn).account_id, rt.store.get_policy(ca_arn)
    if policy is None:
        return [owner]
    statements = resource_policy.parse(policy.text, ca_arn)
    return [owner] + [
        account
        for account in (*policy.shared_with, resource_policy.ANYBODY)
        if resource_policy.allows(
            statements, "IssueCertificate", {PRINCIPAL_ACCOUNT: account, TEMPLATE_ARN: template_arn}
        )
    ]


def accepted(rt: Runtime, account_id: str, ca_arns: Iterable[str]) -> list[str]:
    """Return the CAs of other accounts that lists show: all of them, or those whose owner the account has accepted."""
    if rt.settings.shares == "listed":
        return list(ca_arns)
    owners = frozenset(rt.store.list_accepted(account_id))
    return [arn for arn in ca_arns if arns.parse_ca_arn(arn).account_id in owners]


def arn_of_shared(rt: Runtime, account_id: str, ca_id: str) -> str | None:
    """The ARN of the CA with this id, if its policy names the account."""
    arns_near = rt.store.list_shared(account_id, limit=_NEIGHBOURS, after=ca_id[:-1])
    return next((arn for arn in arns_near if arns.parse_ca_arn(arn).ca_id == ca_id), None)
