"""Authorization: what a caller may do, by identity policies and resource policies, and the refusal that says why not.

A process acts by policies that it has read in the last `principals.KNOWN_FOR`; by the policy of another account's CA as
it is now.

Source: IAM User Guide, "Policy evaluation logic" and "Troubleshoot access denied error messages".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import conditions, policy, principals, resource_policy
from chalicelib.audit import notes
from chalicelib.identities import SIGNET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.access.conditions import Facts
    from chalicelib.access.policy import Decision, Statement
    from chalicelib.runtime import Caller, Runtime

NO_RESOURCE = "*"  # of operations that are about no CA
READING = "DescribeCertificateAuthority"  # what reading a CA needs where it is part of no operation


def check(rt: Runtime, caller: Caller, resource: str, template_arn: str = "") -> None:
    """See that a caller may do its operation.

    Args:
        rt: the runtime.
        caller: with the operation.
        resource: the ARN of a CA, whether there is one or not, or `NO_RESOURCE`.
        template_arn: of the certificate that is to be issued.

    Raises:
        AccessDeniedException: the text tells a caller everything about its own account, and of a CA of another account
            the same whether it exists or not.
    """
    decision = decide(rt, caller, resource, template_arn)
    note(decision, is_own=policy.is_of_account(resource, caller.account_id))
    if template_arn:
        notes.note(templateArn=template_arn)
    if not decision.allowed:
        raise errors.AccessDeniedException(refusal(rt, caller, resource, decision, template_arn))


def decide(
    rt: Runtime,
    caller: Caller,
    resource: str,
    template_arn: str = "",
    *,
    granted: Sequence[Statement] | None = None,
    identity: Sequence[Statement] | None = None,
) -> Decision:
    """Decide whether a caller may do its operation.

    Args: as for `check`, and
        granted: the statements of the CA's policy, where they have been read.
        identity: the statements to judge by, instead of those of the caller's principal.
    """
    if caller.principal == SIGNET:
        return policy.Decision(allowed=True, side="identity", statement=None)
    identity = principals.statements_of(rt, caller.account_id, caller.principal) if identity is None else identity
    granted = _granted(rt, caller, resource) if granted is None else granted
    limits = session_limits(caller)
    request = request_of(rt, caller, resource, (*identity, *granted, *limits), template_arn)
    if limits and (limit := policy.evaluate(limits, request)).effect != "Allow":
        return policy.Decision(allowed=False, side="session", statement=limit.statement)
    if not request.is_inside_account and policy.evaluate(identity, request).effect is None:
        return policy.Decision(allowed=False, side="identity", statement=None)  # whatever the other account says
    return policy.decide(identity, granted, request)


def is_shared(rt: Runtime, caller: Caller, ca_arn: str) -> bool:
    """Tell whether the policy of a CA of another account lets the caller do its operation."""
    granted = _granted(rt, caller, ca_arn)
    return policy.evaluate(granted, request_of(rt, caller, ca_arn, granted)).effect == "Allow"


def _action(caller: Caller) -> str:
    """The action that policies name: an operation of another service says which."""
    name = caller.operation or READING
    return name if ":" in name else f"{resource_policy.SERVICE}{name}"


def _granted(rt: Runtime, caller: Caller, resource: str) -> Sequence[Statement]:
    """The statements of a CA's policy, if it can be about this operation at all."""
    if _action(caller).removeprefix(resource_policy.SERVICE) not in resource_policy.GRANTABLE:
        return ()
    try:
        account_id = arns.parse_ca_arn(resource).account_id
    except arns.ArnError:
        return ()
    if account_id == caller.account_id:
        return principals.remembered(rt, ("resource", resource), lambda: statements_of(rt, resource))
    # Only policies that may let the caller in are read: reading takes longer than finding no CA.
    return statements_of(rt, resource) if rt.store.is_shared(resource, caller.account_id) else ()


def statements_of(rt: Runtime, ca_arn: str) -> tuple[Statement, ...]:
    """Read the statements of a CA's policy as it is now; none where it has no policy."""
    found = rt.store.get_policy(ca_arn)
    return () if found is None else resource_policy.parse(found.text, ca_arn)


# the request


def session_limits(caller: Caller) -> tuple[Statement, ...]:
    """The statements of the policy that limits a caller's session; none if nothing does.

    It limits everything, also what a resource policy allows the session by its own ARN: stricter than IAM.
    """
    if caller.session is None or not caller.session.policy:
        return ()
    return principals.statements_in((("session", caller.session.policy),))


def request_of(
    rt: Runtime, caller: Caller, resource: str, statements: Sequence[Statement], template_arn: str = ""
) -> policy.Request:
    """Build the request that the statements are to decide, with its facts if any of them has a condition."""
    arn = principals.arn_of(rt, caller.account_id, caller.principal)
    principal_arn = principals.identity_arn_of(rt, caller.account_id, caller.principal)
    is_asked = any(statement.conditions for statement in statements)
    facts = _facts_of(rt, caller, resource, statements, template_arn, principal_arn) if is_asked else {}
    return policy.Request(_action(caller), resource, caller.account_id, frozenset({arn, principal_arn}), facts)


def _facts_of(  # noqa: PLR0917  what a request is made of
    rt: Runtime,
    caller: Caller,
    resource: str,
    statements: Sequence[Statement],
    template_arn: str,
    principal_arn: str,
) -> Facts:
    return conditions.facts_of(
        [
            (conditions.PRINCIPAL_ARN, (principal_arn,)),
            (conditions.TOKEN_ISSUE_TIME, _issued_at(caller)),
            (conditions.PRINCIPAL_ACCOUNT, (caller.account_id,)),
            (conditions.REQUESTED_REGION, (rt.settings.region,)),
            *conditions.time_facts(rt.now()),
            (conditions.TEMPLATE_ARN, (template_arn,) if template_arn else ()),
            *caller.facts,
            *_tags(rt, caller, resource, statements),
        ]
    )


def _issued_at(caller: Caller) -> tuple[str, ...] | None:
    """When the caller's session began; of sessions of IAM's roles nobody here knows."""
    if caller.session is None:
        return None if caller.principal.startswith(principals.ASSUMED_ROLE) else ()
    return (conditions.time_text(caller.session.issued_at),)


def _tags(
    rt: Runtime, caller: Caller, resource: str, statements: Sequence[Statement]
) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """Yield the tags of the CA, if a policy asks for them; those of another account's CA are nobody's business."""
    prefix = conditions.RESOURCE_TAG.lower()
    asked = {each.key.lower() for statement in statements for each in statement.conditions}
    wanted = {key for key in asked if key.startswith(prefix)}
    if not wanted or resource == NO_RESOURCE:
        return
    try:
        if arns.parse_ca_arn(resource).account_id != caller.account_id:
            yield from ((key, None) for key in wanted)
            return
    except arns.ArnError:
        return
    ca = rt.store.get_certificate_authority(resource)
    for key, value in ca.tags if ca else ():
        if f"{prefix}{key.lower()}" in wanted:
            yield f"{prefix}{key}", (value or "",)


# the record and the refusal


def note(decision: Decision, *, is_own: bool = True) -> None:
    """Note a decision for the audit record; statements of another account's policy are that account's business."""
    statement = decision.statement if decision.side != "resource" or is_own else None
    notes.note(
        decision={
            "effect": "Allow" if decision.allowed else "Deny" if decision.statement else None,
            "policies": decision.side,
            "statement": statement.label if statement else None,
        }
    )


def refusal(rt: Runtime, caller: Caller, resource: str, decision: Decision, template_arn: str = "") -> str:
    """AWS's sentence; for the caller's own side with the statement that denied, or the permission that is missing."""
    arn, action = principals.arn_of(rt, caller.account_id, caller.principal), _action(caller)
    begins = f"User: {arn} is not authorized to perform: {action} on resource: {resource}"
    template = f" with the template {template_arn}" if template_arn else ""
    if decision.statement is None or (
        decision.side == "resource" and not policy.is_of_account(resource, caller.account_id)
    ):
        return f"{begins} because no {_KINDS[decision.side][1]} policy allows the {action} action{template}"
    which = " ".join(_KINDS[decision.side])
    return f"{begins}{template} with an explicit deny in {which} policy: {decision.statement.label}"


_KINDS = {"identity": ("an", "identity-based"), "resource": ("a", "resource-based"), "session": ("a", "session")}
