"""Policies as IAM writes them: deciding a request by statements. Pure functions; `policy_documents` reads them.

Nothing is allowed by default, and a Deny outweighs every Allow. A statement applies if its principal, its action, its
resource and all its conditions do; `conditions` tells why each of these may be impossible to judge. What cannot be
judged never allows, and never keeps a Deny from holding.

Source: IAM User Guide, "IAM JSON policy elements reference" and "Policy evaluation logic".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib.access.conditions import (
    Condition,
    all_of,
    any_of,
    has_variable,
    is_like,
    is_like_arn,
    judge,
    obstacles,
    opposite,
)
from chalicelib.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.access.conditions import Facts, Judgement

    Effect = Literal["Allow", "Deny"]

ANYBODY = "*"
IDENTITY = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::([0-9]{12}):(?:[\w+=,.@/-]+|oidc-provider/[\w.~:/-]+)", re.ASCII)
_TYPED = re.compile(r"(?:[^:]*:){5}(?:\*|[^*?/:]*(?:[/:].*)?)", re.DOTALL)  # IAM wants no wildcard in a resource's type


class Matching(NamedTuple):
    """Actions or resources of a statement.

    Attributes:
        negated: the statement is about all others (NotAction, NotResource).
    """

    patterns: tuple[str, ...]
    negated: bool

    def judge(self, matches: Callable[[str, str], Judgement], value: str) -> Judgement:
        """Tell whether the statement is about this action or resource."""
        found = any_of(None if has_variable(pattern) else matches(pattern, value) for pattern in self.patterns)
        return opposite(found) if self.negated else found


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes:
        label: for people: "statement 'Sid'", or its number from 1 where it has no Sid.
        principals: "*", account ids and ARNs of identities; None: an identity policy, about whoever it is attached to.
    """

    label: str
    effect: Effect
    principals: frozenset[str] | None
    actions: Matching
    resources: Matching
    conditions: tuple[Condition, ...]


class Request(NamedTuple):
    """What somebody wants to do.

    Attributes:
        action: such as "acm-pca:IssueCertificate".
        resource: the ARN of a CA; "*" for actions that are about none.
        account_id: the caller's account.
        identities: ARNs that policies may name the caller by.
        facts: see `conditions.facts_of`.
    """

    action: str
    resource: str
    account_id: str
    identities: frozenset[str]
    facts: Facts

    @property
    def is_inside_account(self) -> bool:
        """Tell whether the resource is the caller's account's."""
        return is_of_account(self.resource, self.account_id)


def is_of_account(resource: str, account_id: str) -> bool:
    """Tell whether a resource belongs to an account, whether it exists or not; "*" belongs to every account."""
    return resource == "*" or resource.split(":", 5)[4:5] == [account_id]


class Verdict(NamedTuple):
    """What some statements say of a request.

    Attributes:
        effect: None: no statement applies, and nothing is allowed.
        statement: the one that decided.
    """

    effect: Effect | None
    statement: Statement | None = None


class Decision(NamedTuple):
    """Whether a request is allowed, and why.

    Attributes:
        side: whose policies decided: the caller's own, the resource's, or that of the caller's session.
        statement: the one that decided; None: no statement of that side allows the request.
    """

    allowed: bool
    side: Literal["identity", "resource", "session"]
    statement: Statement | None


def decide(identity: Iterable[Statement], resource: Iterable[Statement], request: Request) -> Decision:
    """Decide a request by the caller's policies and the resource's.

    Inside an account either side suffices; a resource of another account needs both.
    """
    own, granted = evaluate(identity, request), evaluate(resource, request)
    if own.effect == "Deny":
        return Decision(allowed=False, side="identity", statement=own.statement)
    if granted.effect == "Deny":
        return Decision(allowed=False, side="resource", statement=granted.statement)
    if own.effect is None and (granted.effect is None or not request.is_inside_account):
        return Decision(allowed=False, side="identity", statement=None)
    if own.effect is None or not request.is_inside_account:
        return Decision(allowed=granted.effect == "Allow", side="resource", statement=granted.statement)
    return Decision(allowed=True, side="identity", statement=own.statement)


def evaluate(statements: Iterable[Statement], request: Request) -> Verdict:
    """Decide a request: a Deny that may hold, else an Allow that does, else nothing."""
    allowing: Statement | None = None
    for statement in statements:
        judgement = applies(statement, request)
        if statement.effect == "Deny" and judgement is not False:
            return Verdict("Deny", statement)
        if statement.effect == "Allow" and judgement and allowing is None:
            allowing = statement
    return Verdict("Allow", allowing) if allowing else Verdict(None)


def applies(statement: Statement, request: Request) -> Judgement:
    """Judge whether a statement is about a request."""
    return all_of(_aspects(statement, request))


def _aspects(statement: Statement, request: Request) -> Iterable[Judgement]:
    """Yield what has to be true of a request, the cheapest first."""
    yield statement.principals is None or _names(statement.effect, statement.principals, request)
    yield _is_about(statement.actions, request.action)
    yield statement.resources.judge(_is_resource, request.resource)
    for condition in statement.conditions:
        yield judge(condition, request.facts)


@lru_cache(maxsize=1024)
def _is_about(actions: Matching, action: str) -> Judgement:
    """Judge whether a statement's actions include one; there are few, and most requests ask what others have asked."""
    return actions.judge(lambda pattern, value: is_like(pattern.lower(), value), action.lower())


def _is_resource(pattern: str, resource: str) -> Judgement:
    if pattern == "*" or resource == "*":
        return pattern == "*"
    matches = is_like_arn(pattern, resource)
    return None if matches and _TYPED.fullmatch(pattern) is None else matches


def _names(effect: Effect, principals: frozenset[str], request: Request) -> bool:
    """Tell whether the principals of a resource policy's statement include the caller.

    An Allow for the account that owns the resource only lets that account's identity policies decide, as in IAM. A Deny
    for one identity holds for its whole account: who signs with an access key of Signet may be anybody there.
    """
    if effect == "Deny":
        return ANYBODY in principals or any(account_of(name) == request.account_id for name in principals)
    account = frozenset() if request.is_inside_account else {request.account_id}
    return bool(principals & {ANYBODY, *account, *request.identities})


def account_of(principal: str) -> str:
    """Return the account that a principal of a statement is or belongs to; empty for "*"."""
    match = IDENTITY.fullmatch(principal)
    return match[1] if match else principal.replace(ANYBODY, "")


def statement_obstacles(statements: Iterable[Statement], known: frozenset[str] = frozenset()) -> list[str]:
    """List what can never be judged, and what that means for its statement; `known` are further keys, in lower case."""
    meaning = {"Allow": "so it allows nothing", "Deny": "so it denies whatever else it is about"}
    return [
        f"{statement.label}: {obstacle}, {meaning[statement.effect]}."
        for statement in statements
        for obstacle in dict.fromkeys(
            [
                *(obstacles(condition, known) for condition in statement.conditions),
                "policy variables are not supported" if any(map(has_variable, statement.resources.patterns)) else "",
            ]
        )
        if obstacle
    ]
