"""Roles: policies that principals and holders of OIDC tokens assume for a while.

Source: IAM User Guide, "IAM roles"; AWS STS API reference, "AssumeRole".
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.access import principals, trust
from chalicelib.access.principals import PrincipalError
from chalicelib.audit import notes, parameters
from chalicelib.identities import Role
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.access.policy import Statement
    from chalicelib.access.principals import Policies
    from chalicelib.runtime import Runtime

SHORTEST, LONGEST, USUAL = timedelta(minutes=10), timedelta(hours=12), timedelta(hours=1)


def arn_of(rt: Runtime, account_id: str, name: str) -> str:
    """Return the ARN of a role."""
    return str(arns.RoleArn(rt.identity_partition, account_id, name))


def new_id(prefix: str) -> str:
    """Return a random id like those of IAM."""
    return prefix + base64.b32encode(secrets.token_bytes(10)).decode()


def create(
    rt: Runtime,
    account_id: str,
    name: str,
    trust_policy: str,
    *,
    policies: Policies = (),
    max_session: timedelta = USUAL,
    description: str = "",
) -> Role:
    """Create a role with these policies (name, text); without any, its sessions may do nothing.

    Raises:
        PrincipalError: the name is taken or invalid, or the sessions are too short or too long.
        PolicyError: a policy is invalid.
    """
    principals.check_name(name, "role")
    principals.check_policies(policies)
    trust.parse(trust_policy, account_id)
    if not SHORTEST <= max_session <= LONGEST:
        raise PrincipalError("The sessions of a role may last from 10 minutes to 12 hours.")
    role = Role(
        account_id=account_id,
        name=name,
        role_id=new_id("AROA"),
        created_at=rt.now(),
        trust_policy=trust_policy,
        description=description,
        policies=policies,
        max_session_seconds=int(max_session.total_seconds()),
    )
    try:
        rt.store.put_entity(role)
    except ConflictError as error:
        raise PrincipalError(f"There is a role {name} already.") from error
    _forget(rt, role)
    return role


def find(rt: Runtime, account_id: str, name: str) -> Role:
    """Return a role; raises `PrincipalError` if there is none of this name."""
    found = rt.store.get_entity(Role, account_id, name)
    if found is None:
        raise PrincipalError(f"There is no role {name[:64]}.")
    return found


def list_all(rt: Runtime, account_id: str) -> list[Role]:
    """List the roles of an account by name."""
    return rt.store.list_entities(Role, account_id)


def delete(rt: Runtime, account_id: str, name: str) -> None:
    """Remove a role and end its sessions; raises `PrincipalError` if there is none of this name."""
    role = find(rt, account_id, name)
    rt.store.delete_entity(role)
    _forget(rt, role)


def put_trust(rt: Runtime, account_id: str, name: str, text: str) -> tuple[Statement, ...]:
    """Replace the trust policy of a role, and return the statements of the new one.

    Raises:
        PrincipalError: there is no such role.
        PolicyError: the policy is invalid.
    """
    notes.note(trustPolicySha256=parameters.sha256(text))
    statements = trust.parse(text, account_id)
    _change(rt, account_id, name, lambda role: replace(role, trust_policy=text))
    return statements


def put_policy(rt: Runtime, account_id: str, name: str, policy_name: str, text: str) -> tuple[Statement, ...]:
    """Give a role a policy, in the place of its policy of the same name, and return the policy's statements.

    Raises:
        PrincipalError: there is no such role.
        PolicyError: the policy is invalid.
    """
    statements = principals.check_policies(((policy_name, text),))
    _change(
        rt,
        account_id,
        name,
        lambda role: replace(role, policies=principals.with_policy(role.policies, policy_name, text)),
    )
    return statements


def delete_policy(rt: Runtime, account_id: str, name: str, policy_name: str) -> None:
    """Take a policy from a role; raises `PrincipalError` if it has none of this name."""
    _change(
        rt, account_id, name, lambda role: replace(role, policies=principals.without_policy(role.policies, policy_name))
    )


def _change(rt: Runtime, account_id: str, name: str, change: Callable[[Role], Role]) -> None:
    principals.persist(lambda: find(rt, account_id, name), change, rt.store.update_entity)
    principals.forget(rt, Role.__name__, account_id, name)


def _forget(rt: Runtime, role: Role) -> None:
    principals.forget(rt, Role.__name__, role.account_id, role.name)
