"""Tags of endpoints, bindings and domain validations: TagResource, UntagResource, ListTagsForResource.

Two tags of an endpoint are reserved: CreateAcmeEndpoint takes them, and they show its CA and its name from then on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.acme import bindings, directories
from chalicelib.acme.management import lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from chalicelib.acme.management import shapes
    from chalicelib.runtime import Caller, Runtime

    Tags = tuple[tuple[str, str], ...]

MOST = 50
RESERVED = "signet:"
AUTHORITY, NAME = f"{RESERVED}certificate-authority-arn", f"{RESERVED}directory-name"


def read(tags: Sequence[shapes.Tag], *, member: str = "Tags", takes: Iterable[str] = ()) -> tuple[Tags, dict[str, str]]:
    """Return tags, and apart from them those with a meaning.

    Args:
        tags: of a request.
        member: where the request has them.
        takes: keys with a meaning that are allowed there.

    Raises:
        ValidationException: a key is reserved, or occurs twice.
    """
    plain, meant = dict[str, str](), dict[str, str]()
    for position, tag in enumerate(tags):
        key, place = tag["Key"], (member, position, "Key")
        if key.lower().startswith("aws:"):
            raise errors.ValidationException(
                f"The tag key '{key}' begins with 'aws:', which is reserved.", member=place
            )
        if key.lower().startswith(RESERVED) and key not in takes:
            allowed = ", ".join(takes) or "none"
            text = f"The prefix '{RESERVED}' is reserved; of its tags, this request takes {allowed}."
            raise errors.ValidationException(text, member=place)
        if key in plain or key in meant:
            raise errors.ValidationException(f"The tag key '{key}' is given more than once.", member=place)
        (meant if key in takes else plain)[key] = tag.get("Value", "")
    return tuple(plain.items()), meant


def shown(tags: Iterable[tuple[str, str]]) -> list[shapes.Tag]:
    """Return tags as AWS shows them."""
    return [{"Key": key, "Value": value} for key, value in tags]


def list_tags_for_resource(
    rt: Runtime, caller: Caller, request: shapes.ListTagsForResourceRequest
) -> shapes.ListTagsForResourceResponse:
    """List the tags of a resource by key."""
    found = lookup.find(rt, caller, request["ResourceArn"])
    tags: dict[str, str] = dict(found.tags)
    if found.binding is None and found.domain is None:
        tags |= {AUTHORITY: found.directory.ca_arn, NAME: found.directory.name}
    return {"Tags": shown(sorted(tags.items()))}


def tag_resource(rt: Runtime, caller: Caller, request: shapes.TagResourceRequest) -> None:
    """Add tags to a resource, or change their values.

    Raises:
        ServiceQuotaExceededException: there would be more than 50.
        ValidationException: a key is reserved, or occurs twice.
    """
    found = lookup.find(rt, caller, request["ResourceArn"])
    given, _ = read(request["Tags"])

    def changed(tags: Tags) -> Tags:
        result: Mapping[str, str] = dict(tags) | dict(given)
        if len(result) > MOST:
            raise errors.ServiceQuotaExceededException(f"A resource has at most {MOST} tags.")
        return tuple(result.items())

    _change(rt, found, changed)


def untag_resource(rt: Runtime, caller: Caller, request: shapes.UntagResourceRequest) -> None:
    """Remove tags from a resource; a missing key is no error.

    Raises:
        ValidationException: a key is reserved.
    """
    found = lookup.find(rt, caller, request["ResourceArn"])
    unwanted = set(request["TagKeys"])
    if reserved := sorted(key for key in unwanted if key.startswith(RESERVED)):
        text = f"The tag '{reserved[0]}' is reserved and cannot be removed."
        raise errors.ValidationException(text, member=("TagKeys",))
    _change(rt, found, lambda tags: tuple(tag for tag in tags if tag[0] not in unwanted))


def _change(rt: Runtime, found: lookup.Found, changed: Callable[[Tags], Tags]) -> None:
    directory, domain = found.directory, found.domain
    with lookup.refusing():
        if found.binding is not None:
            bindings.change(
                rt, directory, found.binding.name, lambda binding: replace(binding, tags=changed(binding.tags))
            )
            return
        directories.change(
            rt,
            directory.owner,
            directory.name,
            lambda present: (
                replace(present, tags=changed(present.tags))
                if domain is None
                else replace(
                    present,
                    domains=tuple(
                        each._replace(tags=changed(each.tags)) if each.domain_id == domain.domain_id else each
                        for each in present.domains
                    ),
                )
            ),
        )
