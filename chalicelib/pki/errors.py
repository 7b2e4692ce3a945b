"""Refusals of the PKI: the sentence for clients, the member it is about, and the reason in words for people."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.errors import Member


class PkiError(ValueError):
    """A broken rule; its text is for clients of the API.

    Attributes:
        reason: the sentence for a person who sees it beside the member; the text, unless that says more.
        member: the path of the member, from where the caller of the function stands; () for none or several.
    """

    def __init__(self, text: str, *, reason: str = "", member: Member = ()) -> None:
        super().__init__(text)
        self.reason = reason or text
        self.member = member


class CsrError(PkiError):
    """A CSR does not parse, does not verify, or breaks a rule for CSRs."""


class CertificateParseError(PkiError):
    """A certificate does not parse, or a field of it is invalid."""


class CertificateMismatchError(PkiError):
    """A certificate is not for this CA, or breaks a condition of its signer."""


class ConstraintError(PkiError):
    """A validity, path length or basic constraint does not hold."""


class ArgumentError(PkiError):
    """Arguments contradict one another, or name something that does not exist."""


class RequestError(PkiError):
    """The request cannot be performed at all."""


class SignatureError(PkiError):
    """A signature that was just made does not verify: the key or its holder is broken."""


class GateError(PkiError):
    """A rule of the strict gate does not hold; the gate `aws` does not have it."""


class DerError(PkiError):
    """Bytes are not strict DER."""


class LintError(PkiError):
    """A certificate that is about to be signed breaks a rule of the linter.

    Attributes:
        rule: the name of the rule.
        oid: the extension that breaks it; empty: it is another part.
    """

    def __init__(self, rule: str, text: str, *, oid: str = "") -> None:
        super().__init__(text)
        self.rule = rule
        self.oid = oid


@contextmanager
def within(*path: str | int) -> Iterator[None]:
    """Place what the body refuses at a path: its member counts from there."""
    try:
        yield
    except PkiError as error:
        error.member = (*path, *error.member)
        raise


@contextmanager
def refused(kind: type[PkiError], context: str) -> Iterator[None]:
    """Refuse as `kind` what the body refuses as anything else, with `context` before its text.

    A reason without a member of its own names no place: there the whole text is the reason.
    """
    try:
        yield
    except kind:
        raise
    except PkiError as error:
        says_all = bool(error.member) or isinstance(error, DerError)
        reason = error.reason if says_all else str(error)
        raise kind(f"{context} {error}", reason=reason, member=error.member) from error


def reason_of(error: ValueError) -> str:
    """The reason for a person, also of what the standard library refuses."""
    if isinstance(error, PkiError):
        return error.reason
    return "It contains characters that are not allowed here." if isinstance(error, UnicodeError) else str(error)
