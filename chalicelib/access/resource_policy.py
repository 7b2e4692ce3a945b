"""Resource policies as text: which ones are valid, and what they allow an account to do. Pure functions.

Only what can be evaluated grants anything: a condition or a principal that Signet cannot judge never lets anybody in,
and never keeps a Deny from holding.

Source: AWS Private CA User Guide, "Resource-based policies"; IAM User Guide, "IAM JSON policy elements reference" and
"Policy evaluation logic".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

READ_ACTIONS = (
    "DescribeCertificateAuthority",
    "GetCertificate",
    "GetCertificateAuthorityCertificate",
    "ListPermissions",
    "ListTags",
)
GRANTABLE = frozenset({*READ_ACTIONS, "IssueCertificate", "RevokeCertificate"})
TEMPLATE_ARN = "acm-pca:TemplateArn"
PRINCIPAL_ACCOUNT = "aws:PrincipalAccount"
MAX_ACCOUNTS = 40
ANYBODY = "*"
_VERSIONS = ("2012-10-17", "2008-10-17")
_DOCUMENT_MEMBERS = frozenset({"Version", "Id", "Statement"})
_MEMBERS = frozenset({"Sid", "Effect", "Principal", "Action", "Resource", "Condition"})
_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?", re.ASCII)
_IDENTITY = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::[0-9]{12}:[\w+=,.@/-]+", re.ASCII)
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?", re.ASCII)


class PolicyError(ValueError):
    """The policy is invalid; the text names the rule."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes:
        accounts: the accounts it is about, or "*" for all; principals that are no accounts are left out.
        conditions: (operator, key, values) that must all hold.
    """

    effect: str
    accounts: frozenset[str]
    actions: frozenset[str]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]

    def is_about(self, account_id: str) -> bool:
        """Whether the statement names the account, or all."""
        return bool(self.accounts & {ANYBODY, account_id})


def parse(text: str, resource_arn: str) -> tuple[Statement, ...]:
    """The statements of a policy for a CA.

    Raises:
        PolicyError: which rule it breaks.
    """
    document = _members(_json(text), "The policy", _DOCUMENT_MEMBERS)
    if document.get("Version", "2008-10-17") not in _VERSIONS:
        raise PolicyError("The policy's Version must be 2012-10-17.")
    statements = document.get("Statement", [])
    found = [_statement(each, resource_arn) for each in (statements if isinstance(statements, list) else [statements])]
    if not found:
        raise PolicyError("The policy has no Statement.")
    if len(accounts_of(found)) > MAX_ACCOUNTS:
        raise PolicyError(f"The policy names more than {MAX_ACCOUNTS} accounts.")
    return tuple(found)


def accounts_of(statements: Sequence[Statement]) -> tuple[str, ...]:
    """The accounts that some statement allows something."""
    named = [each.accounts for each in statements if each.effect == "Allow"]
    return tuple(sorted(frozenset().union(*named) - {ANYBODY}))


def allows(statements: Sequence[Statement], action: str, context: Mapping[str, str]) -> bool:
    """Whether the account in `context` may do `action`: some statement allows it and none denies it."""
    about = [each for each in statements if each.is_about(context[PRINCIPAL_ACCOUNT]) and action in each.actions]
    if any(each.effect == "Deny" and _hold(each, context, unknown=True) for each in about):
        return False
    return any(each.effect == "Allow" and _hold(each, context, unknown=False) for each in about)


def locks_out(statements: Sequence[Statement], account_id: str) -> bool:
    """Whether a statement may deny the CA's owner something."""
    context = {PRINCIPAL_ACCOUNT: account_id}
    return any(
        each.effect == "Deny" and each.is_about(account_id) and _hold(each, context, unknown=True)
        for each in statements
    )


# conditions

_OPERATORS: dict[str, Callable[[str | None, tuple[str, ...]], bool]] = {
    "StringEquals": lambda value, values: value in values,
    "StringNotEquals": lambda value, values: value not in values,
}
_KEYS = frozenset({TEMPLATE_ARN, PRINCIPAL_ACCOUNT, "aws:PrincipalOrgID"})  # nobody here belongs to an organization


def _hold(statement: Statement, context: Mapping[str, str], *, unknown: bool) -> bool:
    """Whether all conditions hold; one that cannot be judged counts as `unknown`."""
    return all(
        _OPERATORS[operator](context.get(key), values) if operator in _OPERATORS and key in _KEYS else unknown
        for operator, key, values in statement.conditions
    )


# reading


def _json(text: str) -> Any:
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise PolicyError("The policy is nested too deeply.") from None
    except ValueError as error:
        if isinstance(error, PolicyError):
            raise
        raise PolicyError("The policy is not JSON.") from error
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise PolicyError("The policy gives a member twice.")
    return dict(pairs)


def _members(value: Any, what: str, known: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PolicyError(f"{what} must be a JSON object.")
    unknown = sorted(value.keys() - known)
    if unknown:
        raise PolicyError(f"{what} has the member '{unknown[0][:50]}', which is not one of {', '.join(sorted(known))}.")
    return value


def _statement(value: Any, resource_arn: str) -> Statement:
    members = _members(value, "A statement", _MEMBERS)
    missing = [name for name in ("Effect", "Principal", "Action", "Resource") if name not in members]
    if missing:
        raise PolicyError(f"A statement lacks {missing[0]}.")
    if members["Effect"] not in ("Allow", "Deny"):
        raise PolicyError("Effect must be Allow or Deny.")
    if not isinstance(members.get("Sid", ""), str):
        raise PolicyError("Sid must be a string.")
    if set(_strings(members["Resource"], "Resource")) != {resource_arn}:
        raise PolicyError(f"Resource must be the certificate authority itself, {resource_arn}.")
    return Statement(
        effect=members["Effect"],
        accounts=_principals(members["Principal"]),
        actions=frozenset(map(_action, _strings(members["Action"], "Action"))),
        conditions=_conditions(members.get("Condition", {})),
    )


def _strings(value: Any, what: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, str) for each in values):
        raise PolicyError(f"{what} must be a string or a list of strings.")
    return values


def _action(name: str) -> str:
    action = name.removeprefix("acm-pca:")
    if action == name or action not in GRANTABLE:
        raise PolicyError(
            f"Action '{name[:100]}' cannot be given by a resource policy; "
            f"these can: {', '.join(f'acm-pca:{each}' for each in sorted(GRANTABLE))}."
        )
    return action


def _principals(value: Any) -> frozenset[str]:
    """The accounts; roles, users and services are accepted but cannot be told apart here, so they get nothing."""
    if value == ANYBODY:
        return frozenset({ANYBODY})
    members = _members(value, "Principal", frozenset({"AWS", "Service"}))
    if not members:
        raise PolicyError("Principal names nobody.")
    for name in _strings(members["Service"], "Principal") if "Service" in members else ():
        if _SERVICE.fullmatch(name) is None:
            raise PolicyError(f"Principal '{name[:100]}' is not a service of AWS.")
    return frozenset(filter(None, map(_account, _strings(members["AWS"], "Principal") if "AWS" in members else ())))


def _account(name: str) -> str | None:
    match = _ACCOUNT.fullmatch(name)
    if match is not None:
        return match[1]
    if name != ANYBODY and _IDENTITY.fullmatch(name) is None:
        raise PolicyError(f"Principal '{name[:100]}' is neither an account nor the ARN of an identity.")
    return ANYBODY if name == ANYBODY else None


def _conditions(value: Any) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    if not isinstance(value, dict) or not all(isinstance(block, dict) for block in value.values()):
        raise PolicyError("Condition must be an object of operators, each with an object of keys.")
    return tuple(
        (operator, key, tuple(_strings(values, "The value of a condition")))
        for operator, block in value.items()
        for key, values in block.items()
    )
