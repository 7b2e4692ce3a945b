"""Sharing a CA: the permission of ACM, and the resource policy for other accounts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from chalicelib import errors
from chalicelib.access import resource_policy
from chalicelib.access import sharing as access_sharing
from chalicelib.access.policy_documents import PolicyError, check_cost
from chalicelib.console.commands import command
from chalicelib.console.forms import replacing
from chalicelib.console.forms.refusals import problems_of
from chalicelib.console.parts import authority_page
from chalicelib.console.parts.confirmation import Question
from chalicelib.operations import permissions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.api.client import Client
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems
    from chalicelib.console.web import Visit

TAB = "sharing"
_CONFIRM = "Accounts lose access with this policy: confirm it below."
_MOST_CHARACTERS = 20_480  # of a policy, by AWS's model
_SAMPLE_ACCOUNT = "111122223333"


def show(visit: Visit) -> WireResponse:
    """Permissions and policy."""
    return _page(visit, {})


def _page(
    visit: Visit, problems: Problems, losses: tuple[str, ...] = (), changed: replacing.ChangedError | None = None
) -> WireResponse:
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
        losses=losses,
        typed=_entries(policy)
        | replacing.digest_field(_entries(policy))
        | dict(visit.form.fields if problems else {})
        | (replacing.digest_field(changed.now) if changed else {}),
        present=changed.rows if changed else replacing.NOTHING,
    )


def _entries(policy: str | None) -> dict[str, str]:
    """The entries of the form that describe a policy; none without one."""
    return {} if policy is None else {"policy": policy}


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


def confirm_forbidding(visit: Visit) -> WireResponse:
    """Show what the withdrawal stops, and ask for confirmation."""
    account = visit.query.get("account", "")
    return _question(
        visit,
        heading="Withdraw the permission of ACM?",
        consequences=(
            f"ACM of account {account or visit.caller.account_id} can no longer issue, get or renew its certificates.",
            "Certificates that it requested expire unless you grant the permission again in time.",
        ),
        action="sharing/forbid",
        button="Withdraw",
        fields={"account": account} if account else {},
    )


def confirm_unsharing(visit: Visit) -> WireResponse:
    """Show what each account loses without the policy, and ask for confirmation."""
    policy = _policy(visit.client, visit.ca.arn)
    return _question(
        visit,
        heading="Remove the resource policy?",
        consequences=tuple(_losses(policy, "", visit.ca.arn)) or ("No account loses anything.",),
        action="sharing/unshare",
        button="Remove",
    )


def _question(visit: Visit, *, action: str, **values: Any) -> WireResponse:
    back, path = (authority_page.address(visit.ca.ca_id, path) for path in (TAB, action))
    question = Question(action=path, back=back, **values)
    return authority_page.show(visit, "authority_question.html", TAB, question=question)


def _losses(before: str | None, after: str, ca_arn: str) -> Iterator[str]:
    """Yield the operations and templates that accounts lose, by the policy before and after, in sentences."""
    left = {share.account_id: share for share in access_sharing.shares(after, ca_arn)} if after else {}
    for share in access_sharing.shares(before, ca_arn) if before else ():
        still = left.get(share.account_id)
        lost = [name for name in share.operations if still is None or name not in still.operations]
        templates = len(share.templates) - len(set(share.templates) & set(still.templates if still else ()))
        account = "All accounts" if share.account_id == "*" else f"Account {share.account_id}"
        if lost:
            yield f"{account} can no longer use: {', '.join(lost)}."
        elif templates:
            yield f"{account} can no longer issue by {templates} of its templates."


def _losses_of(before: str | None, text: str, ca_arn: str) -> tuple[str, ...]:
    """The losses by another policy; none if that one is refused."""
    if len(text) > _MOST_CHARACTERS:
        return ()
    try:
        check_cost(resource_policy.parse(text, ca_arn))
        return tuple(_losses(before, text, ca_arn))
    except PolicyError:
        return ()


def share(visit: Visit) -> WireResponse:
    """Attach a policy."""
    text, before = visit.form.get("policy").replace("\r\n", "\n"), _policy(visit.client, visit.ca.arn)
    try:
        replacing.check(visit.form, _entries(before), _entries(text))
    except replacing.ChangedError as error:
        return _page(visit, error.problems, changed=error)
    try:
        losses = () if visit.form.get("confirmed") else _losses_of(before, text, visit.ca.arn)
        if losses:
            return _page(visit, {"policy": _CONFIRM}, losses)
        visit.client.call("PutPolicy", ResourceArn=visit.ca.arn, Policy=text)
    except errors.ApiError as error:
        return _page(visit, problems_of(error, otherwise="policy"))
    return authority_page.done(visit, TAB, "shared")


def unshare(visit: Visit) -> WireResponse:
    """Remove the policy."""
    visit.client.call("DeletePolicy", ResourceArn=visit.ca.arn)
    return authority_page.done(visit, TAB, "unshared")
