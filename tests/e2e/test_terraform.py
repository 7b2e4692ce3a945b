"""Terraform and the AWS provider, unmodified: a two-tier PKI, and what the provider's own acceptance tests make.

Buckets are in an S3 of moto's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from cryptography import x509
from moto.server import ThreadedMotoServer

from tests.support.builders import csr
from tests.support.home import ROOT, Home
from tests.support.localstack_home import LocalStackHome

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.long]

REGISTRY = "registry.terraform.io"
OTHER_ACCOUNT = "222222222222"
END_DATE = "2027-06-30T12:00:00Z"
# Arguments that no operation returns; the provider's acceptance tests leave them out, too.
_NOT_READ = {
    "api_passthrough",
    "certificate_signing_request",
    "permanent_deletion_time_in_days",
    "signing_algorithm",
    "template_arn",
    "timeouts",
    "validity",
}
S3_KEYS = {"AWS_ACCESS_KEY_ID": "s3", "AWS_SECRET_ACCESS_KEY": "s3-secret"}


def provider_mirror() -> Path | None:
    """A folder of providers: one that TF_PROVIDER_MIRROR names, or one of the usual places."""
    named = os.environ.get("TF_PROVIDER_MIRROR")
    usual = [Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins"), *Path("/opt").glob("*")]
    places = [Path(named)] if named else usual
    return next((each for each in places if (each / REGISTRY / "hashicorp/aws").is_dir()), None)


@pytest.fixture(scope="module")
def s3(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.config.getoption("--localstack"):
        yield request.getfixturevalue("localstack").url
        return
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(scope="module")
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, s3: str) -> Iterator[Home]:
    work = tmp_path_factory.mktemp("terraform")
    if request.config.getoption("--localstack"):
        made: Home = LocalStackHome(request.getfixturevalue("localstack"), work)
    else:
        made = Home(work / "home", SIGNET_BUCKETS="s3", AWS_ENDPOINT_URL_S3=s3, **S3_KEYS)
    made.start()
    yield made
    if made.process is not None:
        made.stop()


class Terraform:
    """A working directory of Terraform against a home."""

    def __init__(self, work: Path, home: Home, s3: str, *sources: str, **variables: Any) -> None:
        if shutil.which("terraform") is None:
            pytest.skip("there is no terraform on the PATH")
        for source in sources:
            shutil.copy(ROOT / "tests/e2e/terraform" / source, work)
        mirror = provider_mirror()
        provider = f'filesystem_mirror {{\n path = "{mirror}"\n }}' if mirror else "direct {}"
        (work / "cli.tfrc").write_text(f"provider_installation {{\n {provider}\n}}\ndisable_checkpoint = true\n")
        variables |= {
            "acm_pca_url": home.exports()["AWS_ENDPOINT_URL_ACM_PCA"],
            "s3_url": s3,
            "csr_pem": csr().decode(),
            "other_account": OTHER_ACCOUNT,
            "end_date": END_DATE,
        }
        (work / "terraform.tfvars.json").write_text(json.dumps(variables))
        self.work, self.has_mirror = work, mirror is not None
        self.environment = home.environment | home.exports() | {"TF_CLI_CONFIG_FILE": str(work / "cli.tfrc")}

    def init(self) -> None:
        """Install the provider; the test is skipped where there is none."""
        try:
            self.run("init")
        except AssertionError:
            if self.has_mirror:
                raise
            pytest.skip("terraform can reach neither a provider mirror nor the registry")

    def run(self, *words: str, code: int = 0) -> str:
        found = subprocess.run(
            ["terraform", *words],
            cwd=self.work,
            env=self.environment | {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert found.returncode == code, found.stdout + found.stderr
        return found.stdout

    def apply(self, **variables: Any) -> str:
        """Apply, and check that nothing is left to do."""
        words = [word for name, value in variables.items() for word in ("-var", f"{name}={json.dumps(value)}")]
        found = self.run("apply", "-auto-approve", *words)
        assert "No changes" in self.run("plan", "-detailed-exitcode", *words)
        return found

    def resources(self) -> dict[str, dict[str, Any]]:
        """The attributes of each resource, by its address."""
        module = json.loads(self.run("show", "-json"))["values"]["root_module"]
        return {each["address"]: each["values"] for each in module["resources"]}

    def imported(self, *addresses: str) -> None:
        """Import resources, and check that all of what the provider can read is as it was."""
        before = self.resources()
        self.run("state", "rm", *addresses)
        for address in addresses:
            self.run("import", address, before[address]["id"])
        after = self.resources()
        for address in addresses:
            for name in before[address].keys() - _NOT_READ:
                assert (after[address][name] or None) == (before[address][name] or None), (address, name)

    def outputs(self) -> dict[str, Any]:
        return {name: each["value"] for name, each in json.loads(self.run("output", "-json")).items()}


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


@pytest.mark.laptop
def test_certificates_of_the_providers_acceptance_tests(tmp_path: Path, home: Home, s3: str) -> None:
    soon = int(time.time()) + 600
    terraform = Terraform(tmp_path, home, s3, "acceptance/provider.tf", "acceptance/certificate.tf", absolute=soon)
    terraform.init()
    assert "14 added, 0 changed, 0 destroyed" in terraform.apply()
    outputs = terraform.outputs()
    assert set(outputs["waiting_chains"]) == {""}
    assert all(chain.startswith("-----BEGIN CERTIFICATE-----") for chain in outputs["chains"].values())
    ends = {
        name: x509.load_pem_x509_certificate(terraform.resources()[address]["certificate"].encode()).not_valid_after_utc
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
    assert "2 added, 0 changed, 0 destroyed" in terraform.apply()
    terraform.imported("aws_acmpca_policy.test")
    assert "No changes" in terraform.run("plan", "-detailed-exitcode")
    assert "2 destroyed" in terraform.run("destroy", "-auto-approve")
