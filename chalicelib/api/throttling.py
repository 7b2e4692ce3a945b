"""AWS's request rates, as a setting: a token bucket for each account and operation, per process.

Source: AWS Private CA, "Service quotas"; Amazon EC2 API, "Request throttling" for the token bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import errors, rates
from chalicelib.access import limits

if TYPE_CHECKING:
    from chalicelib.runtime import Caller, Runtime

# Requests per second that AWS allows an account in a region by default; a bucket holds the tokens of one second.
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
    """Count a request of a principal, and take a token of its account for the operation.

    Raises:
        ThrottlingException: the principal, or its account for this operation, has none left.
    """
    limits.take_request(rt, caller)
    if rt.settings.rates == "none":
        return
    rate, account = RATES[operation], f"{caller.account_id}/{rt.settings.region}"
    if not rates.take(rt.rate_tokens, (account, operation), rate=rate, most=rate, now=rt.now()):
        raise errors.ThrottlingException("Rate exceeded", retry_after_seconds=1)
