"""ACME endpoints: Create-, Delete-, Describe-, List- and UpdateAcmeEndpoint.

Source: AWS Certificate Manager API.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.access import authorization
from chalicelib.acme import directories
from chalicelib.acme.management import lookup, repetition, tags
from chalicelib.acme_records import AcmeDirectory
from chalicelib.ca import find

if TYPE_CHECKING:
    from typing import Literal

    from chalicelib.acme.management import shapes
    from chalicelib.runtime import Caller, Runtime

MOST = 1000  # of an account in a region
BEHAVIOR: Literal["PRE_APPROVED"] = "PRE_APPROVED"  # AWS has no other one
_LIST = "ListAcmeEndpoints"


def create_acme_endpoint(
    rt: Runtime, caller: Caller, request: shapes.CreateAcmeEndpointRequest
) -> shapes.CreateAcmeEndpointResponse:
    """Create a directory for the CA that a tag names.

    Raises:
        ConflictException: a directory has the name, or the token is another request's.
        ServiceQuotaExceededException: the account has as many as it may.
        ValidationException: no tag names a CA of the account in this region, or a tag is invalid.
    """
    authorization.check(rt, caller, authorization.NO_RESOURCE)
    plain, meant = tags.read(request.get("Tags", ()), takes=(tags.AUTHORITY, tags.NAME))
    certificate_tags, _ = tags.read(request.get("CertificateTags", ()), member="CertificateTags")
    key_algorithms = _key_algorithms(request["CertificateAuthority"])
    ca_arn = _authority(rt, caller, meant)
    mark = repetition.mark_of(rt, caller, request)
    with repetition.turn(rt, mark):
        present = lookup.directories_here(rt, caller)
        made = repetition.earlier(rt, mark, request.get("IdempotencyToken"), present)
        if made is None:
            if len(present) >= MOST:
                raise errors.ServiceQuotaExceededException(f"The account has {MOST} ACME endpoints already.")
            directory_id, now = directories.new_id(), rt.now()
            with lookup.refusing():
                made = directories.create(
                    rt,
                    AcmeDirectory(
                        name=meant.get(tags.NAME, directory_id),
                        owner=caller.account_id,
                        directory_id=directory_id,
                        ca_arn=ca_arn,
                        profiles=(),
                        created_at=now,
                        changed_at=now,
                        contact_required=request.get("Contact") == "REQUIRED",
                        tags=plain,
                        certificate_tags=certificate_tags,
                        key_algorithms=key_algorithms,
                        request=mark,
                    ),
                )
    return {"AcmeEndpointArn": lookup.arn_of(made)}


def _authority(rt: Runtime, caller: Caller, meant: dict[str, str]) -> str:
    """Return the ARN of the CA that a tag names; the caller must be allowed to see it."""
    if tags.AUTHORITY not in meant:
        text = f"The tag {tags.AUTHORITY} must name the private certificate authority, by its ARN."
        raise errors.ValidationException(text, member=("Tags",))
    arn = meant[tags.AUTHORITY]
    try:
        return find.find(rt, replace(caller, operation=authorization.READING), arn).arn
    except (errors.InvalidArnException, errors.ResourceNotFoundException) as error:
        text = f"The tag {tags.AUTHORITY} names no certificate authority of this region: {error.message}"
        raise errors.ValidationException(text, member=("Tags",)) from error


def _key_algorithms(given: shapes.CertificateAuthority) -> tuple[str, ...]:
    if "PublicCertificateAuthority" not in given:
        raise errors.ValidationException(
            "CertificateAuthority must have the member PublicCertificateAuthority.", member=("CertificateAuthority",)
        )
    return tuple(dict.fromkeys(given["PublicCertificateAuthority"].get("AllowedKeyAlgorithms", ())))


def delete_acme_endpoint(rt: Runtime, caller: Caller, request: shapes.DeleteAcmeEndpointRequest) -> None:
    """Delete a directory with its bindings and domain validations; no error where there is none."""
    found = lookup.find_if_any(rt, caller, request["AcmeEndpointArn"])
    if found is not None:
        with lookup.refusing():
            directories.delete(rt, caller.account_id, found.directory.name)


def describe_acme_endpoint(
    rt: Runtime, caller: Caller, request: shapes.DescribeAcmeEndpointRequest
) -> shapes.DescribeAcmeEndpointResponse:
    """Describe a directory."""
    return {"AcmeEndpoint": _shown(rt, lookup.directory_of(rt, caller, request["AcmeEndpointArn"]))}


def list_acme_endpoints(
    rt: Runtime, caller: Caller, request: shapes.ListAcmeEndpointsRequest
) -> shapes.ListAcmeEndpointsResponse:
    """List the directories of the account for CAs of this region, whoever made them.

    Raises:
        ValidationException: the NextToken is not from this list.
    """
    authorization.check(rt, caller, authorization.NO_RESOURCE)
    every = lookup.directories_here(rt, caller)
    page, following = lookup.page(rt, caller, _LIST, request, every, lambda each: each.directory_id)
    return {"AcmeEndpoints": [_shown(rt, each) for each in page], **following}  # type: ignore[typeddict-item]


def update_acme_endpoint(rt: Runtime, caller: Caller, request: shapes.UpdateAcmeEndpointRequest) -> None:
    """Change whether accounts must give a contact, and which keys CSRs may have.

    Raises:
        ConflictException: others keep changing it.
        ValidationException: the CA of the directory is gone.
    """
    name = lookup.directory_of(rt, caller, request["AcmeEndpointArn"]).name
    contact, authority = request.get("Contact"), request.get("CertificateAuthority")
    key_algorithms = None if authority is None else _key_algorithms(authority)

    def changed(directory: AcmeDirectory) -> AcmeDirectory:
        required = directory.contact_required if contact is None else contact == "REQUIRED"
        allowed = directory.key_algorithms if key_algorithms is None else key_algorithms
        return replace(directory, contact_required=required, key_algorithms=allowed)

    with lookup.refusing():
        directories.change(rt, caller.account_id, name, changed)


def _shown(rt: Runtime, directory: AcmeDirectory) -> shapes.AcmeEndpointSummary:
    allowed = {"AllowedKeyAlgorithms": list(directory.key_algorithms)} if directory.key_algorithms else {}
    shown: shapes.AcmeEndpointSummary = {
        "AcmeEndpointArn": lookup.arn_of(directory),
        "EndpointUrl": directories.url(rt.settings, directory.name),
        "Status": "ACTIVE" if directory.active else "FAILED",
        "AuthorizationBehavior": BEHAVIOR,
        "Contact": "REQUIRED" if directory.contact_required else "NOT_REQUIRED",
        "CertificateAuthority": {"PublicCertificateAuthority": allowed},  # type: ignore[typeddict-item]  # as given
        "CreatedAt": directory.created_at,
        "UpdatedAt": directory.changed_at,
    }
    if not directory.active:
        shown["FailureReason"] = "The directory is disabled."
    if directory.certificate_tags:
        shown["CertificateTags"] = tags.shown(directory.certificate_tags)
    return shown
