"""Buckets in S3: addresses, settings, policies, and how its refusals are told."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from chalicelib.buckets import BucketError, BucketTakenError, PreconditionFailedError, crl_bucket
from chalicelib.buckets.s3 import S3Buckets
from tests.support.bucket_objects import CA_ARN, CRL, KEY
from tests.support.s3_refusals import refusal

ROOT = Path(__file__).resolve().parents[3]


def settings_of(client: Any, bucket: str) -> dict[str, Any]:
    """What decides who may read a bucket, and what becomes of its old objects."""
    ownership = client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    block = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    (rule,) = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return {
        "ownership": [each["ObjectOwnership"] for each in ownership],
        "blocked": [name for name, on in block.items() if on],
        "versioning": client.get_bucket_versioning(Bucket=bucket)["Status"],
        "old": (rule["ID"], rule["Status"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]),
    }


def test_bucket_in_s3_is_that_of_the_stack(s3: Any) -> None:
    """`infrastructure/state.yaml` says the same in CloudFormation's words."""
    buckets, name = S3Buckets("us-east-1"), f"signet-crl-own-{uuid.uuid4().hex[:8]}"
    buckets.create(name)
    policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
    assert policy == json.loads(buckets.policy(name))
    resources = yaml.safe_load((ROOT / "infrastructure" / "state.yaml").read_text())["Resources"]
    document = resources["CrlBucketPolicy"]["Properties"]["PolicyDocument"]
    assert document["Statement"][0].pop("Condition")["Fn::If"][2] == {"Ref": "AWS::NoValue"}  # unless in a VPC
    text = json.dumps(document)
    text = re.sub(r'\{"Fn::Sub": "\$\{CrlBucket\.Arn\}([^"]*)"\}', rf'"arn:aws:s3:::{name}\1"', text)
    assert [each for each in policy["Statement"] if not each["Sid"].startswith("Signet")] == json.loads(text)[
        "Statement"
    ]
    bucket = resources["CrlBucket"]["Properties"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert settings_of(s3, name) == {
        "ownership": [each["ObjectOwnership"] for each in bucket["OwnershipControls"]["Rules"]],
        "blocked": [key for key, on in bucket["PublicAccessBlockConfiguration"].items() if on["Fn::If"][1]],
        "versioning": bucket["VersioningConfiguration"]["Status"],
        "old": (rule["Id"], rule["Status"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]),
    }
    s3.delete_bucket(Bucket=name)


IDENTITIES = {
    "user": ("arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:user/bob"),
    "root": ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"),
    "stack": (
        "arn:aws-cn:sts::111122223333:assumed-role/signet-APIHandlerRole-X/signet",
        "arn:aws-cn:iam::111122223333:role/signet-*",
    ),
    "role": ("arn:aws:sts::111122223333:assumed-role/dev-ops/bob", "arn:aws:iam::111122223333:role/dev-ops"),
    "another installation's": (
        "arn:aws:sts::111122223333:assumed-role/signet2-APIHandlerRole-X/signet",
        "arn:aws:iam::111122223333:role/signet2-APIHandlerRole-X",
    ),
}


@pytest.mark.parametrize("case", IDENTITIES)
def test_policy_lets_those_write_who_run_signet(case: str) -> None:
    identity, writer = IDENTITIES[case]
    statements = json.loads(crl_bucket.policy("bucket", identity_arn=identity, name="signet"))["Statement"]
    writing = [each for each in statements if each["Effect"] == "Allow" and each["Action"] != "s3:GetObject"]
    assert [each["Condition"] for each in writing] == [{"ArnLike": {"aws:PrincipalArn": writer}}] * 2
    assert {action for each in writing for action in each["Action"]} == {
        *("s3:GetBucketAcl", "s3:GetBucketLocation", "s3:ListBucket", "s3:PutObject", "s3:PutObjectAcl")
    }
    resources = re.findall(r"arn:[^:]+:s3:::[^\"]+", json.dumps(statements))
    assert {each.split("/")[0] for each in resources} == {f"arn:{identity.split(':')[1]}:s3:::bucket"}


def test_bucket_of_the_owner_is_finished_only_if_it_is_untouched(s3: Any) -> None:
    buckets = S3Buckets("us-east-1")
    s3.put_object(Bucket="bucket", Key="data", Body=b"private")
    buckets.create("bucket")
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="bucket")
    s3.delete_object(Bucket="bucket", Key="data")
    buckets.create("bucket")
    assert s3.get_bucket_policy(Bucket="bucket")["Policy"]
    statements = json.loads(buckets.policy("bucket"))["Statement"]
    own = json.dumps({"Version": "2012-10-17", "Statement": statements[2:]})
    s3.put_bucket_policy(Bucket="bucket", Policy=own)
    buckets.create("bucket")
    assert s3.get_bucket_policy(Bucket="bucket")["Policy"] == own


def test_s3_addresses_are_formed_as_aws_forms_them() -> None:
    assert S3Buckets("eu-west-1").object_url("bucket", KEY) == f"http://bucket.s3.eu-west-1.amazonaws.com/{KEY}"
    behind = S3Buckets("eu-west-1", hosts={"bucket": "d1.cloudfront.net"})
    assert behind.object_url("bucket", KEY) == f"http://d1.cloudfront.net/{KEY}"
    assert behind.object_url("other", KEY) == f"http://other.s3.eu-west-1.amazonaws.com/{KEY}"
    assert S3Buckets("eu-west-1").object_url("a.b", KEY) == f"http://s3.eu-west-1.amazonaws.com/a.b/{KEY}"
    assert S3Buckets("cn-north-1").object_url("bucket", KEY) == f"http://bucket.s3.cn-north-1.amazonaws.com.cn/{KEY}"


@pytest.mark.usefixtures("s3")
def test_s3_bucket_that_does_not_exist_is_named() -> None:
    with pytest.raises(BucketError, match="does not exist") as caught:
        S3Buckets("us-east-1").check("no-such-bucket", "PUBLIC_READ", CA_ARN)
    assert caught.value.misconfigured


REFUSALS = {
    "location": ("GetBucketLocation", "AccessDenied", 403, "s3:GetBucketLocation"),
    "acl": ("GetBucketAcl", "AccessDenied", 403, "s3:GetBucketAcl"),
    "put": ("PutObject", "AccessDenied", 403, "Block Public Access"),
    "ownership": ("PutObject", "AccessControlListNotSupported", 400, "BucketOwnerEnforced"),
}


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("case", REFUSALS)
def test_s3_check_says_what_is_missing(case: str) -> None:
    """The answers are S3's own documents, given by the HTTP layer of the real client."""
    operation, code, status, text = REFUSALS[case]
    buckets = S3Buckets("us-east-1")
    buckets._client.meta.events.register(f"before-send.s3.{operation}", refusal(code, status))
    with pytest.raises(BucketError, match=text) as caught:
        buckets.check("bucket", "PUBLIC_READ", CA_ARN)
    assert caught.value.misconfigured


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(("code", "status"), [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409)])
def test_s3_conflict_means_look_again(code: str, status: int) -> None:
    buckets = S3Buckets("us-east-1")
    buckets._client.meta.events.register("before-send.s3.PutObject", refusal(code, status))
    with pytest.raises(PreconditionFailedError):
        buckets.put("bucket", KEY, b"x", expected_etag="x", **CRL)


def test_s3_that_does_not_answer_is_a_bucket_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(BucketError, match="does not answer") as caught:
        S3Buckets("us-east-1").get("bucket", KEY)
    assert not caught.value.misconfigured


STOPS = {
    "create": ("CreateBucket", "AccessDenied", 403, BucketError, "signet-crl-own-"),
    "ownership": ("CreateBucket", "AccessDenied", 403, BucketError, "BucketOwnerEnforced"),
    "taken": ("CreateBucket", "BucketAlreadyExists", 409, BucketTakenError, "belongs to another account"),
    "block": ("PutPublicAccessBlock", "AccessDenied", 403, BucketError, "s3:PutBucketPublicAccessBlock is not allowed"),
    "policy": ("PutBucketPolicy", "AccessDenied", 403, BucketError, "BlockPublicPolicy"),
    "versions": ("PutBucketVersioning", "AccessDenied", 403, BucketError, "s3:PutBucketVersioning"),
    "list": ("ListBuckets", "AccessDenied", 403, BucketError, "s3:ListAllMyBuckets"),
}


@pytest.mark.parametrize("case", STOPS)
def test_s3_bucket_that_cannot_be_made_says_which_setting_stops_it(s3: Any, case: str) -> None:
    operation, code, status, kind, text = STOPS[case]
    buckets, name = S3Buckets("us-east-1"), f"signet-crl-own-{uuid.uuid4().hex[:8]}"
    refuse = refusal(code, status)
    buckets._client.meta.events.register(f"before-send.s3.{operation}", refuse)
    with pytest.raises(BucketError, match=text) as caught:
        buckets.create(name)
    assert type(caught.value) is kind
    assert caught.value.misconfigured
    buckets._client.meta.events.unregister(f"before-send.s3.{operation}", refuse)
    buckets.create(name)  # once it is allowed, the same call finishes what was begun
    assert s3.get_bucket_policy(Bucket=name)["Policy"]
    s3.delete_bucket(Bucket=name)
