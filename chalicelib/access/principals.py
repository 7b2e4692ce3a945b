"""Principals: who holds access keys, and the identity policies that say what they may do.

Every account has an administrator, who may do everything and is on no record. A process knows other principals'
policies for `KNOWN_FOR`; then it reads them again.

Source: IAM User Guide, "IAM identifiers", "IAM and AWS STS quotas".
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.access import policy_documents
from chalicelib.access.policy_documents import PolicyError
from chalicelib.audit import notes, parameters
from chalicelib.identities import ADMINISTRATOR, Principal, Role
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.access.policy import Statement
    from chalicelib.runtime import Runtime
    from chalicelib.store.access_records import E

T = TypeVar("T")
Policies = tuple[tuple[str, str], ...]  # names and texts
ASSUMED_ROLE = "assumed-role/"
KNOWN_FOR = timedelta(seconds=5)
MAX_CHARACTERS = 10_240
_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}", re.ASCII)
_MOST_KNOWN = 1000
_ATTEMPTS = 8
_ADMINISTRATOR_POLICY = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow",'
    '"Action":["acm-pca:*","acm:*","iam:PassRole","sts:AssumeRole"],"Resource":"*"}}'
)
_DENY_ALL = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}'


class PrincipalError(ValueError):
    """What is asked for cannot be done; the text says why."""


def arn_of(rt: Runtime, account_id: str, name: str) -> str:
    """The ARN of a principal, or of a session of a role, whose name is "assumed-role/ROLE/SESSION"."""
    partition = rt.identity_partition
    if name.startswith(ASSUMED_ROLE):
        return f"arn:{partition}:sts::{account_id}:{name}"
    return f"arn:{partition}:iam::{account_id}:user/{name}"


def identity_arn_of(rt: Runtime, account_id: str, name: str) -> str:
    """The ARN of a principal, or of the role of a session: what `aws:PrincipalArn` is."""
    if name.startswith(ASSUMED_ROLE):
        return str(arns.RoleArn(rt.identity_partition, account_id, name.split("/")[1]))
    return arn_of(rt, account_id, name)


# changing


def create(rt: Runtime, account_id: str, name: str, *, policies: Policies = (), description: str = "") -> Principal:
    """Make a principal with these policies (name, text); without one it may do nothing.

    Raises:
        PrincipalError: the name is taken, or not one that a principal may have.
        PolicyError: a policy is invalid.
    """
    check_name(name, "principal")
    if name == ADMINISTRATOR:
        raise PrincipalError("Every account has its administrator already.")
    check_policies(policies)
    principal = Principal(
        account_id=account_id, name=name, created_at=rt.now(), description=description, policies=policies
    )
    if rt.store.get_principal(account_id, name) is None:
        rt.store.delete_principal(account_id, name)  # access keys that a deletion which died may have left
    try:
        rt.store.put_principal(principal)
    except ConflictError as error:
        raise PrincipalError(f"There is a principal {name} already.") from error
    forget(rt, "principal", account_id, name)
    return principal


def find(rt: Runtime, account_id: str, name: str) -> Principal:
    """Return a principal; the administrator with the policy that it acts by.

    Raises:
        PrincipalError: there is none of this name.
    """
    if name == ADMINISTRATOR:
        return Principal(
            account_id=account_id,
            name=name,
            created_at=rt.now(),
            description="of every account",
            policies=((ADMINISTRATOR, _ADMINISTRATOR_POLICY),),
        )
    found = rt.store.get_principal(account_id, name)
    if found is None:
        raise PrincipalError(f"There is no principal {name[:64]}.")
    return found


def delete(rt: Runtime, account_id: str, name: str) -> None:
    """Remove a principal and its access keys; raises `PrincipalError` if there is none of this name."""
    _stored(rt, account_id, name)
    rt.store.delete_principal(account_id, name)
    for draft in rt.store.list_drafts(account_id, name):  # a later principal of this name must not see them
        rt.store.delete_draft(draft)
    forget(rt, "principal", account_id, name)


def put_policy(
    rt: Runtime,
    account_id: str,
    name: str,
    policy_name: str,
    text: str,
    *,
    agree: Callable[[str | None], object] = lambda _: None,
) -> tuple[Statement, ...]:
    """Give a principal a policy, in the place of its policy of the same name, and return the policy's statements.

    Args:
        rt: the runtime.
        account_id: of the principal.
        name: of the principal.
        policy_name: of the policy.
        text: of the policy.
        agree: gets the text of the policy of that name, or None; raises to leave it as it is; may run several times.

    Raises:
        PrincipalError: there is no such principal.
        PolicyError: the policy is invalid.
    """
    statements = check_policies(((policy_name, text),))

    def change(policies: Policies) -> Policies:
        agree(dict(policies).get(policy_name))
        return with_policy(policies, policy_name, text)

    _change(rt, account_id, name, change)
    return statements


def delete_policy(rt: Runtime, account_id: str, name: str, policy_name: str) -> None:
    """Take a policy from a principal; raises `PrincipalError` if it has none of this name."""
    _change(rt, account_id, name, lambda policies: without_policy(policies, policy_name))


def _change(rt: Runtime, account_id: str, name: str, change: Callable[[Policies], Policies]) -> None:
    def changed(principal: Principal) -> Principal:
        return replace(principal, policies=change(principal.policies))

    persist(lambda: _stored(rt, account_id, name), changed, rt.store.update_principal)
    forget(rt, "principal", account_id, name)


def with_policy(policies: Policies, name: str, text: str) -> Policies:
    """Add a policy, in the place of the one of its name; raises `PolicyError` if they are too long together."""
    changed = tuple((dict(policies) | {name: text}).items())
    _check_size(changed)
    return changed


def without_policy(policies: Policies, name: str) -> Policies:
    """Take a policy away; raises `PrincipalError` if there is none of this name."""
    if name not in dict(policies):
        raise PrincipalError(f"There is no policy {name[:128]}.")
    return tuple((other, text) for other, text in policies if other != name)


def persist(read: Callable[[], T], change: Callable[[T], T], write: Callable[[T, T], object]) -> None:
    """Change a record of the store, again where somebody else has changed it meanwhile.

    Raises:
        PrincipalError: others keep changing it.
    """
    for _ in range(_ATTEMPTS):
        old = read()
        try:
            write(old, change(old))
        except ConflictError:
            continue
        return
    raise PrincipalError("Others keep changing it; try again.")


def _stored(rt: Runtime, account_id: str, name: str) -> Principal:
    if name == ADMINISTRATOR:
        raise PrincipalError("The administrator cannot be changed.")
    return find(rt, account_id, name)


def check_name(name: str, kind: str) -> None:
    """See that something may have this name; raises `PrincipalError`."""
    if _NAME.fullmatch(name) is None:
        raise PrincipalError(f"The name of a {kind} must be 1 to 64 letters, digits or any of + = , . @ _ -")


def check_policies(policies: Policies) -> tuple[Statement, ...]:
    """Read the statements of policies that somebody may have together.

    Raises:
        PrincipalError: a name is not one that a policy may have.
        PolicyError: a policy is invalid, or they are too long together.
    """
    for name, _ in policies:
        check_name(name, "policy")
    notes.note(policies={name: parameters.sha256(text) for name, text in policies})
    _check_size(policies)
    return tuple(each for _, text in policies for each in policy_documents.parse_identity_policy(text))


def _check_size(policies: Policies) -> None:
    """Hold policies within what IAM allows a role's inline policies together."""
    if sum(len(text) for _, text in policies) > MAX_CHARACTERS:
        raise PolicyError(f"The policies have at most {MAX_CHARACTERS} characters together.")


# what a principal may do


def statements_of(rt: Runtime, account_id: str, name: str) -> tuple[Statement, ...]:
    """The statements of a principal's policies, or of those of a session's role; none if there is no such principal."""
    if name == ADMINISTRATOR:
        return statements_in(((ADMINISTRATOR, _ADMINISTRATOR_POLICY),))
    found: Principal | Role | None
    if name.startswith(ASSUMED_ROLE):
        found = known_entity(rt, Role, account_id, name.split("/")[1])
    else:
        found = known_principal(rt, account_id, name)
    return statements_in(found.policies) if found else ()


def known_principal(rt: Runtime, account_id: str, name: str) -> Principal | None:
    """Return a principal as this process knows it; None also for the administrator, whom no record holds."""
    return remembered(rt, ("principal", account_id, name), lambda: rt.store.get_principal(account_id, name))


def known_entity(rt: Runtime, kind: type[E], account_id: str, name: str) -> E | None:
    """Return a role or an OIDC provider as this process knows it, or None."""
    return remembered(rt, (kind.__name__, account_id, name), lambda: rt.store.get_entity(kind, account_id, name))


def remembered(rt: Runtime, key: tuple[str, ...], read: Callable[[], T]) -> T:
    """Return what `read` returned within the last `KNOWN_FOR`, or returns now."""
    now, known = rt.now(), rt.known.get(key)
    if known is None or not now - KNOWN_FOR < known[1] <= now:
        if len(rt.known) >= _MOST_KNOWN:
            rt.known.clear()
        known = rt.known[key] = (read(), now)
    found: T = known[0]
    return found


def forget(rt: Runtime, *key: str) -> None:
    """Let this process read something anew."""
    rt.known.pop(key, None)


@lru_cache(maxsize=512)
def statements_in(policies: Policies) -> tuple[Statement, ...]:
    """Read policies; one that is damaged denies everything."""
    found: list[Statement] = []
    for name, text in policies:
        try:
            statements = policy_documents.parse_identity_policy(text)
        except PolicyError as error:
            logs.log("policy_unreadable", policy=name, error=str(error))
            statements = policy_documents.parse_identity_policy(_DENY_ALL)
        found += (replace(each, label=f"{each.label} of policy '{name}'") for each in statements)
    return tuple(found)
