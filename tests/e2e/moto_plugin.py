"""A pytest plugin that moto's own test files run under: their clients reach Signet over HTTP, not moto.

One server answers them for every region, `signet serve --test`. Each test gets it empty, as it would get moto's
backends.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import moto
import pytest
from moto import settings

from tests.support.home import BIN, START_SECONDS

ACCOUNT_ID = "123456789012"  # moto's
_real_client = boto3.client


@cache
def _server() -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    """The server's process, and how to call it."""
    ready = Path(tempfile.mkdtemp(prefix="signet-moto-")) / "ready.json"
    process = subprocess.Popen(
        [BIN / "signet", "serve", "--test", "--ready-file", ready],
        env=os.environ | {"SIGNET_PORT": "0", "SIGNET_ACCOUNT_ID": ACCOUNT_ID},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process, json.loads(ready.read_text())


def _client(service: str, region_name: str) -> Any:
    assert service == "acm-pca"
    how = _server()[1]
    return _real_client(
        service,  # type: ignore[call-overload]  # by name
        region_name=region_name,
        endpoint_url=how["endpoint"],
        aws_access_key_id=how["accessKeyId"],
        aws_secret_access_key=how["secretAccessKey"],
    )


@pytest.fixture(autouse=True)
def _empty(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    # In this mode moto's tests do not look into moto's backends. The listing test never does, but skips itself.
    monkeypatch.setattr(settings, "TEST_SERVER_MODE", request.node.name != "test_list_certificate_authorities")
    reset = urllib.request.Request(f"{_server()[1]['control']}reset", method="POST")
    urllib.request.urlopen(reset, timeout=60).close()


def pytest_sessionfinish() -> None:
    """Stop the server."""
    process = _server()[0]
    process.terminate()
    process.wait(timeout=60)


moto.mock_aws = lambda test: test  # type: ignore[assignment]  # tests are decorated with it when they are imported
boto3.client = _client  # type: ignore[assignment]
