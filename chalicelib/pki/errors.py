"""Refusals of the PKI: the sentence for clients, the member it is about, and the reason in words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


# Both are classes, because a generator costs three times as much, and issuing enters a dozen.


class within:  # noqa: N801  used like a function
    """Place what the body refuses at a path: its member counts from there."""

    __slots__ = ("_path",)

    def __init__(self, *path: str | int) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, PkiError):
            error.member = (*self._path, *error.member)


class refused:  # noqa: N801  used like a function
    """Refuse as `kind` what the body refuses as anything else, with `context` before its text.

    A reason without a member of its own names no place: there the whole text is the reason.
    """

    __slots__ = ("_context", "_kind")

    def __init__(self, kind: type[PkiError], context: str) -> None:
        self._kind, self._context = kind, context

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, PkiError) and not isinstance(error, self._kind):
            says_all = bool(error.member) or isinstance(error, DerError)
            reason = error.reason if says_all else str(error)
            raise self._kind(f"{self._context} {error}", reason=reason, member=error.member) from error


def reason_of(error: ValueError) -> str:
    """The reason for a person, also of what the standard library refuses."""
    if isinstance(error, PkiError):
        return error.reason
    return "It contains characters that are not allowed here." if isinstance(error, UnicodeError) else str(error)
