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
    from collections.abc import Iterable

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


def granted(rt: Runtime, caller: Caller, ca_arn: str) -> Granted:
    """The rights of a caller at a CA of another account."""
    partition, statements = arns.parse_ca_arn(ca_arn).partition, authorization.statements_of(rt, ca_arn)

    def allows(operation: str, template: str = "") -> bool:
        template_arn = str(arns.TemplateArn(partition, template)) if template else ""
        asked = replace(caller, operation=operation)
        return authorization.decide(rt, asked, ca_arn, template_arn, granted=statements).allowed

    templates = frozenset(name for name in TEMPLATES if allows("IssueCertificate", name))
    others = resource_policy.GRANTABLE - {"IssueCertificate"}
    operations = {name for name in others if allows(name)} | ({"IssueCertificate"} if templates else set())
    return Granted(frozenset(operations), templates)


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
