"""The `signet` command in a home of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from chalicelib.cli import signet
from tests.support.home import make_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SIGNET_DATA", str(tmp_path / "data"))
    make_home(tmp_path / "data")

    def invoke(*words: str, **more: str) -> Result:
        return CliRunner().invoke(signet, words, **more)  # type: ignore[arg-type]  # the input alone

    return invoke
