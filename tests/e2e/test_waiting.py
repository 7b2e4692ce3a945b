"""`signet status --wait` after `signet serve &`, as a CI job has it."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.home import Home, make_home

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]


@pytest.fixture
def nobody_s(tmp_path: Path) -> Home:
    """A home that the platform's rule places, because nobody names it; it does not exist yet."""
    home = Home(tmp_path / "share" / "signet")
    del home.environment["SIGNET_DATA"]
    home.environment["XDG_DATA_HOME"] = str(tmp_path / "share")
    (tmp_path / "share").mkdir()
    home.cwd = tmp_path / "project"
    home.cwd.mkdir()
    return home


def test_status_waits_for_a_home_that_a_server_creates(nobody_s: Home, tmp_path: Path) -> None:
    words = [str(nobody_s.program), "status", "--wait", "--json"]
    waiting = subprocess.Popen(words, cwd=tmp_path, env=nobody_s.environment, stdout=subprocess.PIPE, text=True)
    nobody_s.start()
    output, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert '"CertificateAuthorities": []' in output
    assert (nobody_s.data / "signet.db").exists()
    assert nobody_s.stop() == 0


def test_status_does_not_wait_for_ever(nobody_s: Home) -> None:
    found = nobody_s.signet("status", "--wait", "0", check=False)
    assert found.returncode == 2
    assert f"There is no home: no .signet here or above, and no {nobody_s.data}." in found.stderr
    assert not nobody_s.data.exists()
    make_home(nobody_s.data)
    found = nobody_s.signet("status", "--wait", "0", check=False)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == f"Error: Nothing answers at {nobody_s.url}. Waited 0 seconds.\n"


def test_server_of_another_home_is_named(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home.signet("status", "--wait", "0").returncode == 0
    make_home(tmp_path / "other")
    monkeypatch.setitem(home.environment, "SIGNET_DATA", str(tmp_path / "other"))
    found = home.signet("status", "--wait", "0", check=False)
    assert found.returncode == 1
    assert f"The server at {home.url} is not that of {tmp_path}/other." in found.stderr


@pytest.mark.slow
def test_server_that_is_not_healthy_names_the_part(home: Home) -> None:
    (home.data / "buckets").rename(home.data / "elsewhere")
    (home.data / "buckets").touch()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # what was seen counts for ten seconds
        found = home.signet("status", "--wait", "0", check=False)
        assert found.returncode == 1
        if found.stderr.startswith("Error"):
            break
    assert found.stderr == f"Error: The server at {home.url} is not healthy: buckets. Waited 0 seconds.\n"
