"""Roles, their trust policies, and sessions of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.access import access_keys, roles
from tests.support.client import client_for, sts_for

if TYPE_CHECKING:
    from chalicelib.identities import Role
    from chalicelib.runtime import Runtime

OWNER = "000000000000"
ANYTHING = '{"Statement":{"Effect":"Allow","Action":"acm-pca:*","Resource":"*"}}'


def trust(principal: Any, action: Any = "sts:AssumeRole", **more: Any) -> str:
    """A trust policy with one statement."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def user(name: str) -> str:
    return f"arn:aws:iam::{OWNER}:user/{name}"


def make_role(rt: Runtime, name: str = "r", *, trusts: Any = None, policy: str = ANYTHING, **more: Any) -> Role:
    """A role that the account may assume, and that may do anything, unless said otherwise."""
    text = trusts if isinstance(trusts, str) else trust(trusts or {"AWS": OWNER})
    return roles.create(rt, OWNER, name, text, policies=(("p", policy),) if policy else (), **more)


def key_of(rt: Runtime, principal: str, **more: Any) -> dict[str, str]:
    """An access key of a principal, for `client_for` and `sts_for`."""
    made = access_keys.create_access_key(rt, OWNER, principal=principal, **more)
    return {"access_key_id": made.access_key_id, "secret": made.secret}


def assume(sts: Any, role: str = "r", session: str = "s1", **more: Any) -> dict[str, Any]:
    """The answer of AssumeRole."""
    arn = f"arn:aws:iam::{OWNER}:role/{role}"
    answer: dict[str, Any] = sts.assume_role(RoleArn=arn, RoleSessionName=session, **more)
    return answer


def keys_in(answer: dict[str, Any]) -> dict[str, str]:
    """The session's credentials, for `client_for` and `sts_for`."""
    found = answer["Credentials"]
    return {
        "access_key_id": found["AccessKeyId"],
        "secret": found["SecretAccessKey"],
        "token": found["SessionToken"],
    }


def session_client(rt: Runtime, **more: Any) -> Any:
    """A client of the API with a session that the administrator began."""
    return client_for(rt, **keys_in(assume(sts_for(rt), **more)))
