"""moto's own tests of acm-pca, from its source distribution, run over HTTP against one server of every region.

What moto's tests ask for and AWS refuses is named here with the rule of AWS; exactly those fail.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support.home import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.laptop, pytest.mark.long]  # keys of 4,096 bits

REQUIREMENT = ROOT / "requirements/peer-tests.txt"
PEERS = Path(sys.prefix) / "peers"
SUITE = "tests/test_acmpca/test_acmpca.py"
TESTS = 26  # of the locked version
_PENDING_CANNOT_ISSUE = (
    "a CA that waits for its certificate issues nothing but that: IssueCertificate, InvalidStateException",
    "The certificate authority is not in a valid state for issuing certificates",
)
# The rule of AWS that a test contradicts, and how Signet's refusal ends up in the test's failure.
NOT_AS_AWS = {
    "test_describe_unknown_certificate_authority": (
        "an ARN that does not match the model's pattern is a ValidationException before anything is looked up",
        "assert 'ValidationException' == 'ResourceNotFoundException'",
    ),
    "test_update_certificate_authority": (
        "UpdateCertificateAuthority: a CA must be ACTIVE or DISABLED before it can be updated",
        "The certificate authority must be in the ACTIVE or DISABLED state to be updated",
    ),
    "test_issue_certificate[ap-southeast-1-aws]": _PENDING_CANNOT_ISSUE,
    "test_issue_certificate[us-gov-east-1-aws-us-gov]": _PENDING_CANNOT_ISSUE,
    "test_get_certificate": _PENDING_CANNOT_ISSUE,
    "test_import_certificate_authority_certificate": (
        "ImportCertificateAuthorityCertificate: a certificate that is not PEM is a MalformedCertificateException",
        "+ MalformedCertificateException\n",
    ),
    "test_acmpca_backend_is_serialisable": (
        "ImportCertificateAuthorityCertificate: the certificate must match the CA's CSR, and a subordinate has a chain",
        "(MalformedCertificateException) when calling the ImportCertificateAuthorityCertificate operation",
    ),
    "test_revoke_certificate": (
        "Signet gives no end entity its issuer's name; and a revoked certificate can still be retrieved",
        "A certificate cannot have the subject of its issuer.",
    ),
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """moto's test file, alone in a directory."""
    found = re.fullmatch(r"moto==(\S+) \\\n    --hash=sha256:([0-9a-f]{64})\n", REQUIREMENT.read_text())
    assert found is not None
    archive = PEERS / f"moto-{found[1]}.tar.gz"
    if not archive.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "moto"]
        subprocess.run([*command, "--require-hashes", "-r", REQUIREMENT, "-d", PEERS], check=True, timeout=300)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == found[2]
    copy = tmp_path_factory.mktemp("moto") / "test_acmpca.py"
    with tarfile.open(archive) as opened:
        member = opened.extractfile(f"moto-{found[1]}/{SUITE}")
        assert member is not None
        copy.write_bytes(member.read())
    return copy


def test_signet_passes_moto_s_tests_but_for_what_aws_refuses(suite: Path) -> None:
    report = suite.parent / "report.xml"
    options = ["-q", "-p", "tests.e2e.moto_plugin", "-p", "no:cacheprovider", "-o", "pythonpath=", "-c", "/dev/null"]
    command = [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", suite.name]
    done = subprocess.run(
        command,
        cwd=suite.parent,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    cases = list(ET.parse(report).iter("testcase"))
    failures = {str(each.get("name")): each.findtext("failure") or "" for each in cases}
    failed = {name for name, text in failures.items() if text}
    assert not [each for each in cases if each.find("error") is not None or each.find("skipped") is not None]
    assert (len(cases), len(failed)) == (TESTS, 8), done.stdout + done.stderr
    assert failed == NOT_AS_AWS.keys(), done.stdout
    for name, (_, evidence) in NOT_AS_AWS.items():
        assert evidence in failures[name], name
