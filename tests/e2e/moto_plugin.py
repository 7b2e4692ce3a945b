"""A pytest plugin that moto's own test files run under: their clients reach Signet over HTTP, not moto.

Each test gets empty homes, one for every region that it asks for, as it would get empty backends of moto's.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest
from click.testing import CliRunner
from moto import settings

from chalicelib.cli import signet
from tests.support.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT_ID = "123456789012"  # moto's
_homes: dict[str, EmptyHome] = {}


class EmptyHome(Home):
    """A home whose credentials come without starting a process for them."""

    def signet(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the `signet` command in this process."""
        done = CliRunner().invoke(signet, words, env=self.environment, catch_exceptions=not check)
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)


def _client(service: str, region_name: str) -> Any:
    assert service == "acm-pca"
    if region_name not in _homes:
        data = Path(tempfile.mkdtemp(prefix="signet-moto-")) / "home"
        made = _homes[region_name] = EmptyHome(data, AWS_REGION=region_name, SIGNET_ACCOUNT_ID=ACCOUNT_ID)
        made.start()
    return _homes[region_name].client()


@pytest.fixture(autouse=True)
def _empty_homes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # In this mode moto's tests do not look into moto's backends. The listing test never does, but skips itself.
    over_http = request.node.name != "test_list_certificate_authorities"
    monkeypatch.setattr(settings, "TEST_SERVER_MODE", over_http)
    yield
    while _homes:
        _homes.popitem()[1].stop()


moto.mock_aws = lambda test: test  # type: ignore[assignment]  # tests are decorated with it when they are imported
boto3.client = _client  # type: ignore[assignment]
