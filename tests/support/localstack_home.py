"""A LocalStack of the tests' own, with Signet deployed in it: the third home, for the suites of the others."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from localstack_client.session import Session

from chalicelib.buckets.names import check_bucket_name
from chalicelib.buckets.s3 import S3Buckets
from chalicelib.config import Settings
from chalicelib.store.dynamodb import create_table
from tests.support.builders import CRL_CONFIGURATION
from tests.support.home import ROOT, Home, free_port

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
SECRETS_KEY = "alias/signet-secrets"
START_SECONDS, STOP_SECONDS = 240, 60
_accounts = itertools.count(100_000_000_001)
CRL_BUCKET = "signet-crl-000000000000-us-east-1"
CRLS = {"CrlConfiguration": {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": CRL_BUCKET}}


class LocalStack:
    """LocalStack as `make localstack` starts it, on a port of its own."""

    def __init__(self, log: Path) -> None:
        self.port, self.log = free_port(), log
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        return ROOT / "build" / f"localstack-{self.port}"

    def start(self) -> None:
        environment = {name: os.environ[name] for name in os.environ if not name.startswith(("AWS_", "SIGNET_"))}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "localstack" / "start.py"],
                env=environment | {"LOCALSTACK_PORT": str(self.port)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while "Signet is ready on LocalStack" not in self.log.read_text(errors="replace"):
            assert self.process.poll() is None, self.log.read_text(errors="replace")[-5000:]
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")[-5000:]
            time.sleep(0.2)

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_SECONDS)

    def boto(self, service: str) -> Any:
        """A client of a service of this LocalStack."""
        host = f"127.0.0.1:{self.port}"
        session: Any = Session(aws_access_key_id="test", aws_secret_access_key="test", localstack_host=host)
        return session.client(service, aws_session_token=None)

    def api_path(self) -> str:
        """Where API Gateway has the deployed API."""
        deployed = json.loads((self.state / "project/.chalice/deployed/localstack.json").read_text())
        (api,) = [each["rest_api_id"] for each in deployed["resources"] if each["resource_type"] == "rest_api"]
        return f"/_aws/execute-api/{api}/api"

    def stage_environment(self) -> dict[str, str]:
        """What the deployed functions see, for commands that look at the same state."""
        config = json.loads((self.state / "project/.chalice/config.json").read_text())
        stage: dict[str, str] = config["stages"]["localstack"]["environment_variables"]
        return stage | {"AWS_REGION": REGION, "AWS_ENDPOINT_URL": self.url, **CREDENTIALS}


class LocalStackHome(Home):
    """The deployed API behind API Gateway, with the face of a laptop home."""

    def __init__(self, localstack: LocalStack, work: Path) -> None:
        super().__init__(work / "home", **localstack.stage_environment())
        self.localstack, self.port = localstack, localstack.port

    @property
    def api_url(self) -> str:
        return self.localstack.url + self.localstack.api_path()

    @property
    def console_url(self) -> str:
        return f"{self.api_url}/console/"

    def start(self) -> None:
        self.make_bucket(str(CRL_CONFIGURATION["CrlConfiguration"]["S3BucketName"]))
        with urllib.request.urlopen(f"{self.api_url}/healthz", timeout=30):
            return

    def stop(self, number: int = signal.SIGINT) -> int:
        """It is shared: others go on."""
        return 0

    def under_name(self, host: str, address: str, own: str) -> tuple[str, ...]:
        """The name would lead to CloudFront: its origin is the bucket."""
        return (own,)

    def make_bucket(self, name: str) -> None:
        make_bucket(self.localstack.boto("s3"), name)

    def exports(self) -> dict[str, str]:
        return CREDENTIALS | {
            "AWS_ENDPOINT_URL_ACM_PCA": self.api_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }


def make_bucket(client: Any, name: str) -> None:
    """A bucket as the guide's: owned by the account, with ACLs."""
    try:
        client.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerPreferred")
    except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        return
    client.delete_public_access_block(Bucket=name)


class OpenBuckets(S3Buckets):
    """S3, but a bucket that is named is there, as in the laptop home."""

    def check(self, bucket: str, acl: str, ca_arn: str) -> None:
        check_bucket_name(bucket)
        try:
            self._client.head_bucket(Bucket=bucket)
        except ClientError:
            make_bucket(self._client, bucket)
        super().check(bucket, acl, ca_arn)


def own_account(localstack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process's clients be of an account that nobody else uses; LocalStack keeps accounts apart."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", localstack.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(next(_accounts)))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the account that it was made in


def make_state(table: str, journal: str = Settings().journal_bucket) -> None:
    """The table, the key of secrets and the bucket of the journal, as `infrastructure/state.yaml` has them."""
    create_table(boto3.session.Session().client("dynamodb", region_name=REGION), table)
    make_secrets_key()
    make_bucket(boto3.session.Session().client("s3", region_name=REGION), journal)


def make_secrets_key() -> None:
    kms = boto3.session.Session().client("kms", region_name=REGION)
    kms.create_alias(AliasName=SECRETS_KEY, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
