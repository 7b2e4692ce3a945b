"""A CA's tags: shown, added, changed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import in_words
from chalicelib.console.parts import authority_page
from chalicelib.console.views.wizard import own_arn

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

TAB = "tags"


def show(visit: Visit) -> WireResponse:
    """The tags."""
    return _page(visit, {})


def _page(visit: Visit, problems: dict[str, str]) -> WireResponse:
    request = {"CertificateAuthorityArn": own_arn(visit)}
    tags = visit.call("ListTags", **request)["Tags"]
    given = visit.form.fields.get("key", "") if problems else ""
    changed = next((number for number, each in enumerate(tags, 1) if each["Key"] == given), None)
    if changed is not None:
        problems = {f"tag-{changed}": message for message in problems.values()}
    return authority_page.show(
        visit,
        "authority_tags.html",
        TAB,
        problems=problems,
        commands=(command("ListTags", request),),
        tags=tags,
        typed=visit.form.fields,
        changed=changed,
    )


def save(visit: Visit) -> WireResponse:
    """Add a tag, or give it another value."""
    problem = _refusal(visit, "TagCertificateAuthority", {"Key": _field(visit, "key"), "Value": _field(visit, "value")})
    return _page(visit, problem) if problem else authority_page.done(visit, TAB, "tagged")


def remove(visit: Visit) -> WireResponse:
    """Remove a tag, whatever its value is."""
    problem = _refusal(visit, "UntagCertificateAuthority", {"Key": _field(visit, "key")})
    return _page(visit, problem) if problem else authority_page.done(visit, TAB, "untagged")


def _field(visit: Visit, name: str) -> str:
    return visit.form.fields.get(name, "")


def _refusal(visit: Visit, operation: str, tag: dict[str, Any]) -> dict[str, str]:
    """What the operation has against a tag, by the field that it is about."""
    try:
        visit.call(operation, CertificateAuthorityArn=own_arn(visit), Tags=[tag])
    except errors.ApiError as error:
        return {"value" if ".value'" in error.message else "key": in_words(error.message)}
    return {}
