"""The CAs of the acceptance tests of Terraform's AWS provider."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.terraform import Terraform

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.long]


@pytest.mark.laptop
@pytest.mark.timeout(1200)
def test_cas_of_the_providers_acceptance_tests(tmp_path: Path, home: Home, s3: str) -> None:
    terraform = Terraform(tmp_path, home, s3, "acceptance/provider.tf", "acceptance/certificate_authority.tf")
    terraform.init()
    assert "15 added, 0 changed, 0 destroyed" in terraform.apply()
    ca = "aws_acmpca_certificate_authority"
    found = terraform.resources()
    assert (
        found[f"{ca}.basic"]
        | {
            "type": "SUBORDINATE",
            "enabled": True,
            "usage_mode": "SHORT_LIVED_CERTIFICATE",
            "key_storage_security_standard": "FIPS_140_2_LEVEL_3_OR_HIGHER",
            "permanent_deletion_time_in_days": 30,
            "serial": "",
            "certificate": "",
            "certificate_chain": "",
        }
        == found[f"{ca}.basic"]
    )
    assert terraform.outputs()["root_status"] == "ACTIVE"
    names = [*(f'{ca}.crl["{name}"]' for name in ("custom_cname", "enabled", "expiration_in_days", "s3_object_acl"))]
    names += [f'{ca}.ocsp["enabled"]', f'{ca}.ocsp["custom_cname"]', f"{ca}.basic", f"{ca}.empty"]
    terraform.imported(f"{ca}.basic", f'{ca}.crl["custom_cname"]', f'{ca}.ocsp["custom_cname"]')
    for step in (1, 2, 3):
        assert re.search(r"0 added, [1-9] changed, 0 destroyed", terraform.apply(step=step))
    for address in names:
        (configuration,) = terraform.resources()[address]["revocation_configuration"]
        assert not configuration["crl_configuration"][0]["enabled"]
        assert not configuration["ocsp_configuration"][0]["enabled"]
    assert "15 destroyed" in terraform.run("destroy", "-auto-approve", "-var", "step=3")
