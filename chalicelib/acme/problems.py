"""Problem documents: every refusal of the ACME server is one.

Source: RFC 8555 section 6.7; RFC 9773 section 7.4; RFC 7807; draft-ietf-acme-profiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTENT_TYPE = "application/problem+json"
_URN = "urn:ietf:params:acme:error:"
_STATUS = {
    "accountDoesNotExist": 400,
    "alreadyReplaced": 409,
    "alreadyRevoked": 400,
    "badCSR": 400,
    "badNonce": 400,
    "badPublicKey": 400,
    "badRevocationReason": 400,
    "badSignatureAlgorithm": 400,
    "caa": 403,
    "compound": 400,
    "connection": 400,
    "dns": 400,
    "externalAccountRequired": 403,
    "incorrectResponse": 403,
    "invalidContact": 400,
    "invalidProfile": 400,
    "malformed": 400,
    "orderNotReady": 403,
    "rateLimited": 429,
    "rejectedIdentifier": 400,
    "serverInternal": 500,
    "tls": 400,
    "unauthorized": 403,
    "unsupportedContact": 400,
    "unsupportedIdentifier": 400,
    "userActionRequired": 403,
}


class Subproblem(NamedTuple):
    """What is wrong with one identifier (RFC 8555 section 6.7.1).

    Attributes:
        type: without the URN's prefix.
        identifier: its type and value; None: it has none that can be shown.
    """

    type: str
    detail: str
    identifier: tuple[str, str] | None

    def document(self) -> dict[str, Any]:
        """Return its JSON."""
        document: dict[str, Any] = {"type": _URN + self.type, "detail": self.detail}
        if self.identifier is not None:
            document["identifier"] = dict(zip(("type", "value"), self.identifier, strict=True))
        return document


class AcmeProblem(Exception):  # noqa: N818  RFC 7807's own word
    """A refusal in ACME's form.

    Attributes:
        type: without the URN's prefix.
        detail: the sentence for people, which names the broken rule.
        status: the HTTP status.
        headers: of the answer, such as `Retry-After` and `Link`.
        algorithms: the signature algorithms that are accepted, with `badSignatureAlgorithm`.
    """

    def __init__(
        self,
        type: str,  # noqa: A002  RFC 7807's own word
        detail: str,
        *,
        subproblems: Sequence[Subproblem] = (),
        headers: Mapping[str, str] | None = None,
        algorithms: Sequence[str] = (),
        status: int | None = None,
    ) -> None:
        """Name the type; `status` overrides that of the type."""
        super().__init__(detail)
        self.type = type
        self.detail = detail
        self.status = status or _STATUS[type]
        self.subproblems = tuple(subproblems)
        self.headers = dict(headers or {})
        self.algorithms = tuple(algorithms)

    def document(self) -> dict[str, Any]:
        """Return the problem document."""
        document: dict[str, Any] = {"type": _URN + self.type, "detail": self.detail, "status": self.status}
        if self.subproblems:
            document["subproblems"] = [each.document() for each in self.subproblems]
        if self.algorithms:
            document["algorithms"] = list(self.algorithms)
        return document


def not_found(detail: str) -> AcmeProblem:
    """Return the problem for a resource that does not exist, for which ACME has no type of its own."""
    return AcmeProblem("malformed", detail, status=404)
