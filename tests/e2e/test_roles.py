"""Roles as people and CI use them: the AWS CLI and boto3, unchanged, against a real server (docs/access.md)."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.authority_steps import active_root, issue
from tests.support.home import BIN, Home
from tests.support.oidc_issuer import AUDIENCE, SUBJECT, Issuer
from tests.support.roles import OWNER, trust

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
ROLE = f"arn:aws:iam::{OWNER}:role"
LEAF = "arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1"


@pytest.fixture(scope="module")
def ca(home: Home) -> str:
    return active_root(home.client())


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.stop()


def make_role(home: Home, path: Path, name: str, policy: str, ca: str, **options: str) -> None:
    (path / "trust.json").write_text(policy)
    preset = ("--preset", "issuer", "--ca", ca, "--template", "EndEntityServerAuthCertificate/V1")
    more = [word for option, value in options.items() for word in (f"--{option.replace('_', '-')}", value)]
    home.signet("role", "create", name, "--trust", str(path / "trust.json"), *preset, *more)


def test_profile_of_the_cli_assumes_a_role(home: Home, tmp_path: Path, ca: str) -> None:
    home.signet("principal", "create", "alice")
    made = dict(
        line.split("=", 1) for line in home.signet("credentials", "create", "--principal", "alice").stdout.splitlines()
    )
    make_role(home, tmp_path, "releases", trust({"AWS": f"arn:aws:iam::{OWNER}:user/alice"}), ca)
    (tmp_path / "config").write_text(
        f"[profile alice]\nregion = us-east-1\nservices = signet\n"
        f"[profile releases]\nregion = us-east-1\nservices = signet\nsource_profile = alice\n"
        f"role_arn = {ROLE}/releases\nrole_session_name = alice\nduration_seconds = 900\n"
        f"[services signet]\nacm_pca =\n  endpoint_url = {home.url}\nsts =\n  endpoint_url = {home.url}\n"
    )
    (tmp_path / "credentials").write_text(
        f"[alice]\naws_access_key_id = {made['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {made['AWS_SECRET_ACCESS_KEY']}\n"
    )
    environment = home.environment | {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "HOME": str(tmp_path),  # the CLI caches sessions there
    }

    def aws(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "aws", *words], env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    identity = json.loads(aws("sts", "get-caller-identity", "--profile", "releases").stdout)
    assert identity["Arn"] == f"arn:aws:sts::{OWNER}:assumed-role/releases/alice"
    refused = aws("acm-pca", "list-certificate-authorities", "--profile", "releases")
    assert f"{identity['Arn']} is not authorized to perform: acm-pca:ListCertificateAuthorities" in refused.stderr
    certificate = aws("acm-pca", "get-certificate", "--profile", "releases", "--certificate-authority-arn", ca,
                      "--certificate-arn", f"{ca}/certificate/{1:032x}")  # fmt: skip
    assert "ResourceNotFoundException" in certificate.stderr
    alone = aws("acm-pca", "list-certificate-authorities", "--profile", "alice")
    assert "user/alice is not authorized" in alone.stderr
    home.signet("role", "delete", "releases")


def test_job_with_an_oidc_token_issues_by_boto3_without_a_secret(
    home: Home, tmp_path: Path, ca: str, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.signet("oidc-provider", "create", issuer.url, "--audience", AUDIENCE, "--on-this-machine")
    provider = f"arn:aws:iam::{OWNER}:oidc-provider/{issuer.name}"
    condition = {"StringEquals": {f"{issuer.name}:sub": SUBJECT, f"{issuer.name}:aud": AUDIENCE}}
    policy = trust({"Federated": provider}, "sts:AssumeRoleWithWebIdentity", Condition=condition)
    make_role(home, tmp_path, "ci", policy, ca, max_session="10m")
    token = tmp_path / "token"
    token.write_text(issuer.token(datetime.now(UTC)))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ROLE_ARN": f"{ROLE}/ci",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ROLE_SESSION_NAME": "run-42",
        "AWS_ENDPOINT_URL_STS": home.url,
        "AWS_ENDPOINT_URL_ACM_PCA": home.url,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    session = boto3.session.Session()
    client: Any = session.client("acm-pca")
    issued = issue(client, ca, TemplateArn=LEAF)
    assert "CertificateChain" in client.get_certificate(CertificateAuthorityArn=ca, CertificateArn=issued)
    assert session.client("sts").get_caller_identity()["Arn"] == f"arn:aws:sts::{OWNER}:assumed-role/ci/run-42"
    with pytest.raises(ClientError, match="assumed-role/ci/run-42 is not authorized"):
        client.list_certificate_authorities()
    token.write_text(issuer.token(datetime.now(UTC), sub="repo:org/fork:ref:refs/heads/main"))
    with pytest.raises(ClientError, match="AccessDenied"):
        boto3.session.Session().client("acm-pca").list_certificate_authorities()
    home.signet("oidc-provider", "delete", issuer.url)
