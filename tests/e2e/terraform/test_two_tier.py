"""Terraform makes and destroys a two-tier PKI, and CAs in two regions."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from cryptography import x509

from tests.support.home import Home
from tests.support.terraform import END_DATE, Terraform

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def crl_bucket(s3: str) -> set[str]:
    client = boto3.client(
        "s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="s3", aws_secret_access_key="s3-secret"
    )
    return {each["Key"] for each in client.list_objects_v2(Bucket="two-tier-crl").get("Contents", [])}


@pytest.mark.laptop
def test_two_regions_of_two_partitions_are_at_one_address(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.start()
    terraform = Terraform(tmp_path, home, "", "two_regions/main.tf")
    terraform.init()
    assert "4 added, 0 changed, 0 destroyed" in terraform.run("apply", "-auto-approve")
    assert "No changes" in terraform.run("plan", "-detailed-exitcode")
    europe, gov = terraform.outputs()["arns"]
    assert europe.startswith("arn:aws:acm-pca:eu-west-1:")
    assert gov.startswith("arn:aws-us-gov:acm-pca:us-gov-west-1:")
    assert {ca["Arn"]: ca["Status"] for ca in home.status()} == {europe: "PENDING_CERTIFICATE", gov: "ACTIVE"}
    assert "4 destroyed" in terraform.run("destroy", "-auto-approve")
    home.stop()


def test_two_tier_pki_comes_stays_and_goes(tmp_path: Path, home: Home, s3: str) -> None:
    terraform = Terraform(tmp_path, home, s3, "main.tf")
    terraform.init()
    assert "12 added, 0 changed, 0 destroyed" in terraform.run("apply", "-auto-approve")
    assert "No changes" in terraform.run("plan", "-detailed-exitcode")

    outputs = terraform.outputs()
    check_what_was_made(home, outputs, tmp_path)
    assert f"crl/{outputs['issuing_arn'].rsplit('/', 1)[1]}.crl" in crl_bucket(s3)

    changed = terraform.run("apply", "-auto-approve", "-var", "owner=security")
    assert "0 added, 1 changed, 0 destroyed" in changed
    client = home.client()
    tags = client.list_tags(CertificateAuthorityArn=outputs["issuing_arn"])["Tags"]
    assert {each["Key"]: each["Value"] for each in tags} == {"Name": "issuing", "Owner": "security"}

    assert "12 destroyed" in terraform.run("destroy", "-auto-approve", "-var", "owner=security")
    for arn in (outputs["root_arn"], outputs["issuing_arn"]):
        gone = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
        assert gone["Status"] == "DELETED"


def check_what_was_made(home: Home, outputs: dict[str, Any], work: Path) -> None:
    """What Terraform says is there, seen by another client, and by OpenSSL."""
    assert outputs["issuing_status"] == "ACTIVE"
    client = home.client()
    arn = outputs["issuing_arn"]
    (permission,) = client.list_permissions(CertificateAuthorityArn=arn)["Permissions"]
    assert sorted(permission["Actions"]) == ["GetCertificate", "IssueCertificate", "ListPermissions"]
    policy = json.loads(client.get_policy(ResourceArn=arn)["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["Read", "Issue"]

    passed = x509.load_pem_x509_certificate(outputs["passthrough"].encode())
    assert passed.not_valid_after_utc.isoformat() == END_DATE.replace("Z", "+00:00")
    assert passed.subject.rfc4514_string() == "CN=passthrough.example.com"
    names = passed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["passthrough.example.com"]
    (point,) = passed.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    assert point.full_name[0].value == f"http://crl.example.com/crl/{arn.rsplit('/', 1)[1]}.crl"

    issuing, root = x509.load_pem_x509_certificates(outputs["leaf_chain"].encode())
    assert "CN=Example Issuing CA" in issuing.subject.rfc4514_string()
    assert root.subject == root.issuer
    (work / "chain.pem").write_text(outputs["leaf_chain"])
    (work / "leaf.pem").write_text(outputs["leaf"])
    command = ["openssl", "verify", "-x509_strict", "-CAfile", "chain.pem", "leaf.pem"]
    verified = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False, timeout=30)
    assert verified.stdout == "leaf.pem: OK\n", verified.stderr
