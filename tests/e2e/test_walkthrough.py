"""The AWS guide's walk-through with nothing but the AWS CLI, curl and OpenSSL (AWS Private CA User Guide)."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.home import Home

pytestmark = pytest.mark.e2e

CA_CONFIG = """{"KeyAlgorithm": "RSA_2048", "SigningAlgorithm": "SHA256WITHRSA", "Subject": {"Country": "US",
 "Organization": "Example Corp", "OrganizationalUnit": "Sales", "State": "WA", "Locality": "Seattle",
 "CommonName": "www.example.com"}}"""
REVOKE_CONFIG = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": "your-bucket-name"}
CA_EXTENSIONS = """basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""
REVOKED_WITHIN_SECONDS = 100


def run(cwd: Path, *words: str, check: bool = True) -> str:
    found = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0 or not check, found.stderr
    return found.stdout + found.stderr


def create_subordinate(home: Home, work: Path, **crl: object) -> str:
    """The guide's commands as far as the CSR, an offline root, and the import."""
    home.make_bucket(str(REVOKE_CONFIG["S3BucketName"]))
    (work / "ca_config.txt").write_text(CA_CONFIG)
    (work / "revoke_config.txt").write_text(json.dumps({"CrlConfiguration": REVOKE_CONFIG | crl}))
    created = home.aws(
        "create-certificate-authority",
        "--certificate-authority-configuration",
        "file://ca_config.txt",
        "--revocation-configuration",
        "file://revoke_config.txt",
        "--certificate-authority-type",
        "SUBORDINATE",
        "--idempotency-token",
        work.parent.name[-36:],
        "--tags",
        "Key=Name,Value=MyPCA",
        cwd=work,
    )
    arn = str(json.loads(created.stdout)["CertificateAuthorityArn"])
    named = ("--certificate-authority-arn", arn)
    home.aws("wait", "certificate-authority-csr-created", *named)
    csr = home.aws("get-certificate-authority-csr", *named, "--output", "text").stdout
    (work / "ca.csr").write_text(csr)
    (work / "ca.ext").write_text(CA_EXTENSIONS)
    subject = ("-subj", "/CN=Offline Root", "-days", "3650")
    run(
        work,
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "root.key",
        "-out",
        "root.pem",
        *subject,
    )
    signing = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "1825", "-extfile", "ca.ext")
    run(work, "openssl", "x509", "-req", "-in", "ca.csr", *signing, "-out", "ca.pem")
    files = ("--certificate", "fileb://ca.pem", "--certificate-chain", "fileb://root.pem")
    home.aws("import-certificate-authority-certificate", *named, *files, cwd=work)
    (work / "chain.pem").write_text((work / "ca.pem").read_text() + (work / "root.pem").read_text())
    return arn


def issue_leaf(home: Home, work: Path, arn: str, name: str) -> str:
    """A leaf by OpenSSL's CSR; returns its serial."""
    host = f"{name}.example.com"
    subject = ("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
    run(
        work,
        "openssl",
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        f"{name}.key",
        *subject,
        "-out",
        f"{name}.csr",
    )
    named = ("--certificate-authority-arn", arn)
    options = ("--signing-algorithm", "SHA256WITHRSA", "--validity", "Value=365,Type=DAYS")
    issued = home.aws("issue-certificate", *named, "--csr", f"fileb://{name}.csr", *options, cwd=work)
    certificate = ("--certificate-arn", json.loads(issued.stdout)["CertificateArn"])
    home.aws("wait", "certificate-issued", *named, *certificate)
    found = home.aws("get-certificate", *named, *certificate, "--query", "Certificate", "--output", "text")
    (work / f"{name}.pem").write_text(found.stdout)
    return run(work, "openssl", "x509", "-in", f"{name}.pem", "-noout", "-serial").strip().removeprefix("serial=")


def crl_address(work: Path, name: str) -> str:
    text = run(work, "openssl", "x509", "-in", f"{name}.pem", "-noout", "-ext", "crlDistributionPoints")
    return text.split("URI:")[1].split()[0]


def verdict(work: Path, name: str, *curl: str) -> str:
    """Fetch the CRL by curl and let OpenSSL judge."""
    run(work, "curl", "-sS", "-f", "-o", "fetched.crl", *curl)
    run(work, "openssl", "crl", "-inform", "DER", "-in", "fetched.crl", "-out", "crl.pem")
    checks = ("-crl_check", "-CAfile", "chain.pem", "-CRLfile", "crl.pem")
    return run(work, "openssl", "verify", *checks, f"{name}.pem", check=False)


@pytest.mark.parametrize("custom_cname", ["", "some_name.crl"], ids=["own-address", "custom-cname"])
def test_guide_ends_with_openssl_seeing_the_revocation(home: Home, tmp_path: Path, custom_cname: str) -> None:
    work = tmp_path / "work"
    work.mkdir()
    arn = create_subordinate(home, work, **({"CustomCname": custom_cname} if custom_cname else {}))
    tags = json.loads(home.aws("list-tags", "--certificate-authority-arn", arn).stdout)["Tags"]
    assert tags == [{"Key": "Name", "Value": "MyPCA"}]
    issue_leaf(home, work, arn, "good")
    serial = issue_leaf(home, work, arn, "bad")
    address = crl_address(work, "good")
    ca_id = arn.rsplit("/", 1)[1]
    own = f"{home.url}/your-bucket-name/crl/{ca_id}.crl"
    if custom_cname:
        assert address == f"http://some_name.crl/crl/{ca_id}.crl"
        curl = home.under_name("some_name.crl", address, own)
    else:
        assert address == own
        curl = (address,)
    assert verdict(work, "bad", *curl).strip() == "bad.pem: OK"
    named = ("--certificate-authority-arn", arn, "--certificate-serial", serial)
    home.aws("revoke-certificate", *named, "--revocation-reason", "SUPERSEDED")
    deadline = time.monotonic() + REVOKED_WITHIN_SECONDS
    while "certificate revoked" not in (found := verdict(work, "bad", *curl)):
        assert time.monotonic() < deadline, found
        time.sleep(1)
    assert verdict(work, "good", *curl).strip() == "good.pem: OK"
    ca = status_of(home, arn)
    assert (ca["Name"], ca["Status"], ca["Certificates"]["REVOKED"]) == ("MyPCA", "ACTIVE", 1)
    assert ca["Crl"]["Fresh"]
    assert ca["Crl"]["LastError"] is None


def status_of(home: Home, arn: str) -> dict[str, Any]:
    (found,) = [each for each in home.status() if each["Arn"] == arn]
    return found


@pytest.mark.laptop
def test_served_crl_has_headers_that_fit_and_nothing_else_is_readable(home: Home, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    arn = create_subordinate(home, work)
    issue_leaf(home, work, arn, "good")
    address = crl_address(work, "good")
    headers = run(work, "curl", "-sS", "-D", "-", "-o", "x.crl", address).lower()
    assert "content-type: application/pkix-crl" in headers
    assert "cache-control: public, max-age=60" in headers
    assert "last-modified: " in headers
    etag = headers.split("etag: ")[1].splitlines()[0]
    status = ("-o", "out", "-w", "%{http_code}")
    assert run(work, "curl", "-sS", *status, "-H", f"If-None-Match: {etag}", address) == "304"
    head = run(work, "curl", "-sS", "-I", address).lower()
    assert f"content-length: {(work / 'x.crl').stat().st_size}" in head
    probe = f"{home.url}/your-bucket-name/acm-pca-permission-test-key"
    for path in (
        probe,
        f"{home.url}/your-bucket-name/",
        f"{home.url}/signet.db",
        f"{home.url}/crl/..%2f..%2fsignet.db",
    ):
        assert run(work, "curl", "-sS", "--path-as-is", *status, path) == "404", path


@pytest.mark.laptop
def test_everything_acknowledged_survives_a_kill_and_issuing_goes_on(home: Home, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    arn = create_subordinate(home, work)
    serial = issue_leaf(home, work, arn, "one")
    home.aws(
        "revoke-certificate",
        "--certificate-authority-arn",
        arn,
        "--certificate-serial",
        serial,
        "--revocation-reason",
        "SUPERSEDED",
    )
    assert home.stop(signal.SIGKILL) == -signal.SIGKILL
    home.start()
    issue_leaf(home, work, arn, "two")
    ca = status_of(home, arn)
    assert ca["Certificates"] == {"ISSUED": 2, "PENDING": 0, "FAILED": 0, "REVOKED": 1}
