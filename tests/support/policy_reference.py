"""A naive evaluator of policies, written from IAM's guide alone: `chalicelib.access` is held against it.

It works on the parsed JSON. Where the guide, or Signet, cannot tell whether something is true, both are possible: every
judgement is the set of its possible answers. A statement that allows has to be true in every possible world, one that
denies in some world.
"""

from __future__ import annotations

import operator
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address, ip_network
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.policy_cases import Case

YES, NO, EITHER = frozenset({True}), frozenset({False}), frozenset({True, False})
Possible = frozenset[bool]
MAY_LACK = ("acm-pca:templatearn", "aws:tagkeys", "aws:principalorgid")
TAGS = ("aws:requesttag/", "aws:resourcetag/")


def sure(value: object) -> Possible:
    return YES if value else NO


def both(*parts: Possible) -> Possible:
    return frozenset(all(world) for world in product(*parts))


def some(*parts: Possible) -> Possible:
    return frozenset(any(world) for world in product(*parts))


def flipped(part: Possible) -> Possible:
    return frozenset(not answer for answer in part)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@cache
def glob(pattern: str, text: str) -> bool:
    """Character by character, remembering every way in which the pattern may have come here."""
    reached = {0}
    for position in range(len(pattern)):
        reached |= {place + 1 for place in reached if place == position and pattern[place] == "*"}
    for letter in text:
        following = set()
        for place in reached:
            if place < len(pattern) and pattern[place] == "*":
                following.add(place)
            elif place < len(pattern) and pattern[place] in {"?", letter}:
                following.add(place + 1)
        for place in range(len(pattern)):
            if place in following and pattern[place] == "*":
                following.add(place + 1)
        reached = following
    return len(pattern) in reached


def arn_glob(pattern: str, arn: str) -> Possible:
    wanted, found = pattern.split(":"), arn.split(":")
    wanted, found = [*wanted[:5], ":".join(wanted[5:])], [*found[:5], ":".join(found[5:])]
    return sure(pattern.count(":") >= 5 and all(map(glob, wanted, found)))


def resource_glob(pattern: str, resource: str) -> Possible:
    if "${" in pattern:
        return EITHER
    if pattern == "*" or resource == "*":
        return sure(pattern == "*")
    answer = arn_glob(pattern, resource)
    kind = pattern.split(":", 5)[5]
    typed = kind == "*" or not any(letter in kind.split("/")[0].split(":")[0] for letter in "*?")
    return answer if typed or answer == NO else EITHER


def number(text: str) -> float:
    if not text.lstrip("+-").replace(".", "", 1).isdigit():
        raise ValueError(text)
    return float(text)


def date(text: str) -> datetime:
    if text.isdigit() and len(text) > 4:
        return datetime.fromtimestamp(int(text), UTC)
    if "-" not in text:
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


COMPARISONS: dict[str, Any] = {
    "": operator.eq,
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}


def compare(kind: str, wanted: str, value: str) -> Possible:
    """One value of a policy with one of a request, by an operator without its negation."""
    if "${" in wanted:
        return EITHER
    if kind.startswith("String"):
        plain = {"StringEquals": wanted == value, "StringLike": glob(wanted, value)}
        return sure(plain.get(kind, wanted.lower() == value.lower()))
    if kind.startswith("Arn"):
        return arn_glob(wanted, value) if min(wanted.count(":"), value.count(":")) >= 5 else EITHER
    try:
        return sure(in_network(value, wanted) if kind == "IpAddress" else in_order(kind, value, wanted))
    except (ValueError, KeyError):
        return EITHER


def in_network(value: str, wanted: str) -> bool:
    if "/255" in wanted or "::ffff" in wanted:
        raise ValueError(wanted)
    address: Any = ip_address(value)
    return (getattr(address, "ipv4_mapped", None) or address) in ip_network(wanted)


def in_order(kind: str, value: str, wanted: str) -> Any:
    for name, read in {"Numeric": number, "Date": date, "Bool": boolean}.items():
        if kind.startswith(name):
            return COMPARISONS[kind.removeprefix(name)](read(value), read(wanted))
    raise KeyError(kind)


POSITIVE = (
    "StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "Bool", "IpAddress",
    *(f"{kind}{name}" for kind in ("Numeric", "Date")
      for name in ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")),
)  # fmt: skip
NEGATIVE = {
    "StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase", "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike", "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals", "DateNotEquals": "DateEquals",
}  # fmt: skip


def condition(name_of: str, key: str, wanted: list[str], context: dict[str, Any]) -> Possible:
    found = [value for name, value in context.items() if name.lower() == key.lower()]
    may_lack = key.lower() in MAY_LACK or key.lower().startswith(TAGS)
    if None in found or not (found or may_lack):
        return EITHER
    values = [text for value in found for text in listed(value)]
    if name_of == "Null":
        return some(
            *(sure((text == "true") != bool(values)) if text in {"true", "false"} else EITHER for text in wanted)
        )
    quantifier, _, name = name_of.rpartition(":")
    name, if_exists = name.removesuffix("IfExists"), name.endswith("IfExists")
    if quantifier not in {"", "ForAllValues", "ForAnyValue"} or name not in (*POSITIVE, *NEGATIVE):
        return EITHER
    return YES if if_exists and not values else quantified(quantifier, name, wanted, values)


def quantified(quantifier: str, name: str, wanted: list[str], values: list[str]) -> Possible:
    each = []
    for value in values:
        matched = some(*(compare(NEGATIVE.get(name, name), text, value) for text in wanted))
        each.append(flipped(matched) if name in NEGATIVE else matched)
    if quantifier:
        return both(*each) if quantifier == "ForAllValues" else some(*each)
    if not values:
        return sure(name in NEGATIVE)
    return each[0] if len(values) == 1 else EITHER


def text_of(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def principal(statement: dict[str, Any], case: Case) -> bool:
    if "Principal" not in statement:
        return True
    given = statement["Principal"]
    names = [given] if isinstance(given, str) else listed(given.get("AWS", []))
    account, arn = case.context.get("account"), case.context.get("arn")
    accounts = {account, f"arn:aws:iam::{account}:root"}
    if statement["Effect"] == "Deny":
        return any(name == "*" or name in accounts or f"::{account}:" in name for name in names)
    outside = case.resource.split(":")[4] != account
    return any(name in {"*", arn} or (outside and name in accounts) for name in names)


def applies(statement: dict[str, Any], case: Case, context: dict[str, Any]) -> Possible:
    answers = [sure(principal(statement, case))]
    action = some(*(sure(glob(each.lower(), case.action.lower())) for each in
                    listed(statement.get("Action", statement.get("NotAction")))))  # fmt: skip
    resource = some(*(resource_glob(each, case.resource) for each in
                      listed(statement.get("Resource", statement.get("NotResource")))))  # fmt: skip
    answers += [flipped(action) if "NotAction" in statement else action]
    answers += [flipped(resource) if "NotResource" in statement else resource]
    for name, block in statement.get("Condition", {}).items():
        for key, wanted in block.items():
            answers.append(condition(name, key, list(map(text_of, listed(wanted))), context))
    return both(*answers)


def verdict(case: Case, account: str, arn: str) -> str:
    """A: allowed; D: explicitly denied; N: not allowed."""
    known = case._replace(context={"account": account, "arn": arn})
    own = [each for policy in case.identity for each in listed(policy["Statement"])]
    granted = listed(case.resource_policy["Statement"]) if case.resource_policy else []

    def says(statements: list[Any], effect: str) -> bool:
        answers = [applies(each, known, case.context) for each in statements if each["Effect"] == effect]
        return any(True in each if effect == "Deny" else each == YES for each in answers)

    if says([*own, *granted], "Deny"):
        return "D"
    sides = [says(own, "Allow"), says(granted, "Allow")]
    inside = case.resource == "*" or case.resource.split(":")[4] == account
    return "A" if (any(sides) if inside else all(sides)) else "N"
