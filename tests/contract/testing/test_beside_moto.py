"""moto and Signet in one test: S3 is moto's, AWS Private CA is Signet's, whose CRLs and audit reports are in it."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from moto import mock_aws

from chalicelib.testing import authorities, mock_acm_pca

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.testing.signet import Signet


@pytest.fixture(params=["signet inside", "moto inside"])
def both(request: pytest.FixtureRequest) -> Iterator[Signet]:
    if request.param == "signet inside":
        with mock_aws(), mock_acm_pca() as made:
            yield made
    else:
        with mock_acm_pca() as made, mock_aws():
            yield made


def test_crl_and_audit_report_are_in_buckets_of_moto(both: Signet) -> None:
    s3: Any = boto3.client("s3", "us-east-1")
    s3.create_bucket(Bucket="my-bucket")
    s3.put_public_access_block(Bucket="my-bucket", PublicAccessBlockConfiguration={"BlockPublicAcls": False})
    client: Any = boto3.client("acm-pca", "us-east-1")
    ca = authorities.root(client, crl_bucket="my-bucket")
    issued = ca.issue("www.example.com")
    ca.revoke(issued)
    client.create_certificate_authority_audit_report(
        CertificateAuthorityArn=ca.arn, S3BucketName="my-bucket", AuditReportResponseFormat="JSON"
    )
    both.clock.advance("1m")
    objects = {each["Key"]: s3.get_object(Bucket="my-bucket", Key=each["Key"])["Body"].read() for each in listed(s3)}
    (crl,) = [x509.load_der_x509_crl(body) for key, body in objects.items() if key.endswith(".crl")]
    assert [f"{entry.serial_number:x}" for entry in crl] == [issued.arn.rsplit("/", 1)[1].lstrip("0")]
    (report,) = [json.loads(body) for key, body in objects.items() if key.endswith(".json")]
    assert {entry["certificateArn"] for entry in report} >= {issued.arn}


def listed(s3: Any) -> Any:
    return s3.list_objects_v2(Bucket="my-bucket")["Contents"]


def test_bucket_that_moto_does_not_have_is_refused(both: Signet) -> None:
    with pytest.raises(ClientError, match="bucket does not exist"):
        authorities.root(boto3.client("acm-pca", "us-east-1"), crl_bucket="no-such-bucket")


def test_account_of_both_is_the_same(both: Signet) -> None:
    identity = boto3.client("sts", "us-east-1").get_caller_identity()
    arn = authorities.root(boto3.client("acm-pca", "us-east-1")).arn
    assert identity["Account"] == arn.split(":")[4] == both.account_id


@pytest.mark.parametrize("order", ["signet inside", "moto inside"])
def test_credentials_that_moto_recommends_are_those_of_the_default_account(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source: https://docs.getmoto.org/en/latest/docs/getting_started.html, "Recommended Usage"."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    mocks = [mock_aws(), mock_acm_pca()]
    with ExitStack() as active:
        for mock in mocks if order == "signet inside" else reversed(mocks):
            active.enter_context(mock)
        client: Any = boto3.client("acm-pca")
        boto3.client("s3").create_bucket(Bucket="my-bucket")
        assert authorities.root(client, crl_bucket="my-bucket").arn.split(":")[4] == "123456789012"
        assert len(client.list_certificate_authorities()["CertificateAuthorities"]) == 1
    assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"
