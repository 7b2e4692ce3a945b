"""The members of requests and answers that a record may contain: a list of what is allowed, for each operation.

Everything else is left out: tags' values, passthrough, policies and certificates as text, tokens. What is large or
sensitive and still identifies a request is replaced by its SHA-256.

Source: AWS Private CA User Guide, "Logging AWS Private CA API calls using AWS CloudTrail".
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CHARACTERS = 256
MOST_ELEMENTS = 20
_CA, _RESOURCE = ("CertificateAuthorityArn",), ("ResourceArn",)
_PAGE = ("MaxResults",)
_REVOCATION = (
    "RevocationConfiguration.CrlConfiguration.Enabled",
    "RevocationConfiguration.CrlConfiguration.ExpirationInDays",
    "RevocationConfiguration.CrlConfiguration.CustomCname",
    "RevocationConfiguration.CrlConfiguration.S3BucketName",
    "RevocationConfiguration.CrlConfiguration.S3ObjectAcl",
    "RevocationConfiguration.CrlConfiguration.CrlType",
    "RevocationConfiguration.CrlConfiguration.CustomPath",
    "RevocationConfiguration.OcspConfiguration.Enabled",
    "RevocationConfiguration.OcspConfiguration.OcspCustomCname",
)
_CONFIGURATION = "CertificateAuthorityConfiguration"
_ISSUING = (
    *_CA,
    "SigningAlgorithm",
    "TemplateArn",
    "Validity.Type",
    "Validity.Value",
    "ValidityNotBefore.Type",
    "ValidityNotBefore.Value",
)
_ENDPOINT, _BINDING, _DOMAIN = ("AcmeEndpointArn",), ("AcmeExternalAccountBindingArn",), ("AcmeDomainValidationArn",)
_ACCOUNT = (*_ENDPOINT, "AccountUrl")
_BEHAVIOR = (
    "AuthorizationBehavior",
    "Contact",
    "CertificateAuthority.PublicCertificateAuthority.AllowedKeyAlgorithms",
)
_SCOPE = tuple(
    f"PrevalidationOptions.DnsPrevalidation.{member}"
    for member in ("DomainScope.ExactDomain", "DomainScope.Subdomains", "DomainScope.Wildcards", "HostedZoneId")
)
# Those of AWS Certificate Manager.
ACM: dict[str, tuple[str, ...]] = {
    "CreateAcmeDomainValidation": (*_ENDPOINT, "DomainName", *_SCOPE, "Tags.Key"),
    "CreateAcmeEndpoint": (*_BEHAVIOR, "Tags.Key", "CertificateTags.Key"),
    "CreateAcmeExternalAccountBinding": (*_ENDPOINT, "RoleArn", "Expiration.Type", "Expiration.Value", "Tags.Key"),
    "DeleteAcmeDomainValidation": _DOMAIN,
    "DeleteAcmeEndpoint": _ENDPOINT,
    "DeleteAcmeExternalAccountBinding": _BINDING,
    "DescribeAcmeAccount": _ACCOUNT,
    "DescribeAcmeDomainValidation": _DOMAIN,
    "DescribeAcmeEndpoint": _ENDPOINT,
    "DescribeAcmeExternalAccountBinding": _BINDING,
    "GetAcmeExternalAccountBindingCredentials": _BINDING,
    "ListAcmeAccounts": (*_PAGE, *_ENDPOINT),
    "ListAcmeDomainValidations": (*_PAGE, *_ENDPOINT),
    "ListAcmeEndpoints": _PAGE,
    "ListAcmeExternalAccountBindings": (*_PAGE, *_ENDPOINT),
    "ListTagsForResource": _RESOURCE,
    "RevokeAcmeAccount": _ACCOUNT,
    "RevokeAcmeExternalAccountBinding": _BINDING,
    "TagResource": (*_RESOURCE, "Tags.Key"),
    "UntagResource": (*_RESOURCE, "TagKeys"),
    "UpdateAcmeDomainValidation": (*_DOMAIN, *_SCOPE),
    "UpdateAcmeEndpoint": (*_ENDPOINT, *_BEHAVIOR),
}
# By operation: paths of members; lists on the way do not count. Those of AWS STS and Signet's own are listed last.
RECORDED: dict[str, tuple[str, ...]] = {
    "CreateCertificateAuthority": (
        "CertificateAuthorityType",
        "KeyStorageSecurityStandard",
        "UsageMode",
        f"{_CONFIGURATION}.KeyAlgorithm",
        f"{_CONFIGURATION}.SigningAlgorithm",
        f"{_CONFIGURATION}.Subject.CommonName",
        f"{_CONFIGURATION}.Subject.Country",
        f"{_CONFIGURATION}.Subject.Organization",
        f"{_CONFIGURATION}.Subject.OrganizationalUnit",
        "Tags.Key",
        *_REVOCATION,
    ),
    "CreateCertificateAuthorityAuditReport": (*_CA, "S3BucketName", "AuditReportResponseFormat"),
    "CreatePermission": (*_CA, "Principal", "SourceAccount", "Actions"),
    "DeleteCertificateAuthority": (*_CA, "PermanentDeletionTimeInDays"),
    "DeletePermission": (*_CA, "Principal", "SourceAccount"),
    "DeletePolicy": _RESOURCE,
    "DescribeCertificateAuthority": _CA,
    "DescribeCertificateAuthorityAuditReport": (*_CA, "AuditReportId"),
    "GetCertificate": (*_CA, "CertificateArn"),
    "GetCertificateAuthorityCertificate": _CA,
    "GetCertificateAuthorityCsr": _CA,
    "GetPolicy": _RESOURCE,
    "ImportCertificateAuthorityCertificate": _CA,
    "IssueCertificate": _ISSUING,
    "ListCertificateAuthorities": (*_PAGE, "ResourceOwner"),
    "ListPermissions": (*_PAGE, *_CA),
    "ListTags": (*_PAGE, *_CA),
    "PutPolicy": _RESOURCE,
    "RestoreCertificateAuthority": _CA,
    "RevokeCertificate": (*_CA, "CertificateSerial", "RevocationReason"),
    "TagCertificateAuthority": (*_CA, "Tags.Key"),
    "UntagCertificateAuthority": (*_CA, "Tags.Key"),
    "UpdateCertificateAuthority": (*_CA, "Status", *_REVOCATION),
    "AssumeRole": ("RoleArn", "RoleSessionName", "DurationSeconds"),
    "AssumeRoleWithWebIdentity": ("RoleArn", "RoleSessionName", "DurationSeconds"),
    "ExplainIssuance": _ISSUING,
    "SearchCertificates": (*_CA, "Filters"),
    **ACM,
}
# By operation: members of which a record has the SHA-256.
HASHED: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("CreateAcmeDomainValidation", "CreateAcmeEndpoint", "CreateAcmeExternalAccountBinding"), ("IdempotencyToken",)
) | {
    "AssumeRole": ("Policy",),
    "AssumeRoleWithWebIdentity": ("Policy",),
    "CreateCertificateAuthority": ("IdempotencyToken",),
    "ExplainIssuance": ("Csr",),
    "ImportCertificateAuthorityCertificate": ("Certificate", "CertificateChain"),
    "IssueCertificate": ("Csr", "IdempotencyToken"),
    "PutPolicy": ("Policy",),
}
ANSWERED: dict[str, tuple[str, ...]] = {
    "CreateAcmeDomainValidation": _DOMAIN,
    "CreateAcmeEndpoint": _ENDPOINT,
    "CreateAcmeExternalAccountBinding": ("ExternalAccountBinding.AcmeExternalAccountBindingArn",),
    "CreateCertificateAuthority": ("CertificateAuthorityArn",),
    "CreateCertificateAuthorityAuditReport": ("AuditReportId", "S3Key"),
    "IssueCertificate": ("CertificateArn",),
}


def of_request(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record may contain of a request, under names as CloudTrail spells them."""
    shown = _picked(_shape(RECORDED.get(operation, ())), request)
    for name in HASHED.get(operation, ()):
        if name in request:
            shown[f"{_spelled(name)}Sha256"] = sha256(request[name])
    return shown


def of_answer(operation: str, answer: object) -> dict[str, Any] | None:
    """Return what a record may contain of an answer; None for nothing."""
    return _picked(_shape(ANSWERED.get(operation, ())), answer) or None if isinstance(answer, dict) else None


class _Member(NamedTuple):
    """A member of a structure: its name, how it is spelled, whether it is recorded itself, and those below it."""

    name: str
    spelled: str
    is_recorded: bool
    below: tuple[_Member, ...]


@cache
def _shape(paths: tuple[str, ...]) -> tuple[_Member, ...]:
    """Return the members that paths of the tables above lead to."""
    by_name: dict[str, list[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        by_name.setdefault(name, []).append(rest)
    return tuple(
        _Member(name, _spelled(name), "" in rests, _shape(tuple(filter(None, rests))))
        for name, rests in by_name.items()
    )


def _picked(shape: tuple[_Member, ...], request: Mapping[str, Any]) -> dict[str, Any]:
    shown = {}
    for name, spelled, is_recorded, below in shape:
        value = request.get(name)
        if isinstance(value, str):
            shown[spelled] = bounded(value) if is_recorded else None
        elif isinstance(value, (list, tuple)):
            shown[spelled] = [_value(each, is_recorded, below) for each in value[:MOST_ELEMENTS]]
        elif value is not None:
            shown[spelled] = _value(value, is_recorded, below)
    return shown


def _value(value: Any, is_recorded: bool, below: tuple[_Member, ...]) -> Any:  # noqa: FBT001  as of a `_Member`
    if isinstance(value, dict):
        return _picked(below, value)
    return bounded(value) if is_recorded else None


def bounded(value: Any) -> Any:
    """Return a value as a record may hold it: numbers, and text of at most 256 characters."""
    if isinstance(value, str):
        text = value
    elif value is None or isinstance(value, int):
        return value
    else:
        text = value.isoformat() if isinstance(value, datetime) else str(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def sha256(value: str | bytes) -> str:
    """Hex SHA-256 of text or bytes."""
    return hashlib.sha256(value.encode("utf-8", "replace") if isinstance(value, str) else bytes(value)).hexdigest()


@cache
def _spelled(name: str) -> str:
    return name[:1].lower() + name[1:]
