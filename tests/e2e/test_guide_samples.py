"""The samples of AWS's guide, as files: each CA is made, each certificate issued and verified, by a real server.

A step makes a CA (`create`), issues its certificate or that of a subscriber (`issue`) by the CA of an earlier step, and
says what is then in the certificate: its subject, and each extension with its criticality.
"""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests.support.builders import csr

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
SAMPLES = Path(__file__).with_name("guide_samples")
AUTHORITY_KEY = "{authority key identifier}"  # of a root, which AWS's samples take from the CSR
BUCKET = "amzn-s3-demo-bucket"


class Sample:
    """The CAs and certificates of a file, by the names of its steps."""

    def __init__(self, home: Home, work: Path) -> None:
        self.client, self.work = home.client(), work
        self.arns: dict[str, str] = {}
        self.chains: dict[str, str] = {}
        self.algorithms: dict[str, str] = {}

    def run(self, step: dict[str, Any]) -> None:
        name, create = step["name"], step.get("create")
        if create:
            self.arns[name] = self.client.create_certificate_authority(**create)["CertificateAuthorityArn"]
            self.algorithms[name] = create["CertificateAuthorityConfiguration"]["SigningAlgorithm"]
        if "issue" not in step:
            self.check_description(self.arns[name], create or {})
            return
        certificate = self.issued(name, step["issuer"], step["issue"])
        found = {each.oid.dotted_string: each.critical for each in certificate.extensions}
        assert (certificate.subject.rfc4514_string(), found) == (step["subject"], step["extensions"]), name

    def issued(self, name: str, issuer: str, request: dict[str, Any]) -> x509.Certificate:
        """Issue a certificate, have OpenSSL verify it with its chain, and install that of a CA."""
        arn = self.arns.get(name)
        asked = self.client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode() if arn else csr()
        found = self.client.issue_certificate(
            CertificateAuthorityArn=self.arns[issuer],
            Csr=asked,
            SigningAlgorithm=self.algorithms[issuer],
            **_with_authority_key(request, asked),
        )
        names = {"CertificateAuthorityArn": self.arns[issuer], "CertificateArn": found["CertificateArn"]}
        certificate = self.client.get_certificate(**names)["Certificate"]
        chain = "" if name == issuer else self.chains[issuer]
        self.verify(certificate, chain or certificate)
        if arn:
            self.chains[name] = f"{certificate}\n{chain}"
            more = {"CertificateChain": chain.encode()} if chain else {}
            self.client.import_certificate_authority_certificate(
                CertificateAuthorityArn=arn, Certificate=certificate.encode(), **more
            )
        return x509.load_pem_x509_certificate(certificate.encode())

    def verify(self, certificate: str, trusted: str) -> None:
        (self.work / "certificate.pem").write_text(certificate)
        (self.work / "trusted.pem").write_text(trusted)
        command = ["openssl", "verify", "-CAfile", "trusted.pem", "certificate.pem"]
        found = subprocess.run(command, cwd=self.work, capture_output=True, text=True, check=False, timeout=30)
        assert found.stdout == "certificate.pem: OK\n", found.stderr

    def check_description(self, arn: str, create: dict[str, Any]) -> None:
        """All of what was asked for is in the description of the CA, with defaults of AWS's beside it."""
        found = self.client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
        assert _contains(found["CertificateAuthorityConfiguration"], create["CertificateAuthorityConfiguration"])
        assert _contains(found.get("RevocationConfiguration", {}), create.get("RevocationConfiguration", {}))
        assert found["UsageMode"] == create.get("UsageMode", "GENERAL_PURPOSE")
        assert self.client.list_tags(CertificateAuthorityArn=arn)["Tags"] == create["Tags"]
        again = self.client.create_certificate_authority(**create)["CertificateAuthorityArn"]
        assert again == arn  # by the idempotency token


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return all(name in found and _contains(found[name], value) for name, value in wanted.items())
    return bool(found == wanted)


def _with_authority_key(request: dict[str, Any], asked: bytes) -> dict[str, Any]:
    """Put the key identifier of a CSR's key where the sample computes that of its root."""
    key = x509.load_pem_x509_csr(asked).public_key()
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key)  # type: ignore[arg-type]  # of a CA
    value = base64.b64encode(identifier.public_bytes()).decode()
    replaced: dict[str, Any] = json.loads(json.dumps(request).replace(AUTHORITY_KEY, value))
    return replaced


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_sample_of_the_guide_is_taken(path: Path, home: Home, tmp_path: Path) -> None:
    home.make_bucket(BUCKET)
    sample = Sample(home, tmp_path)
    for step in json.loads(path.read_text())["steps"]:
        sample.run(step)
