"""Fixtures: a runtime in a temporary directory with a clock that tests move, and a real client of it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from client import client_for
from world import Clock

from chalicelib import logs
from chalicelib.config import Settings
from chalicelib.runtime import Runtime, from_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@pytest.fixture(autouse=True, scope="session")
def _environment() -> Iterator[None]:
    """No test sees the settings, credentials or configuration of the person who runs it."""
    kept = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("SIGNET_", "AWS_")) and name != "AWS_CA_BUNDLE":
            del os.environ[name]
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    logs.LOGGER.propagate = False
    yield
    os.environ.clear()
    os.environ |= kept


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rt(tmp_path: Path, clock: Clock) -> Runtime:
    return replace(from_settings(Settings(data=str(tmp_path / "home"))), now=clock)


@pytest.fixture(params=["json", "smithy-rpc-v2-cbor"])
def acm_pca(rt: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """A client whose signatures bear the time of the test's clock, once for each protocol."""
    import botocore.auth

    def now(*, remove_tzinfo: bool = True) -> datetime:
        return clock().replace(tzinfo=None) if remove_tzinfo else clock()

    monkeypatch.setattr(botocore.auth, "get_current_datetime", now)
    return client_for(rt, protocol=request.param)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how much the fault runs covered."""
    passed = terminalreporter.stats.get("passed", [])
    counted = [dict(each.user_properties) for each in passed if each.when == "call" and each.user_properties]
    runs = sum(int(each.get("fault runs", 0)) for each in counted)
    if runs:
        sites = sum(int(each.get("fault sites", 0)) for each in counted)
        terminalreporter.write_line(f"fault runs: {sites} call sites, {runs} runs, 0 breaches")
