"""AWS's request rates, as a setting: a token bucket for each account and operation, per process.

Source: AWS Private CA, "Service quotas"; Amazon EC2 API, "Request throttling" for the token bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import errors, rates

if TYPE_CHECKING:
    from chalicelib.runtime import Caller, Runtime

# Requests per second that AWS allows an account by default; a bucket holds the tokens of one second.
RATES = {
    "GetCertificate": 75,
    "IssueCertificate": 25,
    **dict.fromkeys(
        (
            "DescribeCertificateAuthority",
            "DescribeCertificateAuthorityAuditReport",
            "GetCertificateAuthorityCertificate",
            "ListCertificateAuthorities",
            "ListTags",
            "RestoreCertificateAuthority",
            "RevokeCertificate",
            "SearchCertificates",  # Signet's own
        ),
        20,
    ),
    **dict.fromkeys(
        (
            "DeleteCertificateAuthority",
            "GetCertificateAuthorityCsr",
            "ImportCertificateAuthorityCertificate",
            "TagCertificateAuthority",
            "UntagCertificateAuthority",
            "UpdateCertificateAuthority",
        ),
        10,
    ),
    **dict.fromkeys(("DeletePolicy", "GetPolicy", "ListPermissions", "PutPolicy"), 5),
    **dict.fromkeys(
        (
            "CreateCertificateAuthority",
            "CreateCertificateAuthorityAuditReport",
            "CreatePermission",
            "DeletePermission",
        ),
        1,
    ),
}


def take_token(rt: Runtime, caller: Caller, operation: str) -> None:
    """Take a token for a request.

    Raises:
        ThrottlingException: the caller's account has none left for this operation.
    """
    if rt.settings.rates == "none":
        return
    rate = RATES[operation]
    if not rates.take(rt.rate_tokens, (caller.account_id, operation), rate=rate, most=rate, now=rt.now()):
        raise errors.ThrottlingException("Rate exceeded", retry_after_seconds=1)
