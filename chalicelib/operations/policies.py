"""Sharing a CA with other accounts: Put-, Get-, DeletePolicy, and what a policy lets a caller do.

Source: AWS Private CA API, PutPolicy, GetPolicy, DeletePolicy; User Guide, "Resource-based policies".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import resource_policy
from chalicelib.access.resource_policy import PolicyError
from chalicelib.ca import find, state
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.records import ResourcePolicy
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib import shapes
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Caller, Runtime


class Granted(NamedTuple):
    """What the policy of a CA lets an account do.

    Attributes:
        operations: by their names; IssueCertificate with some template at least.
        templates: that it may issue with.
    """

    operations: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()


def put_policy(rt: Runtime, caller: Caller, request: shapes.PutPolicyRequest) -> None:
    """Attach a resource policy to a CA, in the place of the one it has.

    Raises:
        InvalidPolicyException: which rule of a policy is broken.
        LockoutPreventedException: it would deny the CA's own account something.
        ConcurrentModificationException: another change of the policy won.
        InvalidStateException: the CA is DELETED.
    """
    ca = _changeable(rt, caller, request["ResourceArn"])
    try:
        statements = resource_policy.parse(request["Policy"], ca.arn)
    except PolicyError as error:
        raise errors.InvalidPolicyException(str(error), member=("Policy",)) from error
    owner = arns.parse_ca_arn(ca.arn).account_id
    if resource_policy.locks_out(statements, owner):
        raise errors.LockoutPreventedException(
            f"The policy denies something to account {owner}, which owns the CA.", member=("Policy",)
        )
    shared_with = tuple(account for account in resource_policy.accounts_of(statements) if account != owner)
    policy = ResourcePolicy(ca_arn=ca.arn, text=request["Policy"], shared_with=shared_with)
    try:
        rt.store.put_policy(rt.store.get_policy(ca.arn), policy)
    except ConflictError as error:
        raise _busy(ca) from error


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


def _changeable(rt: Runtime, caller: Caller, arn: str) -> CertificateAuthority:
    ca = find.find(rt, caller, arn)
    state.check_not_deleted(ca, rt.now())
    return ca


def _busy(ca: CertificateAuthority) -> errors.ApiError:
    return errors.ConcurrentModificationException(
        f"Another change of the policy of {ca.arn} is still running; try again.", retry_after_seconds=1
    )


# what others may do


def arn_of_shared(rt: Runtime, account_id: str, ca_id: str) -> str | None:
    """The ARN of the CA with this id, if its policy names the account."""
    near = rt.store.list_shared(account_id, limit=16, after=ca_id[:-1])  # ids that differ in the last digit alone
    return next((arn for arn in near if arns.parse_ca_arn(arn).ca_id == ca_id), None)


def granted(rt: Runtime, account_id: str, ca_arn: str) -> Granted:
    """What the policy of a CA of another account lets an account do."""
    policy = rt.store.get_policy(ca_arn)
    if policy is None:
        return Granted()
    statements, partition = resource_policy.parse(policy.text, ca_arn), arns.parse_ca_arn(ca_arn).partition

    def allows(operation: str, template: str = "") -> bool:
        template_arn = str(arns.TemplateArn(partition, template)) if template else ""
        context = {resource_policy.PRINCIPAL_ACCOUNT: account_id, resource_policy.TEMPLATE_ARN: template_arn}
        return resource_policy.allows(statements, operation, context)

    templates = frozenset(name for name in TEMPLATES if allows("IssueCertificate", name))
    others = resource_policy.GRANTABLE - {"IssueCertificate"}
    operations = {name for name in others if allows(name)} | ({"IssueCertificate"} if templates else set())
    return Granted(frozenset(operations), templates)
