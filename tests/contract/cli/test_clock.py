"""`signet clock`, and the commands that name a jump of the clock."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from chalicelib import clock
from chalicelib.config import Settings
from chalicelib.runtime import from_settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.cli.conftest import Run

pytestmark = pytest.mark.laptop


def test_jump_is_named_until_it_is_accepted(run: Run, tmp_path: Path) -> None:
    rt = from_settings(Settings(data=str(tmp_path / "data")))
    off_since = rt.now() - timedelta(days=40)
    rt.store.put_clock_mark(clock.observe(None, off_since))
    named = "The clock went ahead by 40 days"
    assert run("status").stderr.startswith(f"clock: {named}")
    assert named in json.loads(run("status", "--json").stdout)["Clock"]
    assert run("monitor").stderr.startswith(f"clock: {named}")
    shown = run("clock", "show").stdout.splitlines()
    assert shown[1].startswith(named)
    assert shown[2].startswith(f"Beyond doubt is {off_since:%Y-%m-%d %H:%M} UTC;")
    assert run("clock", "accept").stdout.startswith("Accepted: it is ")
    assert run("status").stderr == run("monitor").stderr == ""
    assert len(run("clock", "show").stdout.splitlines()) == 1
