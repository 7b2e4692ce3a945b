"""A good request of each operation for a CA that need not be there; what probes break is broken in these."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session

from chalicelib.conformance import material

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.model import ServiceModel

PRINCIPAL = "acm.amazonaws.com"
ACTIONS = ["IssueCertificate", "GetCertificate", "ListPermissions"]
_REPORT = "11111111-2222-3333-4444-555555555555"


@cache
def service() -> ServiceModel:
    """Return botocore's model of acm-pca."""
    return botocore.session.get_session().get_service_model("acm-pca")


def policy(arn: str, account: str = "111122223333") -> str:
    """Return a resource policy of the documented form that lets an account read a CA."""
    statement = {
        "Sid": "1",
        "Effect": "Allow",
        "Principal": {"AWS": account},
        "Action": [
            "acm-pca:DescribeCertificateAuthority",
            "acm-pca:GetCertificate",
            "acm-pca:GetCertificateAuthorityCertificate",
            "acm-pca:ListPermissions",
            "acm-pca:ListTags",
        ],
        "Resource": arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def issuance(arn: str) -> dict[str, Any]:
    """Return a good IssueCertificate of a CA with an EC key."""
    validity = {"Type": "DAYS", "Value": 3}
    return {
        "CertificateAuthorityArn": arn,
        "Csr": material.csr(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": validity,
    }


def _named(**more: Any) -> Callable[[str], dict[str, Any]]:
    return lambda arn: {"CertificateAuthorityArn": arn, **more}


_TAGS = [{"Key": "a", "Value": "b"}]
GOOD: dict[str, Callable[[str], dict[str, Any]]] = {
    "CreateCertificateAuthorityAuditReport": _named(S3BucketName="a-bucket", AuditReportResponseFormat="JSON"),
    "CreatePermission": _named(Principal=PRINCIPAL, Actions=ACTIONS),
    "DeleteCertificateAuthority": _named(),
    "DeletePermission": _named(Principal=PRINCIPAL),
    "DeletePolicy": lambda arn: {"ResourceArn": arn},
    "DescribeCertificateAuthority": _named(),
    "DescribeCertificateAuthorityAuditReport": _named(AuditReportId=_REPORT),
    "GetCertificate": lambda arn: {"CertificateAuthorityArn": arn, "CertificateArn": f"{arn}/certificate/{'ab' * 16}"},
    "GetCertificateAuthorityCertificate": _named(),
    "GetCertificateAuthorityCsr": _named(),
    "GetPolicy": lambda arn: {"ResourceArn": arn},
    "ImportCertificateAuthorityCertificate": lambda arn: {
        "CertificateAuthorityArn": arn,
        "Certificate": material.Outside().pem,
    },
    "IssueCertificate": issuance,
    "ListPermissions": _named(),
    "ListTags": _named(),
    "PutPolicy": lambda arn: {"ResourceArn": arn, "Policy": policy(arn)},
    "RestoreCertificateAuthority": _named(),
    "RevokeCertificate": _named(CertificateSerial="ab" * 16, RevocationReason="SUPERSEDED"),
    "TagCertificateAuthority": _named(Tags=_TAGS),
    "UntagCertificateAuthority": _named(Tags=_TAGS),
    "UpdateCertificateAuthority": _named(Status="DISABLED"),
}
