"""The tags of a CA: shown, added, changed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from chalicelib import errors
from chalicelib.console.commands import command
from chalicelib.console.forms import replacing
from chalicelib.console.forms.refusals import problems_of
from chalicelib.console.parts import authority_page

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems
    from chalicelib.console.web import Visit
    from chalicelib.shapes import Tag

TAB = "tags"


def show(visit: Visit) -> WireResponse:
    """The tags."""
    return _page(visit, {})


def _page(visit: Visit, problems: Problems, error: replacing.ChangedError | None = None) -> WireResponse:
    request = {"CertificateAuthorityArn": visit.ca.arn}
    tags = _tags(visit)
    key = visit.form.fields.get("key", "") if problems else ""
    carried = replacing.digest_field(error.now) if error else visit.form.fields
    changed = next((number for number, tag in enumerate(tags, 1) if tag["Key"] == key), None)
    if changed is not None:
        problems = {f"tag-{changed}": message for message in problems.values()}
    return authority_page.show(
        visit,
        "authority_tags.html",
        TAB,
        problems=problems,
        commands=(command("ListTags", request),),
        tags=[
            (tag, carried if number == changed else replacing.digest_field(_entries(tag)))
            for number, tag in enumerate(tags, 1)
        ],
        typed=visit.form.fields,
        changed=changed,
        new=replacing.digest_field(replacing.NOTHING),
        present=error.rows if error else replacing.NOTHING,
    )


def _tags(visit: Visit) -> list[Tag]:
    return visit.client.call("ListTags", CertificateAuthorityArn=visit.ca.arn)["Tags"]


def _entries(tag: Tag | None) -> dict[str, str]:
    """The entries of the form that describe a tag; none without one."""
    return {} if tag is None else {"key": tag["Key"], "value": tag.get("Value", "")}


def save(visit: Visit) -> WireResponse:
    """Add a tag, or change its value."""
    tag: Tag = {"Key": _field(visit, "key"), "Value": _field(visit, "value")}
    now = next((each for each in _tags(visit) if each["Key"] == tag["Key"]), None)
    try:
        replacing.check(visit.form, _entries(now), _entries(tag))
    except replacing.ChangedError as error:
        return _page(visit, error.problems, error)
    problem = _refusal(visit, "TagCertificateAuthority", tag)
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
    tag: Tag,
) -> dict[str, str]:
    """The refusal of a tag, by the field that it is about."""
    try:
        visit.client.call(operation, CertificateAuthorityArn=visit.ca.arn, Tags=[tag])
    except errors.ApiError as error:
        problems = problems_of(error, otherwise="key")
        return {name.partition(".")[0]: words for name, words in problems.items()}  # the form has one row
    return {}
