"""Who may assume a role, against a naive reading of IAM's rules; and what anybody may send to AWS STS.

pytestmark = pytest.mark.wide

Source: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic" (the account's own part).
"""

from __future__ import annotations

import json
import random
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.access import policy, policy_documents, trust, web_identity
from chalicelib.access.conditions import facts_of
from chalicelib.errors import ApiError
from tests.support.client import send

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

OWN = "000000000000"
ROLES = [f"arn:aws:iam::{OWN}:role/{name}" for name in ("r", "q")]
USERS = [f"arn:aws:iam::{OWN}:user/{name}" for name in ("a", "b")]
SESSION = "sts:RoleSessionName"
SLOW_AND_SHARED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
CASES = 3000


def one(source: random.Random, *choices: Any) -> Any:
    return source.choice(choices)


def condition(source: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = one(
        source,
        {},
        {},
        {"Condition": {"StringEquals": {SESSION: one(source, "x", "y")}}},
        {"Condition": {"StringNotEquals": {SESSION: one(source, "x", "y")}}},
        {"Condition": {"StringLike": {"aws:Unknown": "*"}}},
    )
    return found


def trust_statement(source: random.Random) -> dict[str, Any]:
    effect = one(source, "Allow", "Allow", "Allow", "Deny")
    names = [OWN, f"arn:aws:iam::{OWN}:root", *USERS]
    principal = (
        "*" if effect == "Deny" and source.random() < 0.4 else {"AWS": source.sample(names, source.randint(1, 2))}
    )
    action = one(source, "sts:AssumeRole", "sts:*", "sts:AssumeRoleWithWebIdentity", ["sts:TagSession", "sts:Assume*"])
    return {"Effect": effect, "Principal": principal, "Action": action} | condition(source)


def identity_statement(source: random.Random) -> dict[str, Any]:
    return {
        "Effect": one(source, "Allow", "Allow", "Deny"),
        "Action": one(source, "sts:AssumeRole", "sts:*", "*", "acm-pca:*"),
        "Resource": one(source, "*", *ROLES, f"arn:aws:iam::{OWN}:role/*"),
    } | condition(source)


def holds(statement: dict[str, Any], session: str) -> bool | None:
    for operator, block in statement.get("Condition", {}).items():
        for key, value in block.items():
            if key != SESSION:
                return None
            return bool(value == session) is (operator == "StringEquals")
    return True


def names_action(statement: dict[str, Any]) -> bool:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    return bool({"*", "sts:*", "sts:AssumeRole", "sts:Assume*"} & set(actions))


def naive(identity: list[Any], trusted: list[Any], user: str, role: str, session: str) -> bool:
    """Deny wins; then who is named suffices; whose account is named needs a policy of its own."""

    def fitting(statements: list[Any], effect: str, about: Any) -> list[Any]:
        judged = [
            (each, holds(each, session)) for each in statements if each["Effect"] == effect and names_action(each)
        ]
        return [each for each, held in judged if about(each) and (held is True or (effect == "Deny" and held is None))]

    def resource(each: dict[str, Any]) -> bool:
        return each["Resource"] in {"*", role, f"arn:aws:iam::{OWN}:role/*"}

    def principals(each: dict[str, Any]) -> set[str]:
        return {"*"} if each["Principal"] == "*" else set(each["Principal"]["AWS"])

    if fitting(identity, "Deny", resource) or fitting(trusted, "Deny", lambda _: True):  # any Deny is the account's
        return False
    if fitting(trusted, "Allow", lambda each: user in principals(each)):
        return True
    account = {OWN, f"arn:aws:iam::{OWN}:root"}
    delegated = fitting(trusted, "Allow", lambda each: principals(each) & account)
    return bool(delegated and fitting(identity, "Allow", resource))


def test_decisions_are_those_of_a_naive_reading() -> None:
    source, allowed = random.Random(20), 0
    for number in range(CASES):
        trusted = [trust_statement(source) for _ in range(source.randint(1, 3))]
        identity = [identity_statement(source) for _ in range(source.randint(0, 2))]
        user, role, session = one(source, *USERS), one(source, *ROLES), one(source, "x", "z")
        facts = facts_of([(SESSION, (session,))])
        request = policy.Request(trust.ASSUME, role, OWN, frozenset({user}), facts)
        own = policy_documents.parse_identity_policy(json.dumps({"Statement": identity})) if identity else ()
        found = trust.decide(own, trust.parse(json.dumps({"Statement": trusted}), OWN), request).allowed
        assert found is naive(identity, trusted, user, role, session), (number, trusted, identity, user, role, session)
        allowed += found
    assert CASES // 10 < allowed < CASES * 9 // 10


FORM = [("host", "127.0.0.1:8000"), ("content-type", "application/x-www-form-urlencoded")]
NAMES = st.sampled_from(
    ["Action", "Version", "RoleArn", "RoleSessionName", "WebIdentityToken", "DurationSeconds", "Policy", "Tags"]
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "AssumeRoleWithWebIdentity",
            "AssumeRole",
            "GetCallerIdentity",
            "2011-06-15",
            ROLES[0],
            "900",
            "a.b.c",
            "e30.e30.e30",
        ]
    ),
)
CALL = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": ROLES[0], "RoleSessionName": "s1"}


@pytest.fixture(autouse=True)
def _home(rt: Runtime, acm_pca: Any) -> None:
    """The app answers from a home."""


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW_AND_SHARED)
@given(st.one_of(st.binary(max_size=300), st.dictionaries(NAMES, VALUES).map(lambda form: urlencode(form).encode())))
@example(urlencode(CALL | {"WebIdentityToken": "a.b.c"}).encode())
def test_form_of_anybody_is_refused_by_name(body: bytes) -> None:
    status, headers, _ = send("POST", "http://127.0.0.1:8000/", FORM, body)
    assert 400 <= status < 500
    assert headers["x-amzn-ErrorType"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf"]), JSON)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit"]), st.sampled_from(["RS256", "none", "x"]) | JSON
)


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


@settings(max_examples=500, deadline=None, suppress_health_check=SLOW_AND_SHARED)
@given(HEADERS | st.binary(max_size=50), CLAIMS | JSON | st.binary(max_size=50))
@example({"alg": "RS256"}, {"iss": "i", "sub": "s", "aud": ["a"], "iat": 1, "exp": 2.5})
def test_token_of_anybody_is_read_or_refused(header: Any, claims: Any) -> None:
    try:
        alg, _, read = web_identity.read(f"{encoded(header)}.{encoded(claims)}.AAAA")
    except ApiError as error:
        assert error.code == "InvalidIdentityToken"  # noqa: PT017  most are refused, some are read
        return
    assert alg == "RS256"
    assert all(isinstance(text, str) for text in (read.issuer, read.subject, *read.audiences))
