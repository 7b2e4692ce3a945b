"""Trust policies of roles: which ones are valid, and who may assume the role. Pure functions.

Source: IAM User Guide, "Creating a role", "AWS JSON policy elements: Principal", "Cross-account policy evaluation".
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.access import policy, policy_documents
from chalicelib.access.policy import ANYBODY, Decision, Matching
from chalicelib.access.policy_documents import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.access.policy import Request, Statement

ASSUME, ASSUME_WITH_TOKEN = "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"
MAX_CHARACTERS = 4096
_MEMBERS = frozenset({"Sid", "Effect", "Principal", "Action", "Condition"})
_PROVIDER = re.compile(
    r"arn:aws[a-z-]*:iam::([0-9]{12}):oidc-provider/([a-z0-9.-]+(?::[0-9]+)?(?:/[\w.~/-]*)?)", re.ASCII
)
_NAMING = frozenset({"stringequals", "stringlike", "stringequalsignorecase"})
# Issuers that serve everybody, and how the subjects of one owner begin.
_SHARED = {
    "token.actions.githubusercontent.com": (r"(repo|repository_owner):[^*?:/]+[:/@]", "'repo:OWNER/'"),
    "gitlab.com": (r"project_path:[^*?:/]+/", "'project_path:GROUP/'"),
    "app.terraform.io": (r"organization:[^*?:]+:", "'organization:NAME:'"),
}
_WILDCARD = re.compile(r"[*?]")
_ROLE_ITSELF = Matching((ANYBODY,), negated=False)


def parse(text: str, account_id: str) -> tuple[Statement, ...]:
    """Read the statements of the trust policy of a role.

    Raises:
        PolicyError: which rule it breaks.
    """
    if len(text) > MAX_CHARACTERS:
        raise PolicyError(f"A trust policy has at most {MAX_CHARACTERS} characters.")
    statements = policy_documents.parse(text, _statement)
    policy_documents.check_cost(statements)
    for statement in statements:
        _check_principals(statement, account_id)
    return statements


def _statement(value: Any, number: int) -> Statement:
    members = policy_documents.members_of(value, "A statement", _MEMBERS)
    policy_documents.require(members, ("Effect", "Principal", "Action"))
    policy_documents.check_sid(members.get("Sid", ""), r"[A-Za-z0-9]*")
    found = policy_documents.statement_of(members, number, _principals(members["Principal"]), _ROLE_ITSELF)
    for action in found.actions.patterns:
        if not action.lower().startswith("sts:"):
            raise PolicyError(f"Action '{action[:100]}' of a trust policy must begin with 'sts:'.")
    return replace(found, label=f"{found.label} of the trust policy")


def _principals(value: Any) -> frozenset[str]:
    """Read principals, and under `Federated` the ARNs of OIDC providers."""
    if not isinstance(value, dict) or "Federated" not in value:
        return policy_documents.principals_of(value)
    providers = policy_documents.strings_of(value["Federated"], "Principal")
    for name in providers:
        if _PROVIDER.fullmatch(name) is None:
            raise PolicyError(f"Principal '{name[:100]}' is not the ARN of an OIDC provider.")
    others = {kind: names for kind, names in value.items() if kind != "Federated"}
    return frozenset(providers) | (policy_documents.principals_of(others) if others else frozenset())


def _check_principals(statement: Statement, account_id: str) -> None:
    """See that an Allow names principals of the account, or providers together with the subjects of their tokens.

    One issuer may serve everybody, as that of GitHub Actions does.
    """
    if statement.effect == "Deny":
        return
    names = statement.principals or frozenset()
    if ANYBODY in names:
        raise PolicyError("A trust policy cannot let everybody in: name an account, a principal or an OIDC provider.")
    if others := sorted(name for name in names if policy.account_of(name) not in {account_id, ""}):
        raise PolicyError(f"Principal '{others[0][:100]}' is not of the role's account {account_id}.")
    for name in _provider_names(names):
        _check_subjects(statement, name)


def _check_subjects(statement: Statement, provider: str) -> None:
    """See that an Allow says which subjects of an issuer it is for: a list of patterns that begin with plain text."""
    key = f"{provider}:sub"
    conditions = [condition for condition in statement.conditions if condition.key.lower() == key.lower()]
    naming = [condition for condition in conditions if condition.operator.lower() in _NAMING]
    if not naming:
        raise PolicyError(f"An Allow for an OIDC provider needs a condition on {key} by StringEquals or StringLike.")
    begins, rule = _SHARED.get(provider.lower(), (r"[^*?]", "plain text"))
    for value in (value for condition in naming for value in condition.values):
        if not value or (_WILDCARD.search(value) and re.match(begins, value) is None):
            raise PolicyError(f"The value '{value[:100]}' of {key} must begin with {rule}: others hold tokens, too.")


def _provider_names(principals: Iterable[str]) -> list[str]:
    return [match[2] for name in sorted(principals) if (match := _PROVIDER.fullmatch(name))]


def obstacles(statements: Sequence[Statement]) -> list[str]:
    """List what can never be judged."""
    names = [name for statement in statements for name in _provider_names(statement.principals or ())]
    known = {f"{name.lower()}:{claim}" for name in names for claim in ("aud", "sub")}
    return policy.statement_obstacles(statements, frozenset(known))


def decide(identity: Iterable[Statement], trust: Sequence[Statement], request: Request) -> Decision:
    """Decide whether a caller may assume a role of its own account.

    A trust policy that names the caller suffices. One that names the account lets its identity policies decide.
    """
    own, named = policy.evaluate(identity, request), policy.evaluate(trust, request)
    in_account = request._replace(identities=request.identities | {request.account_id})
    delegated = policy.evaluate(trust, in_account)
    if own.effect == "Deny":
        return Decision(allowed=False, side="identity", statement=own.statement)
    if "Deny" in {named.effect, delegated.effect} or delegated.effect is None:
        return Decision(allowed=False, side="resource", statement=delegated.statement)
    if named.effect == "Allow":
        return Decision(allowed=True, side="resource", statement=named.statement)
    return Decision(allowed=own.effect == "Allow", side="identity", statement=own.statement)
