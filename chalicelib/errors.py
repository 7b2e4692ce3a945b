"""The errors a client can see: one class per exception of the AWS model, and the generic ones around it.

Source: AWS Private CA API reference, "Errors" of each operation; AWS "Common Errors".
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from chalicelib.frozen import dataclass

# The path of a member of a request: names as the model spells them, positions in lists from 0; () for none or several.
Member = tuple[str | int, ...]
Rule = Literal["required", "min_length", "max_length", "min_value", "max_value", "enum", "pattern"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken constraint of the model.

    Attributes:
        member: the path of the member that breaks it.
        rule: the constraint.
        limit: its bound, its values or its pattern; None for a required member.
        found: the value of the member; None where a required member is missing.
    """

    member: Member
    rule: Rule
    limit: int | str | tuple[str, ...] | None
    found: Any


class ApiError(Exception):
    """A refusal in AWS's own form; its class name is the ``__type`` on the wire.

    Attributes:
        status: the HTTP status; every exception of the model is a client error without a code of its own, so 400.
        message: the text for clients of the API.
        member: the member of the request that is refused.
        reason: the sentence for a person who sees it beside that member; the message, unless it says more.
        retry_after_seconds: set when trying again later may help.
    """

    status: ClassVar[int] = 400

    def __init__(
        self, message: str, *, member: Member = (), reason: str = "", retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.member = member
        self.reason = reason or message
        self.retry_after_seconds = retry_after_seconds

    @property
    def code(self) -> str:
        """The short name that SDKs turn into an exception class."""
        return type(self).__name__


class CertificateMismatchException(ApiError):
    """The certificate breaks a condition set by its key, its subject or its signer."""


class ConflictException(ApiError):
    """It contradicts what is there (AWS Certificate Manager)."""


class ServiceQuotaExceededException(ApiError):
    """There are as many as there may be (AWS Certificate Manager)."""


class ConcurrentModificationException(ApiError):
    """Another update of the same thing won."""


class InvalidArgsException(ApiError):
    """Arguments disagree with one another or with the CA."""


class InvalidArnException(ApiError):
    """A well-formed ARN, but not of a kind this operation can use."""


class InvalidNextTokenException(ApiError):
    """The token is not from this list."""


class InvalidPolicyException(ApiError):
    """The resource policy is invalid or lacks a required part."""


class InvalidRequestException(ApiError):
    """The request cannot be performed at all."""


class InvalidStateException(ApiError):
    """The state of the CA forbids the operation."""


class InvalidTagException(ApiError):
    """A tag breaks the rules."""


class LimitExceededException(ApiError):
    """A quota is used up."""


class LockoutPreventedException(ApiError):
    """The policy would lock its own author out."""


class MalformedCSRException(ApiError):
    """The CSR cannot be parsed or verified."""


class MalformedCertificateException(ApiError):
    """The certificate cannot be parsed, or one of its fields is invalid."""


class PermissionAlreadyExistsException(ApiError):
    """The permission has been given already."""


class RequestAlreadyProcessedException(ApiError):
    """The request has been performed already."""


class RequestFailedException(ApiError):
    """The work behind the request failed."""


class RequestInProgressException(ApiError):
    """The work behind the request is not finished."""


class ResourceNotFoundException(ApiError):
    """The caller has no such thing."""


class TooManyTagsException(ApiError):
    """The CA would have more than 50 tags."""


class ValidationException(ApiError):
    """A constraint of the model, or a rule that AWS reports in this form, is broken.

    Attributes:
        violations: the broken constraints of the model; none where an operation refuses.
    """

    def __init__(
        self, message: str, *, member: Member = (), reason: str = "", violations: tuple[Violation, ...] = ()
    ) -> None:
        super().__init__(message, member=member, reason=reason)
        self.violations = violations


class ExpiredTokenException(ApiError):
    """The credential was valid once."""


class ExpiredIdentityToken(ApiError):
    """The token of an OIDC issuer was valid once."""


class IDPCommunicationError(ApiError):
    """The keys of an OIDC issuer could not be fetched."""


class InvalidAction(ApiError):
    """AWS STS has no such action, or it is not available here."""


class InvalidIdentityToken(ApiError):
    """The token is none that an OIDC issuer made for this account."""


class MalformedPolicyDocument(ApiError):
    """The policy of a session is invalid."""


class AccessDeniedException(ApiError):
    """The caller is known, but may not do this."""


class SerializationException(ApiError):
    """The body is not what the protocol says."""


class UnknownOperationException(ApiError):
    """The service has no such operation."""


class ThrottlingException(ApiError):
    """Too many requests, or a dependency is out of capacity for the moment."""


class MissingAuthenticationTokenException(ApiError):
    """The request is not signed."""


class IncompleteSignatureException(ApiError):
    """The signature lacks a part."""


class InvalidSignatureException(ApiError):
    """The signature does not match the request."""


class UnrecognizedClientException(ApiError):
    """The access key is not known here."""


class RequestEntityTooLargeException(ApiError):
    """The body is longer than the service reads."""

    status = 413


class RequestHeaderFieldsTooLarge(ApiError):
    """The headers are longer than the service reads."""

    status = 431


class UnsupportedMediaType(ApiError):
    """The body is of a type that is not read here."""

    status = 415


class InternalFailure(ApiError):
    """A bug or an outage of ours; the answer carries no detail."""

    status = 500


class ServiceUnavailable(ApiError):
    """A dependency does not answer."""

    status = 503
