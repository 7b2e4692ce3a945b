"""Sharing a CA: the permission of ACM, and the resource policy for other accounts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from chalicelib import errors
from chalicelib.access import resource_policy
from chalicelib.access import sharing as access_sharing
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import problems_of
from chalicelib.console.parts import authority_page
from chalicelib.operations import permissions

if TYPE_CHECKING:
    from chalicelib.api.client import Client
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

TAB = "sharing"
_SAMPLE_ACCOUNT = "111122223333"


def show(visit: Visit) -> WireResponse:
    """Permissions and policy."""
    return _page(visit, {})


def _page(visit: Visit, problems: dict[str, str]) -> WireResponse:
    arn = visit.ca.arn
    listed = visit.client.call("ListPermissions", CertificateAuthorityArn=arn)["Permissions"]
    readable = visit.ca.allows("GetPolicy")
    policy = _policy(visit.client, arn) if readable else None
    return authority_page.show(
        visit,
        "authority_sharing.html",
        TAB,
        problems=problems,
        commands=(
            command("ListPermissions", {"CertificateAuthorityArn": arn}),
            *((command("GetPolicy", {"ResourceArn": arn}, "--output text"),) if readable else ()),
        ),
        permissions=listed,
        principal=permissions.PRINCIPAL,
        account_id=visit.caller.account_id,
        readable=readable,
        policy=policy,
        shares=access_sharing.shares(policy, arn) if policy else [],
        example=_example(arn),
        typed={"policy": policy or ""} | dict(visit.form.fields if problems else {}),
    )


def _example(arn: str) -> str:
    """A policy like AWS's managed permission for end-entity certificates."""
    partition = arn.split(":")[1]
    template = f"arn:{partition}:acm-pca:::template/EndEntityCertificate/V1"
    reads = [f"acm-pca:{action}" for action in resource_policy.READ_ACTIONS]
    common = {"Effect": "Allow", "Principal": {"AWS": _SAMPLE_ACCOUNT}, "Resource": arn}
    issuing = {"StringEquals": {resource_policy.TEMPLATE_ARN: template}}
    statements = [
        common | {"Action": reads},
        common | {"Action": "acm-pca:IssueCertificate", "Condition": issuing},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def _policy(client: Client, arn: str) -> str | None:
    try:
        return client.call("GetPolicy", ResourceArn=arn)["Policy"]
    except errors.ResourceNotFoundException:
        return None


def permit(visit: Visit) -> WireResponse:
    """Let ACM renew."""
    return _permission(visit, "CreatePermission", "permitted", Actions=list(permissions.ACTIONS))


def forbid(visit: Visit) -> WireResponse:
    """Withdraw the permission."""
    return _permission(visit, "DeletePermission", "forbidden")


def _permission(
    visit: Visit, operation: Literal["CreatePermission", "DeletePermission"], note: str, **more: Any
) -> WireResponse:
    account = visit.form.get("account")
    request = {"CertificateAuthorityArn": visit.ca.arn, "Principal": permissions.PRINCIPAL, **more}
    try:
        visit.client.call(operation, **request, **({"SourceAccount": account} if account else {}))
    except errors.ApiError as error:
        return _page(visit, problems_of(error, otherwise="account"))
    return authority_page.done(visit, TAB, note)


def share(visit: Visit) -> WireResponse:
    """Attach a policy."""
    text = visit.form.get("policy").replace("\r\n", "\n")
    try:
        visit.client.call("PutPolicy", ResourceArn=visit.ca.arn, Policy=text)
    except errors.ApiError as error:
        return _page(visit, problems_of(error, otherwise="policy"))
    return authority_page.done(visit, TAB, "shared")


def unshare(visit: Visit) -> WireResponse:
    """Remove the policy."""
    visit.client.call("DeletePolicy", ResourceArn=visit.ca.arn)
    return authority_page.done(visit, TAB, "unshared")
