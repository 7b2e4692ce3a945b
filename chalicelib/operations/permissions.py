"""Permissions of AWS services: Create-, List-, DeletePermission. The only one in AWS is for renewals by ACM.

Source: AWS Private CA API, CreatePermission, ListPermissions, DeletePermission; User Guide, "Assign permissions".
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.ca import find, state
from chalicelib.operations import paging
from chalicelib.records import Permission

if TYPE_CHECKING:
    from chalicelib import shapes
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

PRINCIPAL = "acm.amazonaws.com"
ACTIONS = ("IssueCertificate", "GetCertificate", "ListPermissions")
MAX_PERMISSIONS = 20
MAX_PAGE = 100
_INCOMPLETE = f"Permissions must contain all three actions [{', '.join(ACTIONS)}] for ACM to perform renewals."


def create_permission(rt: Runtime, caller: Caller, request: shapes.CreatePermissionRequest) -> None:
    """Let ACM renew certificates that this CA issued.

    Raises:
        ValidationException: an action is missing, or the principal is not ACM.
        PermissionAlreadyExistsException: the principal has it for this source account.
        LimitExceededException: the CA would have more than 20 permissions.
        InvalidStateException: the CA is DELETED.
    """
    if set(request["Actions"]) != set(ACTIONS):
        raise errors.ValidationException(_INCOMPLETE, member=("Actions",))
    if request["Principal"] != PRINCIPAL:
        raise errors.ValidationException(
            f"The principal must be {PRINCIPAL}: no other service can use a permission.", member=("Principal",)
        )
    permission = Permission(
        principal=PRINCIPAL,
        source_account=request.get("SourceAccount", caller.account_id),
        actions=tuple(action for action in ACTIONS if action in request["Actions"]),
        created_at=rt.now(),
    )

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        state.check_not_deleted(ca, rt.now())
        if any(_name(existing) == _name(permission) for existing in ca.permissions):
            raise errors.PermissionAlreadyExistsException(
                f"The permission of {PRINCIPAL} for account {permission.source_account} exists already.",
                member=("SourceAccount",),
            )
        if len(ca.permissions) >= MAX_PERMISSIONS:
            raise errors.LimitExceededException(f"A certificate authority has at most {MAX_PERMISSIONS} permissions.")
        return replace(ca, permissions=(*ca.permissions, permission))

    find.modify(rt, caller, request["CertificateAuthorityArn"], change, busy=errors.ThrottlingException)


def delete_permission(rt: Runtime, caller: Caller, request: shapes.DeletePermissionRequest) -> None:
    """Remove a permission.

    Raises:
        ResourceNotFoundException: there is none for this principal and source account.
        InvalidStateException: the CA is DELETED.
    """
    name = (request["Principal"], request.get("SourceAccount", caller.account_id))

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        state.check_not_deleted(ca, rt.now())
        left = tuple(permission for permission in ca.permissions if _name(permission) != name)
        if len(left) == len(ca.permissions):
            raise errors.ResourceNotFoundException(
                f"Could not find a permission of {name[0]} for account {name[1]} on {ca.arn}.",
                member=("SourceAccount",),
            )
        return replace(ca, permissions=left)

    find.modify(rt, caller, request["CertificateAuthorityArn"], change, busy=errors.ThrottlingException)


def list_permissions(
    rt: Runtime, caller: Caller, request: shapes.ListPermissionsRequest
) -> shapes.ListPermissionsResponse:
    """The permissions of a CA, ordered by principal and source account.

    Raises:
        InvalidStateException: the CA is DELETED.
        InvalidNextTokenException: the token is not from this list.
    """
    arn = request["CertificateAuthorityArn"]
    ca = find.find(rt, caller, arn)
    state.check_not_deleted(ca, rt.now())
    list_name = f"ListPermissions/{arn}"
    try:
        after = paging.decode(rt, caller, list_name, request.get("NextToken")) or ""
    except paging.TokenError as error:
        raise errors.InvalidNextTokenException(str(error), member=("NextToken",)) from error
    rest = [permission for permission in sorted(ca.permissions, key=_name) if "/".join(_name(permission)) > after]
    page = rest[: min(request.get("MaxResults", MAX_PAGE), MAX_PAGE)]
    response: shapes.ListPermissionsResponse = {"Permissions": [_described(ca, permission) for permission in page]}
    if len(page) < len(rest):
        response["NextToken"] = paging.encode(rt, caller, list_name, "/".join(_name(page[-1])))
    return response


def _name(permission: Permission) -> tuple[str, str]:
    return permission.principal, permission.source_account


def _described(ca: CertificateAuthority, permission: Permission) -> shapes.Permission:
    return {
        "CertificateAuthorityArn": ca.arn,
        "CreatedAt": permission.created_at,
        "Principal": permission.principal,
        "SourceAccount": permission.source_account,
        "Actions": list(permission.actions),  # type: ignore[arg-type]  # only these three are accepted
        "Policy": _policy(ca, permission),
    }


def _policy(ca: CertificateAuthority, permission: Permission) -> str:
    """The permission as a policy document. AWS calls the member a policy's name, but never says what it holds."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": permission.principal},
        "Action": [f"acm-pca:{action}" for action in permission.actions],
        "Resource": ca.arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": permission.source_account}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
