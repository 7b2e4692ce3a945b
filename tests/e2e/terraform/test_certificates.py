"""Certificates, permissions and policies of the acceptance tests of Terraform's AWS provider."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from tests.support.terraform import END_DATE, Terraform

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.long]


@pytest.mark.laptop
def test_certificates_of_the_providers_acceptance_tests(tmp_path: Path, home: Home, s3: str) -> None:
    soon = int(time.time()) + 600
    terraform = Terraform(tmp_path, home, s3, "acceptance/provider.tf", "acceptance/certificate.tf", absolute=soon)
    terraform.init()
    with terraform.served():
        assert "14 added, 0 changed, 0 destroyed" in terraform.apply()
        outputs = terraform.outputs()
        assert set(outputs["waiting_chains"]) == {""}
        assert all(chain.startswith("-----BEGIN CERTIFICATE-----") for chain in outputs["chains"].values())
        ends = {
            name: x509.load_pem_x509_certificate(
                terraform.resources()[address]["certificate"].encode()
            ).not_valid_after_utc
            for name in ("absolute", "end_date")
            for address in [f'aws_acmpca_certificate.leaf["{name}"]']
        }
        assert int(ends["absolute"].timestamp()) == soon
        assert ends["end_date"].isoformat() == END_DATE.replace("Z", "+00:00")
        terraform.imported("aws_acmpca_certificate.root", "aws_acmpca_certificate.subordinate")
        assert "14 destroyed" in terraform.run("destroy", "-auto-approve")


@pytest.mark.laptop
def test_permissions_of_the_providers_acceptance_tests(tmp_path: Path, home: Home, s3: str) -> None:
    terraform = Terraform(tmp_path, home, s3, "acceptance/provider.tf", "acceptance/permission.tf")
    terraform.init()
    with terraform.served():
        assert "4 added, 0 changed, 0 destroyed" in terraform.apply()
        outputs = terraform.outputs()
        assert outputs["source_accounts"] == [outputs["account"]] * 2
        for policy in outputs["policies"]:
            assert json.loads(policy)["Statement"][0]["Principal"] == {"Service": "acm.amazonaws.com"}
        assert "4 destroyed" in terraform.run("destroy", "-auto-approve")


@pytest.mark.laptop
def test_policy_of_the_providers_acceptance_test(tmp_path: Path, home: Home, s3: str) -> None:
    terraform = Terraform(tmp_path, home, s3, "acceptance/provider.tf", "acceptance/policy.tf")
    terraform.init()
    with terraform.served():
        assert "2 added, 0 changed, 0 destroyed" in terraform.apply()
        terraform.imported("aws_acmpca_policy.test")
        assert "No changes" in terraform.run("plan", "-detailed-exitcode")
        assert "2 destroyed" in terraform.run("destroy", "-auto-approve")
