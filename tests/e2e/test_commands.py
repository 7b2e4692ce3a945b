"""The `signet` command of a running home, and real clients that ask it about revocation."""

from __future__ import annotations

import base64
import configparser
import stat
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.support.authority_steps import active_root, fetch, issue, serial_of
from tests.support.home import BIN, Home

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]


def test_profile_is_added_beside_a_person_s_own(home: Home, tmp_path: Path) -> None:
    config, credentials = tmp_path / "aws" / "config", tmp_path / "aws" / "credentials"
    config.parent.mkdir()
    own = "# mine\n[default]\nregion = eu-west-1\n"
    config.write_text(own)
    home_environment = dict(home.environment)
    home.environment |= {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
    try:
        for _ in range(2):
            home.signet("profile")
        listed = subprocess.run(
            [BIN / "aws", "--profile", "signet", "acm-pca", "list-certificate-authorities"],
            env=home.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        home.environment = home_environment
    assert listed.returncode == 0, listed.stderr
    assert config.read_text().startswith(own)
    assert config.read_text().count("[profile signet]") == 1
    parsed = configparser.RawConfigParser()
    parsed.read(credentials)
    assert parsed["signet"]["aws_access_key_id"] == home.exports()["AWS_ACCESS_KEY_ID"]
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1"])
def test_demo_shows_a_revocation(tmp_path: Path, region: str) -> None:
    home = Home(tmp_path / "home", AWS_REGION=region)
    found = home.signet("demo", "--into", str(tmp_path / "demo")).stdout
    assert "certificate revoked" in found
    assert "good.pem: OK" in found
    assert "aws acm-pca create-certificate-authority" in found
    assert f":acm-pca:{region}:" in found
    assert (tmp_path / "demo" / "crl.pem").exists()
    assert stat.S_IMODE((tmp_path / "demo" / "good.key").stat().st_mode) == 0o600


def test_credentials_are_made_listed_and_deleted(home: Home) -> None:
    made = dict(line.split("=", 1) for line in home.signet("credentials", "create").stdout.splitlines())
    keys = {"aws_access_key_id": made["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": made["AWS_SECRET_ACCESS_KEY"]}
    client = home.client(**keys)
    client.list_certificate_authorities()
    listed = home.signet("credentials", "list").stdout
    assert made["AWS_ACCESS_KEY_ID"] in listed
    assert made["AWS_SECRET_ACCESS_KEY"] not in listed
    home.signet("credentials", "delete", made["AWS_ACCESS_KEY_ID"])
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client.list_certificate_authorities()
    assert home.signet("credentials", "delete", made["AWS_ACCESS_KEY_ID"], check=False).returncode == 1


def test_crl_publish_says_what_it_did(home: Home) -> None:
    home.signet("crl", "publish")
    assert home.signet("crl", "publish").stdout.strip() == "No CRL is due."


def test_settings_hides_the_passphrase(home: Home) -> None:
    home_environment = dict(home.environment)
    home.environment["SIGNET_KEY_PASSPHRASE"] = "swordfish"
    try:
        found = home.signet("settings").stdout + home.signet("settings", "--json").stdout
    finally:
        home.environment = home_environment
    assert "swordfish" not in found
    assert "SIGNET_KEY_PASSPHRASE" in found


@pytest.mark.parametrize(
    "words",
    [(), ("serve",), ("env",), ("profile",), ("status",), ("crl",), ("crl", "publish"), ("demo",), ("settings",)],
)
def test_every_command_has_help(home: Home, words: tuple[str, ...]) -> None:
    assert "Usage: signet" in home.signet(*words, "--help").stdout


def test_openssl_asks_ocsp_for_two_and_browsers_by_get(home: Home, tmp_path: Path) -> None:
    client = home.client()
    arn = active_root(client, RevocationConfiguration={"OcspConfiguration": {"Enabled": True}})
    issued = [issue(client, arn) for _ in range(2)]
    pem = client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
    (tmp_path / "ca.pem").write_text(pem)
    for number, each in enumerate(issued):
        (tmp_path / f"{number}.pem").write_bytes(fetch(client, arn, each).public_bytes(Encoding.PEM))
    client.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(issued[1]), RevocationReason="SUPERSEDED"
    )
    asking = ("openssl", "ocsp", "-issuer", "ca.pem", "-CAfile", "ca.pem", "-cert", "0.pem", "-cert", "1.pem")
    more = ("-reqout", "request.der", "-url", f"{home.url}/ocsp")
    found = subprocess.run((*asking, *more), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Response verify OK" in found.stderr
    assert "0.pem: good" in found.stdout
    assert "1.pem: revoked" in found.stdout
    assert "Reason: superseded" in found.stdout
    encoded = base64.b64encode((tmp_path / "request.der").read_bytes()).decode()
    for text in (encoded, quote(encoded, safe="")):
        for prefix in ("/ocsp/", "/"):
            with urllib.request.urlopen(f"{home.url}{prefix}{text}", timeout=10) as answer:
                assert answer.headers["Content-Type"] == "application/ocsp-response"
                assert answer.headers["Date"]
                assert ocsp.load_der_ocsp_response(answer.read()).response_status.name == "SUCCESSFUL"
    head = urllib.request.Request(f"{home.url}/ocsp/{quote(encoded, safe='')}", method="HEAD")
    with urllib.request.urlopen(head, timeout=10) as answer:
        assert int(answer.headers["Content-Length"]) > 200
    wrong = urllib.request.Request(f"{home.url}/ocsp", data=b"", method="PUT")
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(wrong, timeout=10)


@pytest.mark.parametrize("kind", ["COMPLETE", "PARTITIONED"])
def test_crl_is_served_where_its_certificate_says(home: Home, kind: str) -> None:
    client = home.client()
    crl = {"Enabled": True, "S3BucketName": "paths", "CustomPath": "pki/eu", "CrlType": kind, "ExpirationInDays": 7}
    arn = active_root(client, RevocationConfiguration={"CrlConfiguration": crl})
    leaf = fetch(client, arn, issue(client, arn))
    (point,) = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (address,) = [each.value for each in point.full_name or []]
    key = address.removeprefix(f"{home.url}/paths/")
    assert key.startswith("pki/eu/")
    for path in (f"/paths/{key}", f"/{key}"):  # the second is what a host name of the owner's leads to
        with urllib.request.urlopen(f"{home.url}{path}", timeout=10) as answer:
            assert answer.headers["Content-Type"] == "application/pkix-crl"
            assert x509.load_der_x509_crl(answer.read()).issuer == leaf.issuer
    for path in ("/paths/pki/eu/x.crl", "/paths/acm-pca-permission-test-key.crl", "/..%2f..%2fsignet.db.crl"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{home.url}{path}", timeout=10)
