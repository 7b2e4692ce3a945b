"""boto3's acm client, as it is, against real servers: the laptop home, and the one for tests."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.acm_steps import AUTHORITY, make_endpoint
from tests.support.authority_steps import active_root
from tests.support.home import BIN, START_SECONDS, Home

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]


def served(acm: Any, ca_arn: str) -> dict[str, Any]:
    """What the directory of a new endpoint answers; its tags name its CA."""
    arn = make_endpoint(acm, ca_arn)
    assert {"Key": AUTHORITY, "Value": ca_arn} in acm.list_tags_for_resource(ResourceArn=arn)["Tags"]
    url = acm.describe_acme_endpoint(AcmeEndpointArn=arn)["AcmeEndpoint"]["EndpointUrl"]
    with urllib.request.urlopen(url, timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_laptop_home_serves_what_boto3_made(home: Home) -> None:
    pca = home.client()
    acm = home.client("acm")
    assert "newOrder" in served(acm, active_root(pca))
    unsigned = home.client("acm", aws_secret_access_key="other")
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        unsigned.list_acme_endpoints()


def test_server_for_tests_serves_what_boto3_made_with_any_credentials(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    environment = {"PATH": os.environ["PATH"], "SIGNET_PORT": "0", "TMPDIR": str(tmp_path)}
    command: list[str | Path] = [BIN / "signet", "serve", "--test", "--ready-file", ready]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not ready.exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            pca, acm = (
                boto3.client(
                    service,
                    region_name="us-east-1",
                    endpoint_url=json.loads(ready.read_text())["endpoint"],
                    aws_access_key_id="111122223333",
                    aws_secret_access_key="any",
                    config=Config(retries={"total_max_attempts": 1}),
                )
                for service in ("acm-pca", "acm")
            )
            assert "newOrder" in served(acm, active_root(pca))
        finally:
            process.terminate()
