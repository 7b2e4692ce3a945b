"""One laptop home and clients in three regions of two partitions: CAs are apart, background work covers all of them."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from chalicelib.testing import authorities

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
PARTITIONS = {"us-east-1": "aws", "eu-west-1": "aws", "us-gov-west-1": "aws-us-gov"}
CONFIGURATION = '{"KeyAlgorithm":"EC_prime256v1","SigningAlgorithm":"SHA256WITHECDSA","Subject":{"CommonName":"Root"}}'


def aws(home: Home, region: str, *words: str) -> Any:
    return json.loads(home.aws(*words, "--region", region).stdout)


def test_cli_in_three_regions_has_three_lists(home: Home) -> None:
    create = ("create-certificate-authority", "--certificate-authority-type", "ROOT", "--idempotency-token", "once")
    made = {
        region: aws(home, region, *create, "--certificate-authority-configuration", CONFIGURATION)[
            "CertificateAuthorityArn"
        ]
        for region in PARTITIONS
    }
    for region, arn in made.items():
        assert arn.startswith(f"arn:{PARTITIONS[region]}:acm-pca:{region}:000000000000:certificate-authority/")
        listed = aws(home, region, "list-certificate-authorities")["CertificateAuthorities"]
        assert [ca["Arn"] for ca in listed] == [arn]
    words = ("describe-certificate-authority", "--certificate-authority-arn", made["us-gov-west-1"])
    assert "(ResourceNotFoundException)" in home.aws(*words, "--region", "eu-west-1", check=False).stderr
    assert {ca["Arn"] for ca in home.status()} == {*made.values()}
    unknown = home.aws("list-certificate-authorities", "--region", "us-moon-1", check=False)
    assert "Credential should be scoped to a valid region, not 'us-moon-1'." in unknown.stderr


def test_env_names_the_region_that_is_asked_for(home: Home) -> None:
    assert json.loads(home.signet("env", "--region", "eu-west-1", "--json").stdout)["AWS_REGION"] == "eu-west-1"
    refused = home.signet("env", "--region", "moon", check=False)
    assert (refused.returncode, "This home has no region 'moon'." in refused.stderr) == (2, True)


def test_crls_of_every_region_are_published_by_one_command(home: Home) -> None:
    issued = {}
    for region in PARTITIONS:
        root = authorities.root(home.client(region_name=region), crl_bucket="crls")
        issued[region] = root.issue(f"{region}.example.com")
        root.revoke(issued[region])
    home.signet("crl", "publish")
    for each in issued.values():
        certificate = x509.load_pem_x509_certificate(each.certificate.encode())
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        name = (points[0].full_name or [])[0]
        with urllib.request.urlopen(name.value, timeout=20) as answer:
            crl = x509.load_der_x509_crl(answer.read())
        assert crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
    home.signet("crl", "verify")
