"""Tags of CAs: TagCertificateAuthority, UntagCertificateAuthority, ListTags.

Source: AWS Private CA API; User Guide, "Managing tags".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.ca import find, state
from chalicelib.operations import paging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib import shapes
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

MAX_TAGS = 50
KEY_TAG = "signet:kms-key"  # the id or ARN of a KMS key of the owner's, which becomes the CA's


def merged(current: Sequence[tuple[str, str | None]], tags: Sequence[shapes.Tag]) -> tuple[tuple[str, str | None], ...]:
    """The tags with `tags` set; a key that exists gets the new value.

    Raises:
        InvalidTagException: a key is reserved, or occurs twice.
        TooManyTagsException: there would be more than 50.
    """
    keys = [tag["Key"] for tag in tags]
    for position, key in enumerate(keys):
        member = ("Tags", position, "Key")
        if key.lower().startswith("aws:"):
            text = f"The tag key '{key}' begins with 'aws:', which is reserved."
            raise errors.InvalidTagException(text, member=member)
        if keys.count(key) > 1:
            raise errors.InvalidTagException(f"The tag key '{key}' is given more than once.", member=member)
    result = dict(current) | {tag["Key"]: tag.get("Value", "") for tag in tags}
    if len(result) > MAX_TAGS:
        raise errors.TooManyTagsException(f"A certificate authority has at most {MAX_TAGS} tags.", member=("Tags",))
    return tuple(result.items())


def tag_certificate_authority(rt: Runtime, caller: Caller, request: shapes.TagCertificateAuthorityRequest) -> None:
    """Add tags to a CA, or change their values.

    Raises:
        InvalidStateException: the CA is DELETED.
        InvalidTagException: a key is reserved, or occurs twice.
        TooManyTagsException: there would be more than 50.
    """

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        state.check_not_deleted(ca, rt.now())
        return replace(ca, tags=merged(ca.tags, request["Tags"]))

    find.modify(rt, caller, request["CertificateAuthorityArn"], change, busy=errors.ThrottlingException)


def untag_certificate_authority(rt: Runtime, caller: Caller, request: shapes.UntagCertificateAuthorityRequest) -> None:
    """Remove tags: with a value, only if it is equal; without one, whatever it is. A missing key is no error.

    Raises:
        InvalidStateException: the CA is DELETED.
    """

    def unwanted(key: str, value: str | None) -> bool:
        return any(tag["Key"] == key and tag.get("Value") in {None, value or ""} for tag in request["Tags"])

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        state.check_not_deleted(ca, rt.now())
        return replace(ca, tags=tuple(tag for tag in ca.tags if not unwanted(*tag)))

    find.modify(rt, caller, request["CertificateAuthorityArn"], change, busy=errors.ThrottlingException)


def list_tags(rt: Runtime, caller: Caller, request: shapes.ListTagsRequest) -> shapes.ListTagsResponse:
    """List the tags of a CA by key, so that changes between pages neither skip nor repeat others.

    The tag that names the owner's key is not shown to other accounts.

    Raises:
        InvalidStateException: the CA is DELETED.
        ValidationException: the NextToken is not from this list (the model has no exception for that here).
    """
    arn = request["CertificateAuthorityArn"]
    ca = find.find(rt, caller, arn)
    state.check_not_deleted(ca, rt.now())
    try:
        after = paging.decode(rt, caller, f"ListTags/{arn}", request.get("NextToken")) or ""
    except paging.TokenError as error:
        raise errors.ValidationException(str(error), member=("NextToken",)) from error
    is_own = arns.parse_ca_arn(ca.arn).account_id == caller.account_id
    rest = sorted((key, value) for key, value in ca.tags if key > after and (is_own or key != KEY_TAG))
    page = rest[: request.get("MaxResults", MAX_TAGS)]
    response: shapes.ListTagsResponse = {"Tags": [_wire(key, value) for key, value in page]}
    if len(page) < len(rest):
        response["NextToken"] = paging.encode(rt, caller, f"ListTags/{arn}", page[-1][0])
    return response


def _wire(key: str, value: str | None) -> shapes.Tag:
    """A tag as AWS shows it: with an empty value where none was given."""
    return {"Key": key, "Value": value or ""}
