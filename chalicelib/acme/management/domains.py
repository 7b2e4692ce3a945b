"""Domain validations: Create-, Delete-, Describe-, List- and UpdateAcmeDomainValidation.

In AWS they prove that the account controls a domain. The owner of a private CA decides, so each is valid at once, and
there is no record to put into DNS.

Source: AWS Certificate Manager API.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import errors, hosts
from chalicelib.acme import directories
from chalicelib.acme.management import lookup, repetition, tags
from chalicelib.acme_records import AcmeDomain

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.acme.management import shapes
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Caller, Runtime

MOST = 100  # of an endpoint
_LIST = "ListAcmeDomainValidations"


class Scope(NamedTuple):
    """What a domain grants, as members of `AcmeDomain`."""

    exact: bool
    subdomains: bool
    wildcards: bool
    hosted_zone: str


def create_acme_domain_validation(
    rt: Runtime, caller: Caller, request: shapes.CreateAcmeDomainValidationRequest
) -> shapes.CreateAcmeDomainValidationResponse:
    """Let an endpoint's bindings have the names of a domain.

    Raises:
        ConflictException: the endpoint has the domain, or the token is another request's.
        ServiceQuotaExceededException: the endpoint has as many as it may.
        ValidationException: it is no DNS name, or nothing of it is enabled.
    """
    directory = lookup.directory_of(rt, caller, request["AcmeEndpointArn"])
    plain, _ = tags.read(request.get("Tags", ()))
    name, scope = request["DomainName"], _scope(request["PrevalidationOptions"])
    if not hosts.is_host_name(name) or hosts.is_literal(name):
        raise errors.ValidationException(f"'{name}' is not a DNS name.", member=("DomainName",))
    mark, now = repetition.mark_of(rt, caller, request), rt.now()
    wanted = AcmeDomain(directories.new_id(), name, now, now, *scope, plain, mark)

    def added(present: AcmeDirectory) -> AcmeDirectory:
        made = repetition.earlier(rt, mark, request.get("IdempotencyToken"), present.domains)
        if made is not None:
            return present
        if any(each.name == name for each in present.domains):
            raise errors.ConflictException(f"The endpoint already has a domain validation of {name}.")
        if len(present.domains) >= MOST:
            raise errors.ServiceQuotaExceededException(f"The endpoint has {MOST} domain validations already.")
        return replace(present, domains=tuple(sorted((*present.domains, wanted), key=lambda each: each.name)))

    with lookup.refusing():
        directory = directories.change(rt, directory.owner, directory.name, added)
    made = next(each for each in directory.domains if each.name == name)
    return {"AcmeDomainValidationArn": lookup.arn_of(directory, lookup.DOMAIN, made.domain_id)}


def _scope(given: shapes.PrevalidationOptions) -> Scope:
    """Read what is enabled; without a scope the domain itself is.

    Raises:
        ValidationException: nothing is.
    """
    if "DnsPrevalidation" not in given:
        text = "PrevalidationOptions must have the member DnsPrevalidation."
        raise errors.ValidationException(text, member=("PrevalidationOptions",))
    options = given["DnsPrevalidation"]
    enabled = options.get("DomainScope", {"ExactDomain": "ENABLED"})
    scope = Scope(
        exact=enabled.get("ExactDomain") == "ENABLED",
        subdomains=enabled.get("Subdomains") == "ENABLED",
        wildcards=enabled.get("Wildcards") == "ENABLED",
        hosted_zone=options.get("HostedZoneId", ""),
    )
    if not any(scope[:3]):
        member = ("PrevalidationOptions", "DnsPrevalidation", "DomainScope")
        raise errors.ValidationException("The DomainScope must enable at least one member.", member=member)
    return scope


def delete_acme_domain_validation(
    rt: Runtime, caller: Caller, request: shapes.DeleteAcmeDomainValidationRequest
) -> None:
    """Take a domain from an endpoint; no error where there is none.

    Raises:
        ConflictException: others keep changing the endpoint.
    """
    found = lookup.find_if_any(rt, caller, request["AcmeDomainValidationArn"])
    if found is not None and found.domain is not None:
        _change(rt, found.directory, found.domain, lambda _: ())


def describe_acme_domain_validation(
    rt: Runtime, caller: Caller, request: shapes.DescribeAcmeDomainValidationRequest
) -> shapes.DescribeAcmeDomainValidationResponse:
    """Describe a domain of an endpoint."""
    return {"AcmeDomainValidation": _shown(*lookup.domain_of(rt, caller, request["AcmeDomainValidationArn"]))}


def list_acme_domain_validations(
    rt: Runtime, caller: Caller, request: shapes.ListAcmeDomainValidationsRequest
) -> shapes.ListAcmeDomainValidationsResponse:
    """List the domains of an endpoint by name.

    Raises:
        ValidationException: the NextToken is not from this list.
    """
    directory = lookup.directory_of(rt, caller, request["AcmeEndpointArn"])
    name = f"{_LIST}/{directory.directory_id}"
    page, following = lookup.page(rt, caller, name, request, directory.domains, lambda each: each.name)
    shown = [_shown(directory, each) for each in page]
    return {"AcmeDomainValidations": shown, **following}  # type: ignore[typeddict-item]


def update_acme_domain_validation(
    rt: Runtime, caller: Caller, request: shapes.UpdateAcmeDomainValidationRequest
) -> None:
    """Change what a domain grants.

    Raises:
        ConflictException: others keep changing the endpoint.
        ValidationException: nothing of it would be enabled.
    """
    directory, domain = lookup.domain_of(rt, caller, request["AcmeDomainValidationArn"])
    if "PrevalidationOptions" in request:
        changes = _scope(request["PrevalidationOptions"])._asdict()
        _change(rt, directory, domain, lambda each: (each._replace(**changes, changed_at=rt.now()),))


def _change(
    rt: Runtime, directory: AcmeDirectory, domain: AcmeDomain, changed: Callable[[AcmeDomain], tuple[AcmeDomain, ...]]
) -> None:
    def replaced(present: AcmeDirectory) -> AcmeDirectory:
        kept = [changed(each) if each.domain_id == domain.domain_id else (each,) for each in present.domains]
        return replace(present, domains=tuple(each for some in kept for each in some))

    with lookup.refusing():
        directories.change(rt, directory.owner, directory.name, replaced)


def _shown(directory: AcmeDirectory, domain: AcmeDomain) -> shapes.AcmeDomainValidationSummary:
    details: shapes.DnsPrevalidationDetails = {
        "DomainScope": {
            "ExactDomain": "ENABLED" if domain.exact else "DISABLED",
            "Subdomains": "ENABLED" if domain.subdomains else "DISABLED",
            "Wildcards": "ENABLED" if domain.wildcards else "DISABLED",
        }
    }
    if domain.hosted_zone:
        details["HostedZoneId"] = domain.hosted_zone
    return {
        "AcmeDomainValidationArn": lookup.arn_of(directory, lookup.DOMAIN, domain.domain_id),
        "AcmeEndpointArn": lookup.arn_of(directory),
        "DomainName": domain.name,
        "PrevalidationType": "DNS_PREVALIDATION",
        "PrevalidationDetails": {"DnsPrevalidation": details},
        "Status": "VALID",
        "CreatedAt": domain.created_at,
        "UpdatedAt": domain.changed_at,
    }
