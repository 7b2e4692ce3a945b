"""Resource policies: a statement, AWS's documented policy, and the accounts that they name."""

from __future__ import annotations

import json
from typing import Any

OTHER, THIRD = "111111111111", "222222222222"
READ = [
    f"acm-pca:{name}"
    for name in (
        "DescribeCertificateAuthority",
        "GetCertificate",
        "GetCertificateAuthorityCertificate",
        "ListPermissions",
        "ListTags",
    )
]
LEAF_TEMPLATE = "arn:aws:acm-pca:::template/EndEntityCertificate/V1"


def statement(arn: str, **more: Any) -> dict[str, Any]:
    """A statement that lets another account read."""
    return {"Sid": "1", "Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": READ, "Resource": arn} | more


def policy(*statements: Any, **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)} | more)


def documented(arn: str, account: str = OTHER) -> str:
    """The policy of AWS's guide: reading, and issuing by one template."""
    issuing = {
        "Action": "acm-pca:IssueCertificate",
        "Condition": {"StringEquals": {"acm-pca:TemplateArn": LEAF_TEMPLATE}},
    }
    principal = {"Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    return policy(statement(arn, **principal), statement(arn, **principal, **issuing))
