"""AWS's request rates, as a setting: a token bucket for each account and operation, per process.

Source: AWS Private CA, "Service quotas"; Amazon EC2 API, "Request throttling" for the token bucket.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from chalicelib import errors

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
_TURN = threading.Lock()


def check(rt: Runtime, caller: Caller, operation: str) -> None:
    """Take a token for a request.

    Raises:
        ThrottlingException: the caller's account has none left for this operation.
    """
    if rt.settings.rates == "none":
        return
    rate, now = RATES[operation], rt.now()
    with _TURN:
        tokens, filled_at = rt.rate_tokens.get((caller.account_id, operation), (float(rate), now))
        tokens = min(float(rate), tokens + max(0.0, (now - filled_at).total_seconds()) * rate)
        allowed = tokens >= 1
        rt.rate_tokens[caller.account_id, operation] = (tokens - allowed, now)
    if not allowed:
        raise errors.ThrottlingException("Rate exceeded", retry_after_seconds=1)
