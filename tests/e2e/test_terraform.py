"""A two-tier PKI by Terraform and the AWS provider, unmodified; buckets in an S3 of moto's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
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

    def __init__(self, work: Path, home: Home, s3: str, source: str = "main.tf") -> None:
        if shutil.which("terraform") is None:
            pytest.skip("there is no terraform on the PATH")
        shutil.copy(ROOT / "tests/e2e/terraform" / source, work)
        mirror = provider_mirror()
        sources = f'filesystem_mirror {{\n path = "{mirror}"\n }}' if mirror else "direct {}"
        (work / "cli.tfrc").write_text(f"provider_installation {{\n {sources}\n}}\ndisable_checkpoint = true\n")
        variables = {
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

    def outputs(self) -> dict[str, Any]:
        return {name: each["value"] for name, each in json.loads(self.run("output", "-json")).items()}


def crl_bucket(s3: str) -> set[str]:
    client = boto3.client(
        "s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="s3", aws_secret_access_key="s3-secret"
    )
    return {each["Key"] for each in client.list_objects_v2(Bucket="two-tier-crl").get("Contents", [])}


def test_roots_that_were_never_installed_are_destroyed(tmp_path: Path, home: Home, s3: str) -> None:
    """As the acceptance tests of the provider do; it tolerates the refusal to revoke a root's own certificate."""
    terraform = Terraform(tmp_path, home, s3, "waiting_root/main.tf")
    terraform.init()
    assert "7 added, 0 changed, 0 destroyed" in terraform.run("apply", "-auto-approve")
    assert "No changes" in terraform.run("plan", "-detailed-exitcode")
    assert json.loads(terraform.outputs()["policy"])["Statement"][0]["Principal"] == {"Service": "acm.amazonaws.com"}
    assert "7 destroyed" in terraform.run("destroy", "-auto-approve")


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
    terraform = Terraform(tmp_path, home, s3)
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
