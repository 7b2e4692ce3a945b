"""Sharing a CA with other accounts: Put-, Get-, DeletePolicy.

Source: AWS Private CA API, PutPolicy, GetPolicy, DeletePolicy; User Guide, "Resource-based policies".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import principals, resource_policy
from chalicelib.access.policy_documents import PolicyError, check_cost
from chalicelib.ca import find, state
from chalicelib.records import ResourcePolicy
from chalicelib.store import ConflictError, TooManySharesError

if TYPE_CHECKING:
    from chalicelib import shapes
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

MAX_SHARED = 100  # CAs that one account can add to the list of another one, which need not accept them


def put_policy(rt: Runtime, caller: Caller, request: shapes.PutPolicyRequest) -> None:
    """Attach a resource policy to a CA; it replaces the present one.

    Raises:
        InvalidPolicyException: the policy breaks a rule, which the text names.
        LockoutPreventedException: it would deny something to the account that owns the CA.
        ConcurrentModificationException: another change of the policy won.
        InvalidStateException: the CA is DELETED.
    """
    ca = _changeable(rt, caller, request["ResourceArn"])
    try:
        statements = resource_policy.parse(request["Policy"], ca.arn)
        check_cost(statements)
    except PolicyError as error:
        raise errors.InvalidPolicyException(str(error), member=("Policy",)) from error
    owner = arns.parse_ca_arn(ca.arn).account_id
    if resource_policy.locks_out(statements, owner):
        raise errors.LockoutPreventedException(
            f"The policy denies something to account {owner}, which owns the CA.", member=("Policy",)
        )
    shared_with = tuple(account for account in resource_policy.accounts_of(statements) if account != owner)
    policy = ResourcePolicy(
        ca_arn=ca.arn,
        text=request["Policy"],
        shared_with=shared_with,
        shared_with_all=resource_policy.names_anybody(statements),
    )
    try:
        rt.store.put_policy(rt.store.get_policy(ca.arn), policy, most=MAX_SHARED)
    except ConflictError as error:
        raise _busy(ca) from error
    except TooManySharesError as error:
        raise errors.InvalidPolicyException(
            f"The policies of account {owner} name account {error} for {MAX_SHARED} certificate authorities already.",
            member=("Policy",),
        ) from error
    principals.forget(rt, "resource", ca.arn)


def get_policy(rt: Runtime, caller: Caller, request: shapes.GetPolicyRequest) -> shapes.GetPolicyResponse:
    """The resource policy of a CA, as its author gave it.

    Raises:
        ResourceNotFoundException: the CA has none.
        InvalidStateException: the CA is DELETED.
    """
    ca = _changeable(rt, caller, request["ResourceArn"])
    policy = rt.store.get_policy(ca.arn)
    if policy is None:
        raise errors.ResourceNotFoundException(f"Could not find policy for resource {ca.arn}.")
    return {"Policy": policy.text}


def delete_policy(rt: Runtime, caller: Caller, request: shapes.DeletePolicyRequest) -> None:
    """Remove the resource policy of a CA; no error where there is none.

    Raises:
        ConcurrentModificationException: another change of the policy won.
        InvalidStateException: the CA is DELETED.
    """
    ca = _changeable(rt, caller, request["ResourceArn"])
    policy = rt.store.get_policy(ca.arn)
    try:
        if policy is not None:
            rt.store.delete_policy(policy)
    except ConflictError as error:
        raise _busy(ca) from error
    principals.forget(rt, "resource", ca.arn)


def _changeable(rt: Runtime, caller: Caller, arn: str) -> CertificateAuthority:
    ca = find.find(rt, caller, arn)
    state.check_not_deleted(ca, rt.now())
    return ca


def _busy(ca: CertificateAuthority) -> errors.ApiError:
    return errors.ConcurrentModificationException(
        f"Another change of the policy of {ca.arn} is still running; try again.", retry_after_seconds=1
    )
