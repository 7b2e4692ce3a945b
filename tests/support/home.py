"""A real laptop home in a process of its own, for real clients."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from random import SystemRandom
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from chalicelib.config import Settings
from chalicelib.runtime import from_settings

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.executable).parent
START_SECONDS = 30


# Where no kernel takes the ports that it chooses itself: a server gets one some time before it listens, or stops and
# starts again. Each process of pytest-xdist has some of its own.
_PORTS = range(10_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 16, 32_768, 16)
_CHOSEN = cycle(SystemRandom().sample(_PORTS, len(_PORTS)))


def free_port() -> int:
    """A port that nobody uses at the moment."""
    for port in _CHOSEN:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("every port is in use")


def make_home(data: Path) -> None:
    """Create an empty laptop home, which every command but a few needs."""
    from_settings(Settings(data=str(data))).store.list_accounts()


def signed_get(url: str, access_key_id: str, secret: str, region: str) -> dict[str, Any]:
    """The answer to a signed GET."""
    request = AWSRequest("GET", url, headers={"host": urlsplit(url).netloc})
    SigV4Auth(Credentials(access_key_id, secret), "acm-pca", region).add_auth(request)
    signed = urllib.request.Request(str(request.url), headers=dict(request.headers.items()))
    with urllib.request.urlopen(signed, timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


class Home:
    """A data directory and a port; its server is started and stopped by tests."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data, self.port = data, free_port()
        self.program, self.cwd = BIN / "signet", ROOT
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SIGNET_"))}
        none = str(data.parent / "none")
        self.environment = kept | {
            "SIGNET_DATA": str(data),
            "SIGNET_PORT": str(self.port),
            "AWS_CONFIG_FILE": none,
            "AWS_SHARED_CREDENTIALS_FILE": none,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            **settings,
        }
        self.process: subprocess.Popen[str] | None = None
        self.stderr: int | None = None  # a descriptor, instead of server.log
        self._exports: dict[str, str] = {}
        self._clients: list[Any] = []
        atexit.register(self._kill)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def console_url(self) -> str:
        """Where the console begins."""
        return f"{self.url}/console/"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.data.parent / "server.log").open("a") as file:
            self.process = subprocess.Popen(
                [self.program, "serve"],
                cwd=self.cwd,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=file if self.stderr is None else self.stderr,
                text=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=2):
                    return
            except OSError:
                assert self.process.poll() is None, (self.data.parent / "server.log").read_text()
                time.sleep(0.05)
        raise AssertionError("the server does not answer")

    def _kill(self) -> None:
        """End a server that a failed test has left."""
        if self.process is not None:
            self.process.kill()

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal to the server and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(timeout=20)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None
        for client in self._clients:  # one that is used again connects again
            client.close()
        return code

    def under_name(self, host: str, address: str, own: str) -> tuple[str, ...]:
        """What to tell curl, so that it finds a CRL under a host name of the owner's."""
        return ("--connect-to", f"{host}:80:127.0.0.1:{self.port}", address)

    def make_bucket(self, name: str) -> None:
        """In the laptop home a bucket is there once it is named."""

    def signet(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the `signet` command in this home."""
        found = subprocess.run(
            [self.program, *words],
            cwd=self.cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert found.returncode == 0 or not check, found.stderr
        return found

    def exports(self) -> dict[str, str]:
        """What `signet env` sets; asked once, because it stays the same."""
        if not self._exports:
            variables = json.loads(self.signet("env", "--json").stdout)
            self._exports = {name: value for name, value in variables.items() if value is not None}
        return self._exports

    def aws(self, *words: str, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the AWS CLI as a person would after `eval "$(signet env)"`."""
        found = subprocess.run(
            [BIN / "aws", "acm-pca", *words],
            cwd=cwd,
            env=self.environment | self.exports(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert found.returncode == 0 or not check, found.stderr
        return found

    def status(self) -> list[dict[str, Any]]:
        """What `signet status --json` says."""
        found: list[dict[str, Any]] = json.loads(self.signet("status", "--json").stdout)["CertificateAuthorities"]
        return found

    def client(self, service: Any = "acm-pca", **more: Any) -> Any:
        """A boto3 client of the server, by default of AWS Private CA."""
        exports = self.exports()
        arguments: dict[str, Any] = {
            "region_name": exports["AWS_REGION"],
            "endpoint_url": exports["AWS_ENDPOINT_URL_ACM_PCA"],
            "aws_access_key_id": exports["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": exports["AWS_SECRET_ACCESS_KEY"],
            "config": Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=20),
        } | more
        self._clients.append(boto3.session.Session().client(service, **arguments))
        return self._clients[-1]

    def get(self, path: str) -> dict[str, Any]:
        """The answer to a signed GET of an extension."""
        exports = self.exports()
        key = exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"]
        return signed_get(exports["AWS_ENDPOINT_URL_ACM_PCA"] + path, *key, exports["AWS_REGION"])

    def certificates(self, ca_arn: str) -> list[dict[str, Any]]:
        """Every certificate that a CA has issued, of at most 100."""
        answer = self.get(f"/certificate-authorities/{ca_arn.rsplit('/', 1)[1]}/certificates?maxResults=100")
        assert "NextToken" not in answer
        found: list[dict[str, Any]] = answer["Certificates"]
        return found
