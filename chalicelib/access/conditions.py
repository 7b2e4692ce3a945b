"""Conditions of policies: IAM's operators, in three-valued logic. Pure functions.

A condition holds (True), does not hold (False), or cannot be judged (None). None is the result of an operator or a key
that Signet does not know, of a policy variable, and of a value that its operator cannot read. A statement that allows
needs True; a statement that denies is kept from holding by False alone. So nothing that cannot be judged ever lets
anybody in.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Multivalued context keys".
"""

from __future__ import annotations

import ipaddress
import operator
import re
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Judgement = bool | None
    Matcher = Callable[[str, str], Judgement]  # of a policy's value and a request's
    Facts = Mapping[str, tuple[str, ...] | None]

T = TypeVar("T")
TEMPLATE_ARN = "acm-pca:TemplateArn"
CURRENT_TIME, EPOCH_TIME = "aws:CurrentTime", "aws:EpochTime"
PRINCIPAL_ACCOUNT, PRINCIPAL_ARN, PRINCIPAL_ORG_ID = "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalOrgID"
REQUESTED_REGION, SECURE_TRANSPORT, SOURCE_IP = "aws:RequestedRegion", "aws:SecureTransport", "aws:SourceIp"
EXTERNAL_ID, SESSION_NAME, TOKEN_ISSUE_TIME = "sts:ExternalId", "sts:RoleSessionName", "aws:TokenIssueTime"
REQUEST_TAG, RESOURCE_TAG, TAG_KEYS = "aws:RequestTag/", "aws:ResourceTag/", "aws:TagKeys"
# Keys that requests may lack; nobody here belongs to an organization. Of any other key, no value means: it is unknown.
_OPTIONAL = frozenset(
    key.lower() for key in (TEMPLATE_ARN, PRINCIPAL_ORG_ID, TAG_KEYS, EXTERNAL_ID, SESSION_NAME, TOKEN_ISSUE_TIME)
)
_OPTIONAL_PREFIXES = (REQUEST_TAG.lower(), RESOURCE_TAG.lower())
_ALWAYS = frozenset(
    key.lower()
    for key in (
        CURRENT_TIME,
        EPOCH_TIME,
        PRINCIPAL_ACCOUNT,
        PRINCIPAL_ARN,
        REQUESTED_REGION,
        SECURE_TRANSPORT,
        SOURCE_IP,
    )
)


class Condition(NamedTuple):
    """One key of one operator.

    Attributes:
        operator: as written, with its qualifier and `IfExists`.
        values: any of which may match.
    """

    operator: str
    key: str
    values: tuple[str, ...]


def facts_of(values: Iterable[tuple[str, Iterable[str] | None]]) -> dict[str, tuple[str, ...] | None]:
    """The facts of a request by lower-case key; None where a key has a value that nobody knows.

    Keys that differ in case alone are one key with several values.
    """
    facts: dict[str, tuple[str, ...] | None] = {}
    for name, found in values:
        key = name.lower()
        known = facts.get(key, ())
        facts[key] = None if found is None or known is None else (*known, *found)
    return facts


def time_facts(now: datetime) -> list[tuple[str, tuple[str, ...]]]:
    """What policies may ask of the time of a request."""
    return [(CURRENT_TIME, (time_text(now),)), (EPOCH_TIME, (str(int(now.timestamp())),))]


def time_text(moment: datetime) -> str:
    """A time as conditions compare it: in UTC, to the second."""
    return _second_text(int(moment.timestamp()))


@lru_cache(maxsize=64)  # a page asks for a thousand CAs at once
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def judge(condition: Condition, facts: Facts) -> Judgement:
    """Judge a condition by the facts of a request."""
    qualifier, name, if_exists = _split(condition.operator)
    values = _values(condition.key.lower(), facts)
    if values is None or qualifier not in _QUALIFIERS:
        return None
    if name == "Null" and not qualifier and not if_exists:
        return any_of(
            None if (wants := _BOOLEANS.get(text.lower())) is None else wants != bool(values)
            for text in condition.values
        )
    if name not in _OPERATORS:
        return None
    matches, negated = _OPERATORS[name]
    if not values:
        return if_exists or qualifier == "ForAllValues" or (negated and not qualifier)

    def judged(value: str) -> Judgement:
        found = any_of(None if has_variable(wanted) else matches(wanted, value) for wanted in condition.values)
        return opposite(found) if negated else found

    if not qualifier:  # IAM does not say what an operator for one value makes of several
        return judged(values[0]) if len(values) == 1 else None
    return _QUALIFIERS[qualifier](map(judged, values))


def obstacles(condition: Condition, known: frozenset[str] = frozenset()) -> str:
    """Say why a condition can never be judged; empty where it can. `known` are further keys, in lower case."""
    qualifier, name, if_exists = _split(condition.operator)
    key = condition.key.lower()
    if qualifier not in _QUALIFIERS or not (name in _OPERATORS or (name == "Null" and not qualifier and not if_exists)):
        return f"the operator {condition.operator[:50]} is unknown"
    if key not in _ALWAYS | _OPTIONAL | known and not key.startswith(_OPTIONAL_PREFIXES):
        return f"the key {condition.key[:100]} is unknown"
    if any(map(has_variable, condition.values)):
        return "policy variables are not supported"
    return ""


def _split(name: str) -> tuple[str, str, bool]:
    qualifier, _, rest = name.rpartition(":")
    base = rest.removesuffix("IfExists")
    return qualifier, base, base != rest


def _values(key: str, facts: Facts) -> tuple[str, ...] | None:
    if key in facts:
        return facts[key]
    return () if key in _OPTIONAL or key.startswith(_OPTIONAL_PREFIXES) else None


# three-valued logic (Kleene's)


def any_of(judgements: Iterable[Judgement]) -> Judgement:
    """Join by "or": True if one is, else None if one is."""
    found: Judgement = False
    for each in judgements:
        if each:
            return True
        found = None if each is None else found
    return found


def all_of(judgements: Iterable[Judgement]) -> Judgement:
    """Join by "and": False if one is, else None if one is."""
    found: Judgement = True
    for each in judgements:
        if each is None:
            found = None
        elif not each:
            return False
    return found


def opposite(judgement: Judgement) -> Judgement:
    """Negate what can be judged."""
    return None if judgement is None else not judgement


# patterns


def has_variable(text: str) -> bool:
    """Tell whether IAM would replace a part of the text; Signet replaces none."""
    return "${" in text


_STARS = re.compile(r"\*{2,}")


def is_like(pattern: str, text: str) -> bool:
    """Match text with a pattern in which "*" stands for any text and "?" for any character.

    The time is at most the product of the two lengths, and only patterns as short as the text can match it.
    """
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    if len(pattern) - pattern.count("*") > len(text):
        return False
    return _compiled(_STARS.sub("*", pattern)).match(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Each "*" becomes an atomic group (CPython 3.11 and later): a match never goes back into one.
    return re.compile(translate(pattern.replace("[", "[[]")))


def is_like_arn(pattern: str, arn: str) -> bool:
    """Match an ARN with a pattern, each of the six parts by itself."""
    wanted, found = pattern.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(found) == 6 and all(map(is_like, wanted, found))


# operators


def _arn(wanted: str, value: str) -> Judgement:
    return None if min(wanted.count(":"), value.count(":")) < 5 else is_like_arn(wanted, value)


def _equals_ignoring_case(wanted: str, value: str) -> Judgement:
    return wanted.lower() == value.lower()


def _comparing(read: Callable[[str], T | None], compare: Callable[[T, T], bool]) -> Matcher:
    """Compare the request's value with the policy's, both as `read` reads them."""

    def matches(wanted: str, value: str) -> Judgement:
        left, right = read(value), read(wanted)
        return None if left is None or right is None else compare(left, right)

    return matches


_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?", re.ASCII
)
_EPOCH = re.compile(r"[0-9]{5,11}", re.ASCII)  # four digits could be a year as well


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _date(text: str) -> datetime | None:
    """Read a date (midnight, UTC), a time with its zone, or seconds since 1970."""
    try:
        if _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC)
        if _DATE.fullmatch(text):
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None


_BOOLEANS = {"true": True, "false": False}


def _boolean(text: str) -> bool | None:
    return _BOOLEANS.get(text.lower())


def _address(wanted: str, value: str) -> Judgement:
    """Tell whether an address lies in a network; "::ffff:" before an IPv4 address counts for nothing."""
    network = _network(wanted)
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    return None if network is None else address in network


@lru_cache(maxsize=1024)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    address, slash, length = text.partition("/")
    if slash and not (length.isascii() and length.isdigit()):
        return None
    try:
        network = ipaddress.ip_network((address, int(length)) if slash else address, strict=False)
    except ValueError:
        return None
    return None if getattr(network.network_address, "ipv4_mapped", None) else network


# Each operator: how a policy's value matches a request's, and whether the condition holds where none matches.
_OPERATORS: dict[str, tuple[Matcher, bool]] = {
    "StringEquals": (operator.eq, False),
    "StringNotEquals": (operator.eq, True),
    "StringEqualsIgnoreCase": (_equals_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_equals_ignoring_case, True),
    "StringLike": (is_like, False),
    "StringNotLike": (is_like, True),
    "ArnEquals": (_arn, False),
    "ArnNotEquals": (_arn, True),
    "ArnLike": (_arn, False),
    "ArnNotLike": (_arn, True),
    "NumericEquals": (_comparing(_number, operator.eq), False),
    "NumericNotEquals": (_comparing(_number, operator.eq), True),
    "NumericLessThan": (_comparing(_number, operator.lt), False),
    "NumericLessThanEquals": (_comparing(_number, operator.le), False),
    "NumericGreaterThan": (_comparing(_number, operator.gt), False),
    "NumericGreaterThanEquals": (_comparing(_number, operator.ge), False),
    "DateEquals": (_comparing(_date, operator.eq), False),
    "DateNotEquals": (_comparing(_date, operator.eq), True),
    "DateLessThan": (_comparing(_date, operator.lt), False),
    "DateLessThanEquals": (_comparing(_date, operator.le), False),
    "DateGreaterThan": (_comparing(_date, operator.gt), False),
    "DateGreaterThanEquals": (_comparing(_date, operator.ge), False),
    "Bool": (_comparing(_boolean, operator.eq), False),
    "IpAddress": (_address, False),
    "NotIpAddress": (_address, True),
}
_QUALIFIERS: dict[str, Callable[[Iterable[Judgement]], Judgement]] = {
    "": any_of,
    "ForAllValues": all_of,
    "ForAnyValue": any_of,
}
