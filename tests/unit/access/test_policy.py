"""Policies: which ones are valid, the rules of conditions that generated cases seldom meet, and bounded time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from chalicelib.access import conditions, policy, policy_documents
from chalicelib.access.conditions import Condition, facts_of, judge
from chalicelib.access.policy import Request
from chalicelib.access.policy_documents import PolicyError

CA = "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/11111111-1111-4111-8111-111111111111"
ISSUE = "acm-pca:IssueCertificate"
ALLOW = {"Effect": "Allow", "Action": ISSUE, "Resource": CA}


def document(*statements: Any, **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)} | more)


def request(action: str = ISSUE) -> Request:
    return Request(action, CA, "111122223333", frozenset(), facts_of([("acm-pca:TemplateArn", ["x"])]))


def effect(text: str, asked: Request) -> str | None:
    return policy.evaluate(policy_documents.parse_identity_policy(text), asked).effect


INVALID: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "not JSON"),
    "a number that is none": ('{"Version": NaN}', "not JSON"),
    "an exponent that is too large": ('{"Version": 1e9999999999999999999}', "too large"),
    "an exponent that is too small": ('{"Version": 1e-9999999999999999999}', "too large"),
    "an integer of 5,000 digits": (f'{{"Version": {"9" * 5000}}}', "not JSON"),
    "deep": ("[" * 40000, "nested too deeply"),
    "a list": ("[]", "must be a JSON object"),
    "member twice": ('{"Statement":[],"Statement":[]}', "twice"),
    "unknown member": (document(ALLOW, Rule=1), "'Rule'"),
    "version": (document(ALLOW, Version="2025-01-01"), "Version"),
    "no statement": (document(), "no Statement"),
    "effect": (document(ALLOW | {"Effect": ["Allow"]}), "Effect"),
    "no effect": (document({"Action": "*", "Resource": "*"}), "lacks Effect"),
    "no action": (document({"Effect": "Deny", "Resource": "*"}), "lacks Action"),
    "no resource": (document({"Effect": "Deny", "Action": "*"}), "lacks Resource"),
    "two kinds of actions": (document(ALLOW | {"NotAction": "*"}), "both Action and NotAction"),
    "two kinds of resources": (document(ALLOW | {"NotResource": "*"}), "both Resource and NotResource"),
    "principal": (document(ALLOW | {"Principal": "*"}), "'Principal'"),
    "sid of another type": (document(ALLOW | {"Sid": 1}), "Sid must be a string"),
    "sid": (document(ALLOW | {"Sid": "No spaces"}), "letters and digits"),
    "action without service": (document(ALLOW | {"Action": "IssueCertificate"}), "Action 'IssueCertificate'"),
    "action of another type": (document(ALLOW | {"Action": 7}), "list of strings"),
    "resource": (document(ALLOW | {"Resource": "certificate-authority/*"}), "must be an ARN"),
    "resource that is short": (document(ALLOW | {"Resource": "arn:aws:acm-pca:*"}), "must be an ARN"),
    "condition": (document(ALLOW | {"Condition": {"StringEquals": {"aws:TagKeys": {}}}}), "condition"),
    "too many values": (
        document(ALLOW | {"Condition": {"StringLike": {"acm-pca:TemplateArn": ["*?"] * 999}}}),
        "more than 1000",
    ),
    "condition without values": (document(ALLOW | {"Condition": {"StringEquals": {"aws:TagKeys": []}}}), "condition"),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_policy_is_refused_with_its_rule(case: str) -> None:
    text, rule = INVALID[case]
    with pytest.raises(PolicyError, match=rule):
        policy_documents.parse_identity_policy(text)


def test_statement_that_decided_is_named_by_its_sid_or_its_number() -> None:
    text = document(ALLOW, {"Sid": "Never", "Effect": "Deny", "Action": "acm-pca:Revoke*", "Resource": "*"})
    statements = policy_documents.parse_identity_policy(text)
    allowed, denied = (
        policy.evaluate(statements, request(f"acm-pca:{name}Certificate")) for name in ("Issue", "Revoke")
    )
    assert allowed.statement is not None
    assert denied.statement is not None
    assert (allowed.statement.label, denied.statement.label) == ("statement 1", "statement 'Never'")


UNJUDGED: dict[str, dict[str, Any]] = {
    "operator": {"Condition": {"StringMatches": {"aws:TagKeys": "x"}}},
    "operator in another case": {"Condition": {"stringLike": {"aws:TagKeys": "*"}}},
    "qualifier": {"Condition": {"ForSomeValues:StringLike": {"aws:TagKeys": "*"}}},
    "Null with IfExists": {"Condition": {"NullIfExists": {"aws:TagKeys": "true"}}},
    "key": {"Condition": {"StringNotEquals": {"aws:userid": "x"}}},
    "key that is said to be absent": {"Condition": {"Null": {"aws:MultiFactorAuthPresent": "true"}}},
    "key with IfExists": {"Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}},
    "variable in a value": {"Condition": {"StringLike": {"acm-pca:TemplateArn": "${*}"}}},
    "variable in a resource": {"Resource": CA.replace("1111-4", "${aws:username}-4")},
}


@pytest.mark.parametrize("case", UNJUDGED)
def test_what_cannot_be_judged_allows_nothing_and_keeps_no_deny_from_holding(case: str) -> None:
    statement = ALLOW | UNJUDGED[case]
    everything = ALLOW | {"Action": "*", "Resource": "*"}
    assert effect(document(statement), request()) is None
    assert effect(document(everything, statement | {"Effect": "Deny"}), request()) == "Deny"
    obstacles = policy.statement_obstacles(
        policy_documents.parse_identity_policy(document(statement, statement | {"Effect": "Deny"}))
    )
    assert [each.split(":")[0] for each in obstacles] == ["statement 1", "statement 2"]
    assert "so it allows nothing" in obstacles[0]


def test_statement_applies_if_all_its_conditions_hold() -> None:
    """Conditions of one operator, of several, and the values that ForAllValues is about."""
    facts = {"aws:TagKeys": ["a", "b"], "aws:RequestTag/a": ["1"], "aws:RequestTag/b": ["2"]}
    asked = request()._replace(facts=facts_of(facts.items()))
    one, other = {"aws:RequestTag/a": "1"}, {"aws:RequestTag/b": "2"}
    wrong = {"aws:RequestTag/b": "3"}
    for condition, applies in (
        ({"StringEquals": one | other}, True),
        ({"StringEquals": one | wrong}, False),
        ({"StringEquals": one, "StringLike": wrong}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b", "c"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "c"]}}, False),
    ):
        statement = ALLOW | {"Condition": condition}
        assert effect(document(statement), asked) == ("Allow" if applies else None), condition
        denied = document(ALLOW, statement | {"Effect": "Deny"})
        assert effect(denied, asked) == ("Deny" if applies else "Allow"), condition


def test_what_can_be_judged_has_no_obstacles() -> None:
    known = {
        "StringLikeIfExists": {"acm-pca:TemplateArn": "*", "aws:ResourceTag/a": "b"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["x"]},
        "Null": {"aws:RequestTag/x": "true"},
    }
    assert (
        policy.statement_obstacles(policy_documents.parse_identity_policy(document(ALLOW | {"Condition": known}))) == []
    )


NOW = "2027-01-01T12:00:00Z"
JUDGED: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...], bool | None]] = {
    "a date is midnight in UTC": ("DateEquals", "aws:CurrentTime", ("2027-01-01",), ("2027-01-01T00:00:00Z",), True),
    "a time in another zone": ("DateEquals", "aws:CurrentTime", ("2027-01-01T13:00:00+01:00",), (NOW,), True),
    "seconds since 1970": ("DateEquals", "aws:CurrentTime", ("1798804800",), (NOW,), True),
    "a time without a zone": ("DateEquals", "aws:CurrentTime", ("2027-01-01T12:00:00",), (NOW,), None),
    "a year": ("DateLessThan", "aws:CurrentTime", ("2027",), (NOW,), None),
    "a day that is none": ("DateLessThan", "aws:CurrentTime", ("2027-02-30",), (NOW,), None),
    "IPv4 in IPv6": ("IpAddress", "aws:SourceIp", ("203.0.113.0/24",), ("::ffff:203.0.113.9",), True),
    "IPv4 is in no network of IPv6": ("IpAddress", "aws:SourceIp", ("::/0",), ("203.0.113.9",), False),
    "network with host bits": ("IpAddress", "aws:SourceIp", ("203.0.113.9/24",), ("203.0.113.1",), True),
    "mask": ("NotIpAddress", "aws:SourceIp", ("203.0.113.0/255.255.255.0",), ("198.51.100.1",), None),
    "no address": ("NotIpAddress", "aws:SourceIp", ("203.0.113.0/24",), ("unix",), None),
    "length that is none": ("NotIpAddress", "aws:SourceIp", ("203.0.113.0/\u0662",), ("198.51.100.1",), None),
    "boolean": ("Bool", "aws:SecureTransport", ("TRUE",), ("true",), True),
    "boolean that is none": ("Bool", "aws:SecureTransport", ("yes",), ("true",), None),
    "null that is none": ("Null", "aws:TagKeys", ("maybe",), (), None),
    "number": ("NumericLessThan", "aws:EpochTime", ("1798804800.5",), ("1798804800",), True),
    "number that is none": ("NumericNotEquals", "aws:EpochTime", ("1e9",), ("5",), None),
    "several values of one": ("StringEquals", "aws:TagKeys", ("a",), ("a", "b"), None),
    "ARN by parts": ("ArnLike", "aws:PrincipalArn", ("arn:aws:iam::1*:user/x",), ("arn:aws:iam::1:2:user/x",), False),
    "no ARN": ("ArnLike", "aws:PrincipalArn", ("*",), ("arn:aws:iam::1:user/x",), None),
}


@pytest.mark.parametrize("case", JUDGED)
def test_condition_is_judged(case: str) -> None:
    operator, key, wanted, values, expected = JUDGED[case]
    assert judge(Condition(operator, key, wanted), facts_of([(key, values)])) is expected


def test_tags_that_differ_in_case_are_one_key_of_several_values() -> None:
    facts = facts_of([("aws:ResourceTag/Stage", ["prod"]), ("aws:ResourceTag/stage", ["dev"])])
    assert judge(Condition("StringEquals", "aws:resourcetag/STAGE", ("prod",)), facts) is None
    assert judge(Condition("ForAnyValue:StringEquals", "aws:ResourceTag/Stage", ("prod",)), facts) is True


def test_wildcards_in_the_type_of_a_resource_promise_nothing() -> None:
    for pattern, wanted in (("cert*/1*", None), ("*/1*", None), ("*", "Allow"), ("certificate-authority*", None)):
        arn = CA.partition("certificate")[0] + pattern
        assert effect(document(ALLOW | {"Resource": arn}), request()) == wanted, pattern
        assert effect(document(ALLOW | {"Resource": arn, "Effect": "Deny"}), request()) == "Deny", pattern


def test_pattern_that_is_longer_than_any_match_is_not_compiled() -> None:
    """Compiling a pattern of 20,000 characters takes 0.1 s, and the result a megabyte."""
    known = conditions._compiled.cache_info().currsize
    for number in range(30):
        assert not conditions.is_like("a*" * 9000 + str(number), "a" * 200)
        assert conditions.is_like("*" * 9000 + "?" + "*" * 9000, str(number))
    assert conditions._compiled.cache_info().currsize <= known + 1


def test_brackets_are_no_wildcards() -> None:
    assert not conditions.is_like("[ab]*", "a1")
    assert conditions.is_like("[ab]*", "[ab]1")
    assert conditions.is_like("a?c\n*", "abc\nd")


@pytest.mark.no_cover  # measures CPU time
def test_time_of_a_policy_is_bounded() -> None:
    """As many patterns as a policy may have, as long as the longest resource policy lets them be."""
    values = [f"*a?{number}{'*a' * 35}" for number in range(policy_documents.MAX_VALUES - 2)]
    statement = ALLOW | {"Condition": {"StringLike": {"acm-pca:TemplateArn": values}}}
    statements = policy_documents.parse_identity_policy(document(statement))
    asked = request()._replace(facts=facts_of([("acm-pca:TemplateArn", ["a" * 200])]))
    policy.evaluate(statements, asked)
    began = time.process_time()
    assert policy.evaluate(statements, asked).effect is None
    assert time.process_time() - began < 1


@pytest.mark.no_cover  # measures CPU time
@pytest.mark.parametrize("pattern", ["*a" * 5000, "a*" * 5000 + "b", "?*" * 5000, "*?a" * 3000])
def test_time_of_a_match_is_bounded(pattern: str) -> None:
    began = time.process_time()
    for text in ("a" * 256, "a" * 255 + "c", "b" * 256):
        conditions.is_like(pattern, text)
    assert time.process_time() - began < 2
