"""Trust policies: an Allow for an issuer that many share names whose tokens it is for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.access import trust
from chalicelib.access.policy_documents import PolicyError

ACCOUNT = "000000000000"
GITHUB = "token.actions.githubusercontent.com"
SUB = f"{GITHUB}:sub"


def parse(condition: dict[str, Any], *, issuer: str = GITHUB, effect: str = "Allow") -> None:
    statement = {
        "Effect": effect,
        "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    trust.parse(json.dumps({"Version": "2012-10-17", "Statement": statement}), ACCOUNT)


OPEN = [
    {"StringLike": {SUB: "*"}},
    {"StringLike": {SUB: "?*"}},
    {"StringLike": {SUB: "repo:*"}},
    {"StringLike": {SUB: "repo:org*"}},
    {"StringLike": {SUB: "repo:*/signet:*"}},
    {"StringLike": {SUB: "r*"}},
    {"StringLike": {SUB: ["repo:org/*", "*"]}},
    {"StringLike": {SUB: ""}},
    {"StringNotEquals": {SUB: "x"}},
    {"StringNotLike": {SUB: "x"}},
    {"Null": {SUB: "false"}},
    {"StringLikeIfExists": {SUB: "repo:org/*"}},
    {"ForAllValues:StringLike": {SUB: "repo:org/*"}},
    {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}},
    {},
]
CLOSED = [
    {"StringEquals": {SUB: "repo:org/signet:ref:refs/heads/main"}},
    {"StringLike": {SUB: "repo:org/*"}},
    {"StringLike": {SUB: "repo:org/signet:*"}},
    {"StringLike": {SUB: "repository_owner:org:*"}},
    {"StringEquals": {SUB: "job_workflow_ref:org/signet/.github/workflows/x.yml@refs/heads/main"}},
    {"StringEqualsIgnoreCase": {SUB: "repo:Org/signet:environment:prod"}},
    {"StringLike": {SUB.upper(): "repo:org/*"}, "Null": {SUB: "false"}},
]


@pytest.mark.parametrize("condition", OPEN, ids=json.dumps)
def test_allow_for_everybody_s_tokens_is_refused(condition: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match=f"{GITHUB}:sub"):
        parse(condition)
    parse(condition, effect="Deny")


@pytest.mark.parametrize("condition", CLOSED, ids=json.dumps)
def test_allow_for_the_tokens_of_one_owner_is_taken(condition: dict[str, Any]) -> None:
    parse(condition)


def test_issuer_of_one_s_own_needs_a_beginning() -> None:
    for value in ("system:serviceaccount:*", "s*", "x"):
        parse({"StringLike": {"issuer.example:sub": value}}, issuer="issuer.example")
    for value in ("*", "?", "*:signet"):
        with pytest.raises(PolicyError, match="must begin with plain text"):
            parse({"StringLike": {"issuer.example:sub": value}}, issuer="issuer.example")
