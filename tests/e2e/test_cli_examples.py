"""The AWS CLI's own examples, from its installed documentation, with names that exist here; every operation in turn."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore import xform_name
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.builders import csr, pem, root_certificate, sign_csr

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.home import Home

pytestmark = pytest.mark.e2e

EXAMPLES = files("awscli") / "examples/acm-pca"
OPERATIONS = {
    xform_name(name, "-")
    for name in botocore.session.get_session().get_service_model("acm-pca").operation_names
}  # fmt: skip
BUCKETS = ("your-bucket-name",)
CA_CONFIG = {
    "KeyAlgorithm": "RSA_2048",
    "SigningAlgorithm": "SHA256WITHRSA",
    "Subject": {"Country": "US", "Organization": "Example Corp", "CommonName": "www.example.com"},
}
REVOKE_CONFIG = {
    "CrlConfiguration": {
        "Enabled": True,
        "ExpirationInDays": 7,
        "CustomCname": "crl.example.com",
        "S3BucketName": "your-bucket-name",
    }
}
# For the operations that have no example.
COMMANDS = {
    "create-permission": "--principal acm.amazonaws.com --actions IssueCertificate GetCertificate ListPermissions",
    "list-permissions": "--max-results 10",
    "delete-permission": "--principal acm.amazonaws.com",
    "put-policy": "--policy file://policy.json",
    "get-policy": "",
    "delete-policy": "",
    "restore-certificate-authority": "",
}


def example(operation: str) -> list[str]:
    """The words after `aws acm-pca OPERATION` in the CLI's documentation."""
    text = EXAMPLES.joinpath(f"{operation}.rst").read_text().replace("\\\n", " ")
    (command,) = re.findall(rf"^ +aws acm-pca {operation}\b(.*)$", text, re.MULTILINE)
    return shlex.split(command.replace("C:\\", ""))


class Story:
    """Runs examples in turn; each may need what those before it made."""

    def __init__(self, home: Home, work: Path) -> None:
        self.home, self.work = home, work
        self.names: dict[str, str] = {}  # by the option that they are the value of
        self.ran: set[str] = set()

    def words(self, operation: str) -> list[str]:
        if operation in COMMANDS:
            named = "--resource-arn" if operation.endswith("-policy") else "--certificate-authority-arn"
            return [named, self.names["--certificate-authority-arn"], *shlex.split(COMMANDS[operation])]
        found = example(operation)
        return [self.names.get(before, word) for before, word in zip(["", *found], found, strict=False)]

    def run(self, operation: str) -> Any:
        """Run the example of an operation; its output, as JSON where that was asked for."""
        self.ran.add(operation)
        output = self.home.aws(operation, *self.words(operation), cwd=self.work).stdout
        return json.loads(output) if output.startswith("{") else output


@pytest.fixture
def story(tmp_path: Path, home: Home) -> Story:
    for each in BUCKETS:
        home.make_bucket(each)
    work = tmp_path / "work"
    work.mkdir()
    (work / "ca_config.txt").write_text(json.dumps(CA_CONFIG))
    (work / "revoke_config.txt").write_text(json.dumps(REVOKE_CONFIG))
    own_key = ec.generate_private_key(ec.SECP256R1())  # the example compromises it, in a home that tests share
    (work / "cert_1.csr").write_bytes(csr("one.example.com", key=own_key))
    return Story(home, work)


def test_every_operation_by_the_cli(story: Story) -> None:
    create_and_install(story)
    issue_and_revoke(story)
    look_after(story)
    share(story)
    story.run("update-certificate-authority")
    story.run("delete-certificate-authority")
    assert story.run("describe-certificate-authority")["CertificateAuthority"]["Status"] == "DELETED"
    story.run("restore-certificate-authority")
    assert story.run("describe-certificate-authority")["CertificateAuthority"]["Status"] == "DISABLED"
    assert story.ran == OPERATIONS
    assert len(OPERATIONS) == 23


def create_and_install(story: Story) -> None:
    ca_arn = story.run("create-certificate-authority")["CertificateAuthorityArn"]
    story.names["--certificate-authority-arn"] = ca_arn
    now = datetime.now(UTC)
    root = root_certificate(now=now)
    certificate = sign_csr(story.run("get-certificate-authority-csr"), issuer=root, now=now)
    (story.work / "ca_cert.pem").write_bytes(pem(certificate))
    (story.work / "ca_cert_chain.pem").write_bytes(pem(root))
    story.run("import-certificate-authority-certificate")
    found = story.run("get-certificate-authority-certificate").split("\t")
    assert [each.strip() for each in found] == [pem(each).decode().strip() for each in (certificate, root)]
    story.names["--max-results"] = "1000"  # not the example's 10: on LocalStack the account has CAs of other tests
    listed = story.run("list-certificate-authorities")["CertificateAuthorities"]
    del story.names["--max-results"]
    assert [each["Status"] for each in listed if each["Arn"] == ca_arn] == ["ACTIVE"]


def issue_and_revoke(story: Story) -> None:
    certificate_arn = story.run("issue-certificate")["CertificateArn"]
    story.names["--certificate-arn"] = certificate_arn
    serial = certificate_arn.rsplit("/", 1)[1]
    story.names["--certificate-serial"] = bytes.fromhex(serial).hex(":")
    assert story.run("get-certificate").count("BEGIN CERTIFICATE") == 3
    story.run("revoke-certificate")
    (found,) = story.home.certificates(story.names["--certificate-authority-arn"])
    assert found["State"] == "REVOKED"


def look_after(story: Story) -> None:
    story.run("tag-certificate-authority")
    assert story.run("list-tags")["Tags"] == [{"Key": "Admin", "Value": "Alice"}]
    story.run("untag-certificate-authority")
    report = story.run("create-certificate-authority-audit-report")
    story.names["--audit-report-id"] = report["AuditReportId"]
    named = ["--certificate-authority-arn", story.names["--certificate-authority-arn"]]
    story.home.aws("wait", "audit-report-created", *named, "--audit-report-id", report["AuditReportId"])
    described = story.run("describe-certificate-authority-audit-report")
    assert described["AuditReportStatus"] == "SUCCESS"
    assert described["S3Key"] == report["S3Key"]


def share(story: Story) -> None:
    arn = story.names["--certificate-authority-arn"]
    story.run("create-permission")
    (permission,) = story.run("list-permissions")["Permissions"]
    assert permission["CertificateAuthorityArn"] == arn
    story.run("delete-permission")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "111122223333"},
                "Action": ["acm-pca:DescribeCertificateAuthority", "acm-pca:GetCertificate"],
                "Resource": arn,
            }
        ],
    }
    (story.work / "policy.json").write_text(json.dumps(policy))
    story.run("put-policy")
    assert json.loads(story.run("get-policy")["Policy"]) == policy
    story.run("delete-policy")
