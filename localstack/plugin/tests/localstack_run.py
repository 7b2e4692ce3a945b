"""A LocalStack of the tests' own, without Signet in it."""

from __future__ import annotations

import io
import json
import socket
import sys
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

PROJECT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(PROJECT / "localstack"))

import start  # noqa: E402  it is no package

READY_SECONDS = 120


class LocalStack:
    """One instance, with its own port and folder."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.state = PROJECT / "build" / f"localstack-{self.port}"

    def start(self, *, keeps: bool = False, **settings: str) -> None:
        """Start it; `ready` waits for it."""
        host = f"127.0.0.1:{self.port}"  # in URLs of CRLs and OCSP; LocalStack's own name asks DNS
        self.process = start.launch(self.state, str(self.port), keeps=keeps, LOCALSTACK_HOST=host, **settings)

    def ready(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/_localstack/init/ready", timeout=5) as answer:
                    if json.load(answer)["completed"]:
                        return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("LocalStack did not start.")
            time.sleep(0.2)

    def stop(self) -> None:
        """End it and remove its folder."""
        start.remove(self.process, self.state)

    def boto(self, service: str, region: str = "us-east-1", account: str = "test") -> Any:
        """A client whose calls are not repeated, and that keeps connections for 32 threads."""
        return boto3.session.Session().client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=32, read_timeout=90),
        )


def package(source: str) -> bytes:
    """A deployment package whose module `handlers` has this text."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("handlers.py", source)
    return made.getvalue()
