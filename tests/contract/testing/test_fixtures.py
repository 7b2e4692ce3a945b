"""The fixtures and the mock: unmodified code that calls AWS Private CA reaches the Signet of the test."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.testing import authorities, interception, mock_acm_pca
from tests.support.authority_steps import create, fetch, issue
from tests.support.hostile_csrs import HOSTILE

if TYPE_CHECKING:
    from chalicelib.testing.authorities import Authority
    from chalicelib.testing.signet import Signet


def arns(client: Any) -> list[str]:
    return [ca["Arn"] for ca in client.list_certificate_authorities()["CertificateAuthorities"]]


def test_code_that_knows_of_no_test_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    with mock_acm_pca():
        arn = create(boto3.client("acm-pca"))
        assert arn.startswith("arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/")
        assert arns(boto3.session.Session().client("acm-pca")) == [arn]
    assert "AWS_ACCESS_KEY_ID" not in os.environ


def test_sessions_share_what_botocore_has_read_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    found, before = [], boto3.DEFAULT_SESSION
    for account, region in (("111122223333", "eu-west-1"), ("444455556666", "us-west-2")):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", account)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        with mock_acm_pca():
            found.append(create(boto3.client("acm-pca")).split(":")[3:5])
            assert boto3.client("s3").meta.region_name == region
    assert found == [["eu-west-1", "111122223333"], ["us-west-2", "444455556666"]]
    paths = interception._loader(None).search_paths
    assert len(paths) == len(set(paths))
    assert boto3.DEFAULT_SESSION is before


def test_mock_ends_with_its_state() -> None:
    with mock_acm_pca() as outer:
        create(boto3.client("acm-pca", "us-east-1"))
        with mock_acm_pca() as signet:
            client = boto3.client("acm-pca", "us-east-1")
            create(client)
            data = Path(signet.regions.home("us-east-1").settings.data)
            assert data.is_dir()
        assert outer.state()["certificateAuthorities"]["us-east-1"] == arns(client)
    time.sleep(1.5)  # longer than whoever writes the audit record waits before it settles
    assert not data.parent.exists()


def test_nothing_is_intercepted_without_a_mock() -> None:
    client = boto3.client(
        "acm-pca", "us-east-1", endpoint_url="http://127.0.0.1:1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with pytest.raises(Exception, match="Could not connect"):
        client.list_certificate_authorities()


def test_client_that_was_made_earlier_can_be_patched(signet: Signet) -> None:
    client = boto3.client("acm-pca", "us-east-1")
    client.meta.events.unregister(interception._EVENT, interception._before_send)
    interception.patch_client(client)
    interception.patch_client(client)
    assert arns(client) == []


def test_account_is_the_access_key_id_or_the_default(signet: Signet) -> None:
    default = boto3.client("acm-pca", "us-east-1", aws_access_key_id="AKIAANYBODY", aws_secret_access_key="any")
    credentials: Any = signet.credentials("111122223333")
    other = boto3.session.Session(**credentials).client("acm-pca", "us-east-1")
    found = {create(client).split(":")[4]: arns(client) for client in (default, other)}
    assert set(found) == {"123456789012", "111122223333"}
    assert all(len(listed) == 1 and f":{account}:" in listed[0] for account, listed in found.items())


def test_session_token_of_somebody_else_is_taken(signet: Signet) -> None:
    client = boto3.client(
        "acm-pca",
        "us-east-1",
        aws_access_key_id="ASIAANYBODY",
        aws_secret_access_key="any",
        aws_session_token="any token",
    )
    assert arns(client) == []


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn"), ("eusc-de-east-1", "aws-eusc")],
)
def test_region_has_its_partition_and_its_own_state(signet: Signet, region: str, partition: str) -> None:
    there = boto3.client("acm-pca", region_name=region)
    arn = authorities.root(there).arn
    assert arn.startswith(f"arn:{partition}:acm-pca:{region}:")
    assert arns(there) == [arn]
    assert arns(boto3.client("acm-pca", "us-east-1")) == []
    with pytest.raises(ClientError) as caught:
        boto3.client("acm-pca", "us-east-1").describe_certificate_authority(CertificateAuthorityArn=arn)
    assert caught.value.response["Error"]["Code"] in {"InvalidArnException", "ResourceNotFoundException"}


def test_reset_begins_anew(signet: Signet, acm_pca: Any) -> None:
    create(acm_pca)
    signet.clock.advance("4d")
    signet.faults.add("throttle")
    signet.reset()
    assert arns(acm_pca) == []
    assert signet.clock.ahead.total_seconds() == 0
    assert signet.state()["faults"] == []


def test_root_is_ready_to_issue(signet_ca_root: Authority, acm_pca: Any) -> None:
    described = acm_pca.describe_certificate_authority(CertificateAuthorityArn=signet_ca_root.arn)
    assert described["CertificateAuthority"]["Status"] == "ACTIVE"
    issued = signet_ca_root.issue("www.example.com")
    leaf, root = (x509.load_pem_x509_certificate(pem.encode()) for pem in (issued.certificate, issued.chain))
    leaf.verify_directly_issued_by(root)
    assert issued.chain.strip() == signet_ca_root.certificate.strip()
    assert issued.private_key not in repr(issued)


@pytest.mark.signet_ca(key_algorithm="RSA_2048")
def test_chain_has_the_key_of_its_marker(signet_ca_chain: Authority) -> None:
    issued = signet_ca_chain.issue("www.example.com")
    leaf = x509.load_pem_x509_certificate(issued.certificate.encode())
    below, root = x509.load_pem_x509_certificates(issued.chain.encode())
    leaf.verify_directly_issued_by(below)
    below.verify_directly_issued_by(root)
    assert isinstance(below.public_key(), rsa.RSAPublicKey)
    assert isinstance(root.public_key(), rsa.RSAPublicKey)


@pytest.mark.parametrize("word", ["signet_ca_root", "signet_ca_chain"])
@pytest.mark.signet_ca(key_algorithm="ML_DSA_44")
def test_key_algorithm_may_be_its_own_signing_algorithm(word: str, request: pytest.FixtureRequest) -> None:
    assert request.getfixturevalue(word).issue("www.example.com").certificate.startswith("-----BEGIN")


def test_signature_that_is_missing_is_refused_as_by_aws(signet: Signet) -> None:
    from botocore import UNSIGNED
    from botocore.config import Config

    client = boto3.client("acm-pca", "us-east-1", config=Config(signature_version=UNSIGNED))
    with pytest.raises(ClientError) as caught:
        client.list_certificate_authorities()
    assert caught.value.response["Error"]["Code"] == "MissingAuthenticationTokenException"


def test_csr_that_aws_takes_is_taken(signet_ca_root: Authority, acm_pca: Any) -> None:
    """keytool writes C=Unknown where nobody answers its questions; IP addresses are often given as DNS names."""
    asked = HOSTILE["san-dns-ip"]()
    issued = issue(acm_pca, signet_ca_root.arn, Csr=asked)
    names = fetch(acm_pca, signet_ca_root.arn, issued).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["192.0.2.1"]
