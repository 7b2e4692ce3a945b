"""Resource policies of CAs: which ones are valid, and what they allow an account to do. Pure functions.

Source: AWS Private CA User Guide, "Resource-based policies".
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from chalicelib.access import policy, policy_documents
from chalicelib.access.conditions import PRINCIPAL_ACCOUNT, TEMPLATE_ARN, facts_of
from chalicelib.access.policy import ANYBODY
from chalicelib.access.policy_documents import PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.access.policy import Statement

READ_ACTIONS = (
    "DescribeCertificateAuthority",
    "GetCertificate",
    "GetCertificateAuthorityCertificate",
    "ListPermissions",
    "ListTags",
)
GRANTABLE = frozenset({*READ_ACTIONS, "IssueCertificate", "RevokeCertificate"})
SERVICE = "acm-pca:"
MAX_ACCOUNTS = 40


@lru_cache(maxsize=64)
def parse(text: str, resource_arn: str) -> tuple[Statement, ...]:
    """Read the statements of a policy for a CA.

    Raises:
        PolicyError: which rule it breaks.
    """
    statements = policy_documents.parse_resource_policy(text)
    for statement in statements:
        if set(statement.resources.patterns) != {resource_arn}:
            raise PolicyError(f"Resource must be the certificate authority itself, {resource_arn}.")
        for action in statement.actions.patterns:
            _check_action(action)
    if len(accounts_of(statements)) > MAX_ACCOUNTS:
        raise PolicyError(f"The policy names more than {MAX_ACCOUNTS} accounts.")
    return statements


def _check_action(name: str) -> None:
    if not name.startswith(SERVICE) or name.removeprefix(SERVICE) not in GRANTABLE:
        raise PolicyError(
            f"Action '{name[:100]}' cannot be given by a resource policy; "
            f"these can: {', '.join(f'{SERVICE}{action}' for action in sorted(GRANTABLE))}."
        )


def accounts_of(statements: Sequence[Statement]) -> tuple[str, ...]:
    """List the accounts that some statement allows something, or an identity of theirs."""
    named = (name for statement in statements if statement.effect == "Allow" for name in statement.principals or ())
    return tuple(sorted({policy.account_of(name) for name in named} - {""}))


def names_anybody(statements: Sequence[Statement]) -> bool:
    """Tell whether some statement allows something without naming who may."""
    return any(statement.effect == "Allow" and ANYBODY in (statement.principals or ()) for statement in statements)


def allows(statements: Sequence[Statement], action: str, context: Mapping[str, str]) -> bool:
    """Tell whether the account in `context` may do `action`: some statement allows it and none denies it."""
    request = _request(statements, context[PRINCIPAL_ACCOUNT], action, context.get(TEMPLATE_ARN, ""))
    return policy.evaluate(statements, request).effect == "Allow"


def locks_out(statements: Sequence[Statement], account_id: str) -> bool:
    """Tell whether a statement may deny the CA's owner something."""
    requests = [_request(statements, account_id, action, "") for action in GRANTABLE]
    return any(policy.evaluate(statements, request).effect == "Deny" for request in requests)


def _request(statements: Sequence[Statement], account_id: str, action: str, template_arn: str) -> policy.Request:
    """What an account may ask of the CA that the statements are about; who in it asks, and from where, is unknown."""
    facts = facts_of([(PRINCIPAL_ACCOUNT, [account_id]), (TEMPLATE_ARN, [template_arn] if template_arn else [])])
    resource = statements[0].resources.patterns[0]
    return policy.Request(f"{SERVICE}{action}", resource, account_id, frozenset(), facts)


__all__ = ["ANYBODY", "GRANTABLE", "PRINCIPAL_ACCOUNT", "READ_ACTIONS", "TEMPLATE_ARN", "PolicyError"]
