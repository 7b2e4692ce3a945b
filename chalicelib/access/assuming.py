"""Assuming a role: who may, for how long, and with which limits.

Source: AWS STS API reference, "AssumeRole"; IAM User Guide, "Cross-account policy evaluation" and "Session policies".
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import errors, logs
from chalicelib.access import (
    authorization,
    conditions,
    policy,
    policy_documents,
    principals,
    role_sessions,
    roles,
    trust,
)
from chalicelib.access.policy_documents import PolicyError
from chalicelib.identities import Role

if TYPE_CHECKING:
    from chalicelib.access.policy import Statement
    from chalicelib.access.role_sessions import Started
    from chalicelib.arn import RoleArn
    from chalicelib.runtime import Caller, Runtime

MAX_POLICY_CHARACTERS, MAX_POLICY_BYTES = 2048, 4096  # all of it travels with each request, in a header


class Wish(NamedTuple):
    """The session that a caller wants.

    Attributes:
        role: the role.
        name: of the session.
        seconds: its length; None: an hour, or as long as the role allows.
        policy: limits it further; empty for none.
        external_id: for conditions of the trust policy; empty for none.
    """

    role: RoleArn
    name: str
    seconds: int | None = None
    policy: str = ""
    external_id: str = ""


def assume_role(rt: Runtime, caller: Caller, wish: Wish) -> Started:
    """Begin a session of a role for a caller with an access key.

    Raises:
        AccessDeniedException: the caller may not; the text does not reveal whether the role exists.
        MalformedPolicyDocument: the session's policy is invalid.
        ValidationException: the role's sessions do not last so long.
    """
    asking = replace(caller, operation=trust.ASSUME, facts=(*caller.facts, *facts_of(wish)))
    arn = str(wish.role)
    if caller.session is not None:
        raise errors.AccessDeniedException(
            f"User: {principals.arn_of(rt, caller.account_id, caller.principal)} is not authorized to perform: "
            f"{trust.ASSUME} on resource: {arn} because a session of a role cannot assume another role"
        )
    role = _role(rt, wish.role) if wish.role.account_id == caller.account_id else None
    identity = principals.statements_of(rt, caller.account_id, caller.principal)
    trusted = _trust_of(role)
    decision = trust.decide(identity, trusted, authorization.request_of(rt, asking, arn, (*identity, *trusted)))
    authorization.note(decision)
    if role is None or not decision.allowed:
        raise errors.AccessDeniedException(authorization.refusal(rt, asking, arn, decision))
    lifetime = lifetime_of(role, wish.seconds)
    key = rt.store.get_access_key(caller.access_key_id)
    if key is None:
        raise errors.UnrecognizedClientException("The access key was deleted.")
    if key.expires_at is not None:  # nobody outlives their access key
        lifetime = min(lifetime, key.expires_at - rt.now())
    check_policy(wish.policy)
    return begin(rt, role, wish, role_sessions.source_of(key), lifetime)


def trusting_role(rt: Runtime, wish: Wish, request: policy.Request) -> Role:
    """Return the role, if it trusts the token that the request is about.

    Raises:
        AccessDeniedException: it does not, or does not exist; the text is AWS's, and does not reveal which.
    """
    role = _role(rt, wish.role)
    effect, statement = policy.evaluate(_trust_of(role), request)
    authorization.note(policy.Decision(allowed=effect == "Allow", side="resource", statement=statement))
    if role is None or effect != "Allow":
        raise errors.AccessDeniedException(f"Not authorized to perform {request.action}")
    return role


def begin(
    rt: Runtime, role: Role, wish: Wish, source: tuple[str, str, str], lifetime: timedelta, *, subject: str = ""
) -> Started:
    """Begin a session that has been allowed, and log it."""
    started = role_sessions.start(rt, role, wish.name, source, lifetime, policy=wish.policy)
    logs.log(
        "role_assumed",
        role=str(wish.role),
        session=wish.name,
        source=list(source[:2]),
        subject=subject,
        access_key_id=started.credential.access_key_id,
        expires_at=started.session.expires_at.isoformat(),
    )
    return started


def check_policy(text: str) -> None:
    """See that a session's policy is valid; raises `MalformedPolicyDocument`."""
    if not text:
        return
    try:
        if len(text) > MAX_POLICY_CHARACTERS or len(text.encode()) > MAX_POLICY_BYTES:
            raise PolicyError(
                f"The policy of a session has at most {MAX_POLICY_CHARACTERS} characters and {MAX_POLICY_BYTES} bytes."
            )
        policy_documents.parse_identity_policy(text)
    except PolicyError as error:
        raise errors.MalformedPolicyDocument(str(error)) from error


def _role(rt: Runtime, arn: RoleArn) -> Role | None:
    role = rt.store.get_entity(Role, arn.account_id, arn.name)
    return role if role and roles.arn_of(rt, role.account_id, role.name) == str(arn) else None


def _trust_of(role: Role | None) -> tuple[Statement, ...]:
    """Return the statements of a role's trust policy; none if it is damaged, so that it lets nobody in."""
    try:
        return () if role is None else trust.parse(role.trust_policy, role.account_id)
    except PolicyError as error:
        logs.log("policy_unreadable", policy="trust", error=str(error))
        return ()


def facts_of(wish: Wish) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    """What trust policies may ask of the session."""
    external_id = (wish.external_id,) if wish.external_id else ()
    return ((conditions.SESSION_NAME, (wish.name,)), (conditions.EXTERNAL_ID, external_id))


def lifetime_of(role: Role, seconds: int | None) -> timedelta:
    """Return how long a session lasts; raises `ValidationException` if the role's do not last so long."""
    if seconds is not None and seconds > role.max_session_seconds:
        raise errors.ValidationException(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    usual = int(roles.USUAL.total_seconds())
    return timedelta(seconds=min(usual, role.max_session_seconds) if seconds is None else seconds)
