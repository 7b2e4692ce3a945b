"""Settings and policy of an S3 bucket for CRLs: everybody reads CRLs, Signet writes them, nothing else is public.

They match the bucket in `infrastructure/state.yaml`. In AWS's guide the service principal of AWS Private CA writes;
here the principals that run Signet do.

Source: AWS Private CA User Guide, "Access policies for CRLs in Amazon S3" and "Enabling S3 Block Public Access (BPA)".
"""

from __future__ import annotations

import json
from typing import Any

PROBE = "acm-pca-permission-test-key"
PRIVATE_PROBE = "acm-pca-permission-test-key-private"
_OLD_CRLS = {"ID": "old-crls", "Status": "Enabled", "Filter": {"Prefix": ""}}
# Calls that set up a new bucket, in order, before its policy: action, method, and parameters without the bucket's name.
SETTINGS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "PutPublicAccessBlock",
        "put_public_access_block",
        {
            "PublicAccessBlockConfiguration": dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False
            )
        },
    ),
    ("PutBucketVersioning", "put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
    (
        "PutBucketLifecycleConfiguration",
        "put_bucket_lifecycle_configuration",
        {
            "LifecycleConfiguration": {
                "Rules": [_OLD_CRLS | {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}}],
            }
        },
    ),
)


def policy(bucket: str, *, identity_arn: str, name: str) -> str:
    """Return the bucket policy, as JSON.

    Args:
        bucket: its name.
        identity_arn: the caller's identity, as AWS STS names it, from which the writers follow.
        name: of the installation.
    """
    partition, writer = identity_arn.split(":")[1], writer_of(identity_arn, name)
    bucket_arn = f"arn:{partition}:s3:::{bucket}"
    crls, probe, private_probe = (f"{bucket_arn}/{key}" for key in ("*.crl", PROBE, PRIVATE_PROBE))
    is_signet = {"ArnLike": {"aws:PrincipalArn": writer}}
    statements = [
        {
            "Sid": "SignetChecksTheBucket",
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:ListBucket"],
            "Resource": bucket_arn,
            "Condition": is_signet,
        },
        {
            "Sid": "SignetWritesCrls",
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:PutObject", "s3:PutObjectAcl"],
            "Resource": [crls, probe, private_probe],
            "Condition": is_signet,
        },
        {
            "Sid": "EverybodyReadsCrls",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": crls,
        },
        {
            "Sid": "NothingElseBecomesPublic",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:PutObject", "s3:PutObjectAcl"],
            "NotResource": [crls, probe],
            "Condition": {"StringEquals": {"s3:x-amz-acl": ["public-read", "public-read-write", "authenticated-read"]}},
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def writer_of(identity_arn: str, name: str) -> str:
    """Return the ARN pattern of the writers: all roles of the stack if the caller has one, else the caller.

    The names of a stack's roles begin with the stack's name, which begins with the installation's.
    """
    _, partition, service, _, account, resource = identity_arn.split(":", 5)
    if service != "sts" or not resource.startswith("assumed-role/"):
        return identity_arn
    role = resource.split("/")[1]
    return f"arn:{partition}:iam::{account}:role/{f'{name}-*' if role.startswith(f'{name}-') else role}"
