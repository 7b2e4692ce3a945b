"""The errors of the API for refusals of `pki`: one table."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.pki import errors as pki_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLE: tuple[tuple[type[Exception], type[errors.ApiError]], ...] = (
    (pki_errors.CsrError, errors.MalformedCSRException),
    (pki_errors.CertificateParseError, errors.MalformedCertificateException),
    (pki_errors.CertificateMismatchError, errors.CertificateMismatchException),
    (pki_errors.ConstraintError, errors.ValidationException),
    (pki_errors.ArgumentError, errors.InvalidArgsException),
    (pki_errors.RequestError, errors.InvalidRequestException),
)


@contextmanager
def as_api_errors() -> Iterator[None]:
    """Turn a refusal of `pki` that the body raises into the exception that AWS names for it, with member and reason."""
    try:
        yield
    except pki_errors.PkiError as refusal:
        for kind, api_error in _TABLE:
            if isinstance(refusal, kind):
                raise api_error(str(refusal), member=refusal.member, reason=refusal.reason) from refusal
        raise
