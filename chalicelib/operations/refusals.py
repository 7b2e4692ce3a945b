"""The errors of the API for refusals of `pki`: one table."""

from __future__ import annotations

from chalicelib import errors
from chalicelib.pki import errors as pki_errors

_TABLE: tuple[tuple[type[Exception], type[errors.ApiError]], ...] = (
    (pki_errors.CsrError, errors.MalformedCSRException),
    (pki_errors.CertificateParseError, errors.MalformedCertificateException),
    (pki_errors.CertificateMismatchError, errors.CertificateMismatchException),
    (pki_errors.ConstraintError, errors.ValidationException),
    (pki_errors.ArgumentError, errors.InvalidArgsException),
    (pki_errors.RequestError, errors.InvalidRequestException),
)


class as_api_errors:  # noqa: N801  used like a function, as those of `pki.errors`
    """Turn a refusal of `pki` that the body raises into the exception that AWS names for it, with member and reason."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, refusal: BaseException | None, _traceback: object) -> None:
        if isinstance(refusal, pki_errors.PkiError):
            for kind, api_error in _TABLE:
                if isinstance(refusal, kind):
                    raise api_error(str(refusal), member=refusal.member, reason=refusal.reason) from refusal
