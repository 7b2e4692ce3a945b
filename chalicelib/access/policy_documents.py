"""Policies as IAM writes them: reading a document into statements, strictly. Pure functions.

Identity policies, resource policies and trust policies share the grammar; each refuses what it does not have.

Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON policy elements reference".
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from chalicelib.access.conditions import Condition
from chalicelib.access.policy import ANYBODY, IDENTITY, Matching, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_VALUES = 1000
_VERSIONS = ("2012-10-17", "2008-10-17")
_DOCUMENT_MEMBERS = frozenset({"Version", "Id", "Statement"})
_MEMBERS = frozenset({"Sid", "Effect", "Condition", "Action", "NotAction", "Resource", "NotResource"})
_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?", re.ASCII)
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?", re.ASCII)
_ACTION = re.compile(r"\*(?::\*)?|[A-Za-z0-9-]+:[A-Za-z0-9*?]+", re.ASCII)
_ARN = re.compile(r"[^:]*(?::[^:]*){4}:.+", re.DOTALL)
_SHOWN = 100  # characters of what is refused


class PolicyError(ValueError):
    """The policy is invalid; the text names the rule."""


def parse_identity_policy(text: str) -> tuple[Statement, ...]:
    """Read the statements of a policy that is attached to a principal.

    Raises:
        PolicyError: which rule it breaks.
    """
    statements = parse(text, _identity_statement)
    check_cost(statements)
    return statements


def check_cost(statements: Sequence[Statement]) -> None:
    """See that a policy can be evaluated in a few milliseconds, whatever its patterns are.

    Raises:
        PolicyError: it has too many values.
    """
    values = sum(len(condition.values) for statement in statements for condition in statement.conditions)
    patterns = sum(len(statement.actions.patterns) + len(statement.resources.patterns) for statement in statements)
    if values + patterns > MAX_VALUES:
        raise PolicyError(f"The policy has more than {MAX_VALUES} actions, resources and values of conditions.")


def parse_resource_policy(text: str) -> tuple[Statement, ...]:
    """Read the statements of a policy that is attached to a resource; NotAction and NotResource are refused.

    Raises:
        PolicyError: which rule it breaks.
    """
    return parse(text, _resource_statement)


def parse(text: str, read: Callable[[Any, int], Statement]) -> tuple[Statement, ...]:
    """Read the statements of a policy, each by `read`, which takes it and its number; raises `PolicyError`."""
    document = members_of(_json(text), "The policy", _DOCUMENT_MEMBERS)
    if document.get("Version", "2008-10-17") not in _VERSIONS:
        raise PolicyError("The policy's Version must be 2012-10-17.")
    statements = document.get("Statement", [])
    found = [read(each, number) for number, each in enumerate(_list(statements), 1)]
    if not found:
        raise PolicyError("The policy has no Statement.")
    return tuple(found)


def _identity_statement(value: Any, number: int) -> Statement:
    members = members_of(value, "A statement", _MEMBERS)
    check_sid(members.get("Sid", ""), r"[A-Za-z0-9]*")
    resources = matching_of(members, "Resource")
    for pattern in resources.patterns:
        if pattern != "*" and _ARN.fullmatch(pattern) is None:
            raise PolicyError(f"Resource '{pattern[:_SHOWN]}' must be an ARN or '*'.")
    return statement_of(members, number, None, resources)


def _resource_statement(value: Any, number: int) -> Statement:
    members = members_of(value, "A statement", (_MEMBERS | {"Principal"}) - {"NotAction", "NotResource"})
    require(members, ("Effect", "Principal", "Action", "Resource"))
    check_sid(members.get("Sid", ""), r".*")
    return statement_of(members, number, principals_of(members["Principal"]), matching_of(members, "Resource"))


def statement_of(
    members: dict[str, Any], number: int, principals: frozenset[str] | None, resources: Matching
) -> Statement:
    """Read what statements of all kinds of policies have; raises `PolicyError`."""
    require(members, ("Effect",))
    effect, actions = members["Effect"], matching_of(members, "Action")
    if effect not in ("Allow", "Deny"):
        raise PolicyError("Effect must be Allow or Deny.")
    for action in actions.patterns:
        if _ACTION.fullmatch(action) is None:
            raise PolicyError(f"Action '{action[:_SHOWN]}' must be such as 'acm-pca:IssueCertificate', or '*'.")
    sid = members.get("Sid", "")
    label = f"statement '{sid[:_SHOWN]}'" if sid else f"statement {number}"
    return Statement(label, effect, principals, actions, resources, _conditions(members.get("Condition", {})))


def check_sid(sid: Any, pattern: str) -> None:
    """See that a statement's Sid has the form that its kind of policy wants; raises `PolicyError`."""
    if not isinstance(sid, str):
        raise PolicyError("Sid must be a string.")
    if re.fullmatch(pattern, sid, re.ASCII | re.DOTALL) is None:
        raise PolicyError("Sid must be letters and digits.")


def require(members: dict[str, Any], names: Sequence[str]) -> None:
    """See that a statement has these members; raises `PolicyError`."""
    if missing := [name for name in names if name not in members]:
        raise PolicyError(f"A statement lacks {missing[0]}.")


def matching_of(members: dict[str, Any], name: str) -> Matching:
    """Read Action or NotAction, Resource or NotResource: one of the two; raises `PolicyError`."""
    given = [each for each in (name, f"Not{name}") if each in members]
    if not given:
        raise PolicyError(f"A statement lacks {name}.")
    if len(given) == 2:
        raise PolicyError(f"A statement has both {name} and Not{name}.")
    return Matching(tuple(strings_of(members[given[0]], given[0])), negated=given[0] != name)


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=_decimal, parse_constant=_constant)
    except RecursionError:
        raise PolicyError("The policy is nested too deeply.") from None
    except ValueError as error:
        if isinstance(error, PolicyError):
            raise
        raise PolicyError("The policy is not JSON.") from error


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise PolicyError("A number in the policy is too large.") from None


def _constant(name: str) -> Any:
    raise ValueError(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise PolicyError("The policy gives a member twice.")
    return dict(pairs)


def members_of(value: Any, what: str, known: frozenset[str]) -> dict[str, Any]:
    """See that a value is an object with known members only; raises `PolicyError`."""
    if not isinstance(value, dict):
        raise PolicyError(f"{what} must be a JSON object.")
    unknown = sorted(value.keys() - known)
    if unknown:
        raise PolicyError(f"{what} has the member '{unknown[0][:50]}', which is not one of {', '.join(sorted(known))}.")
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def strings_of(value: Any, what: str) -> list[str]:
    """Read a string or a list of strings; raises `PolicyError`."""
    values = _list(value)
    if not values or not all(isinstance(each, str) for each in values):
        raise PolicyError(f"{what} must be a string or a list of strings.")
    return values


def principals_of(value: Any) -> frozenset[str]:
    """Read accounts, ARNs of identities and "*"; services of AWS are accepted, but none is ever a caller here."""
    if value == ANYBODY:
        return frozenset({ANYBODY})
    members = members_of(value, "Principal", frozenset({"AWS", "Service"}))
    if not members:
        raise PolicyError("Principal names nobody.")
    for name in strings_of(members["Service"], "Principal") if "Service" in members else ():
        if _SERVICE.fullmatch(name) is None:
            raise PolicyError(f"Principal '{name[:_SHOWN]}' is not a service of AWS.")
    return frozenset(map(_principal, strings_of(members["AWS"], "Principal") if "AWS" in members else ()))


def _principal(name: str) -> str:
    account = _ACCOUNT.fullmatch(name)
    if account is not None:
        return account[1]
    if name != ANYBODY and IDENTITY.fullmatch(name) is None:
        raise PolicyError(f"Principal '{name[:_SHOWN]}' is neither an account nor the ARN of an identity.")
    return name


def _conditions(value: Any) -> tuple[Condition, ...]:
    if not isinstance(value, dict) or not all(isinstance(block, dict) for block in value.values()):
        raise PolicyError("Condition must be an object of operators, each with an object of keys.")
    return tuple(
        Condition(operator, key, tuple(strings_of(list(map(_text, _list(values))), "The value of a condition")))
        for operator, block in value.items()
        for key, values in block.items()
    )


def _text(value: Any) -> Any:
    """Return a boolean or a number of JSON as the text that IAM takes it for."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | Decimal) else value
