"""External account bindings: Create-, Delete-, Describe-, List- and RevokeAcmeExternalAccountBinding, and credentials.

A role stands for what their accounts may do: its policies decide when a certificate is issued, as those of a session of
it. Whoever names it must be allowed to pass it, as in AWS.

Source: AWS Certificate Manager API; IAM User Guide, "Grant a user permissions to pass a role to an AWS service".
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import authorization, principals, roles
from chalicelib.acme import bindings
from chalicelib.acme.management import lookup, repetition, tags
from chalicelib.acme_records import AcmeBinding

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.acme.management import shapes
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Caller, Runtime

MOST = 1000  # of an endpoint
LONGEST = timedelta(days=3650)
_UNITS = {"MINUTES": timedelta(minutes=1), "HOURS": timedelta(hours=1), "DAYS": timedelta(days=1)}
_SESSION = "acme"  # the name of the role's session that accounts act as
_LIST = "ListAcmeExternalAccountBindings"


def create_acme_external_account_binding(
    rt: Runtime, caller: Caller, request: shapes.CreateAcmeExternalAccountBindingRequest
) -> shapes.CreateAcmeExternalAccountBindingResponse:
    """Make a binding whose accounts may have what the endpoint's domains grant and the role's policies allow.

    Raises:
        AccessDeniedException: the caller may not do this, or not pass the role.
        ConflictException: the token is another request's.
        ServiceQuotaExceededException: the endpoint has as many as it may.
        ValidationException: the account has no such role, or the time is too long.
    """
    directory = lookup.directory_of(rt, caller, request["AcmeEndpointArn"])
    plain, _ = tags.read(request.get("Tags", ()))
    role = _role(rt, caller, request["RoleArn"])
    mark, now = repetition.mark_of(rt, caller, request), rt.now()
    expires_at = _expires_at(now, request.get("Expiration"))
    with repetition.turn(rt, mark):
        present = bindings.of_directory(rt, directory)
        made = repetition.earlier(rt, mark, request.get("IdempotencyToken"), present)
        if made is None:
            if len(present) >= MOST:
                raise errors.ServiceQuotaExceededException(
                    f"The endpoint has {MOST} external account bindings already."
                )
            wanted = AcmeBinding(
                account_id=caller.account_id,
                name="",
                directory=directory.name,
                directory_id=directory.directory_id,
                principal=f"{principals.ASSUMED_ROLE}{role}/{_SESSION}",
                names=(),
                created_at=now,
                changed_at=now,
                preauthorized=True,
                most_accounts=0,
                expires_at=expires_at,
                role_arn=request["RoleArn"],
                tags=plain,
                request=mark,
            )
            with lookup.refusing():
                made = bindings.create(rt, directory, wanted).binding
    return {"ExternalAccountBinding": _shown(directory, made)}


def _role(rt: Runtime, caller: Caller, arn: str) -> str:
    """Return the name of a role of the account that the caller may pass."""
    try:
        role = arns.parse_role_arn(arn)
    except arns.ArnError as error:
        raise errors.ValidationException(f"{error}.", member=("RoleArn",)) from error
    if str(role) != roles.arn_of(rt, caller.account_id, role.name):
        raise errors.ValidationException(f"The role {arn} is of another account.", member=("RoleArn",))
    authorization.check(rt, replace(caller, operation="iam:PassRole"), arn)
    try:
        return roles.find(rt, caller.account_id, role.name).name
    except principals.PrincipalError as error:
        raise errors.ValidationException(f"The role {arn} does not exist.", member=("RoleArn",)) from error


def _expires_at(now: datetime, given: shapes.Expiration | None) -> datetime | None:
    if given is None:
        return None
    unit = _UNITS[given["Type"]]
    if given["Value"] > LONGEST // unit:
        raise errors.ValidationException(
            f"A binding must expire within {LONGEST.days} days, or never.", member=("Expiration", "Value")
        )
    return now + given["Value"] * unit


def delete_acme_external_account_binding(
    rt: Runtime, caller: Caller, request: shapes.DeleteAcmeExternalAccountBindingRequest
) -> None:
    """Delete a binding; its accounts can order nothing more. No error where there is none."""
    found = lookup.find_if_any(rt, caller, request["AcmeExternalAccountBindingArn"])
    if found is not None and found.binding is not None:
        with lookup.refusing():
            bindings.delete(rt, found.directory, found.binding.name)


def describe_acme_external_account_binding(
    rt: Runtime, caller: Caller, request: shapes.DescribeAcmeExternalAccountBindingRequest
) -> shapes.DescribeAcmeExternalAccountBindingResponse:
    """Describe a binding."""
    return {"ExternalAccountBinding": _shown(*lookup.binding_of(rt, caller, request["AcmeExternalAccountBindingArn"]))}


def get_acme_external_account_binding_credentials(
    rt: Runtime, caller: Caller, request: shapes.GetAcmeExternalAccountBindingCredentialsRequest
) -> shapes.GetAcmeExternalAccountBindingCredentialsResponse:
    """Return the key identifier and the MAC key of a binding that this API made; others were shown theirs once.

    Raises:
        ResourceNotFoundException: the binding was made otherwise, or is no longer usable.
    """
    _, binding = lookup.binding_of(rt, caller, request["AcmeExternalAccountBindingArn"])
    key = bindings.mac_key(rt, binding) if binding.role_arn and bindings.is_usable(rt, binding) else None
    if key is None:
        text = f"There are no credentials for {request['AcmeExternalAccountBindingArn']}."
        raise errors.ResourceNotFoundException(text)
    return {"KeyId": binding.name, "MacKey": urlsafe_b64encode(key).rstrip(b"=").decode()}


def list_acme_external_account_bindings(
    rt: Runtime, caller: Caller, request: shapes.ListAcmeExternalAccountBindingsRequest
) -> shapes.ListAcmeExternalAccountBindingsResponse:
    """List the bindings of an endpoint, whoever made them.

    Raises:
        ValidationException: the NextToken is not from this list.
    """
    directory = lookup.directory_of(rt, caller, request["AcmeEndpointArn"])
    every, name = bindings.of_directory(rt, directory), f"{_LIST}/{directory.directory_id}"
    page, following = lookup.page(rt, caller, name, request, every, lambda each: each.name)
    shown = [_shown(directory, each) for each in page]
    return {"ExternalAccountBindings": shown, **following}  # type: ignore[typeddict-item]


def revoke_acme_external_account_binding(
    rt: Runtime, caller: Caller, request: shapes.RevokeAcmeExternalAccountBindingRequest
) -> None:
    """Let a binding bind no account any more; accounts that it has bound stay as they are.

    Raises:
        ConflictException: others keep changing it.
    """
    directory, binding = lookup.binding_of(rt, caller, request["AcmeExternalAccountBindingArn"])
    with lookup.refusing():
        bindings.revoke(rt, directory, binding.name, keeps_accounts=True)


def _shown(directory: AcmeDirectory, binding: AcmeBinding) -> shapes.AcmeExternalAccountBindingSummary:
    shown: shapes.AcmeExternalAccountBindingSummary = {
        "AcmeExternalAccountBindingArn": lookup.arn_of(directory, lookup.BINDING, binding.name),
        "AcmeEndpointArn": lookup.arn_of(directory),
        "CreatedAt": binding.created_at,
        "UpdatedAt": binding.changed_at,
    }
    if binding.role_arn:
        shown["RoleArn"] = binding.role_arn
    if binding.expires_at is not None:
        shown["ExpiresAt"] = binding.expires_at
    if binding.revoked_at is not None:
        shown["RevokedAt"] = binding.revoked_at
    if binding.last_used_at is not None:
        shown["LastUsedAt"] = binding.last_used_at
    return shown
