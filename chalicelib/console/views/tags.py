"""The tags of a CA: shown, added, changed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from chalicelib import errors
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import problems_of
from chalicelib.console.parts import authority_page

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

TAB = "tags"


def show(visit: Visit) -> WireResponse:
    """The tags."""
    return _page(visit, {})


def _page(visit: Visit, problems: dict[str, str]) -> WireResponse:
    request = {"CertificateAuthorityArn": visit.ca.arn}
    tags = visit.client.call("ListTags", **request)["Tags"]
    key = visit.form.fields.get("key", "") if problems else ""
    changed = next((number for number, tag in enumerate(tags, 1) if tag["Key"] == key), None)
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
    """Add a tag, or change its value."""
    problem = _refusal(visit, "TagCertificateAuthority", {"Key": _field(visit, "key"), "Value": _field(visit, "value")})
    return _page(visit, problem) if problem else authority_page.done(visit, TAB, "tagged")


def remove(visit: Visit) -> WireResponse:
    """Remove a tag, whatever its value."""
    problem = _refusal(visit, "UntagCertificateAuthority", {"Key": _field(visit, "key")})
    return _page(visit, problem) if problem else authority_page.done(visit, TAB, "untagged")


def _field(visit: Visit, name: str) -> str:
    return visit.form.fields.get(name, "")


def _refusal(
    visit: Visit,
    operation: Literal["TagCertificateAuthority", "UntagCertificateAuthority"],
    tag: dict[str, str],
) -> dict[str, str]:
    """The refusal of a tag, by the field that it is about."""
    try:
        visit.client.call(operation, CertificateAuthorityArn=visit.ca.arn, Tags=[tag])
    except errors.ApiError as error:
        problems = problems_of(error, otherwise="key")
        return {name.partition(".")[0]: words for name, words in problems.items()}  # the form has one row
    return {}
