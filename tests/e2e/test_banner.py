"""The banner of the server: where API and console are, and a link that signs in, on a terminal alone."""

from __future__ import annotations

import http.client
import os
import pty
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.home import BIN, ROOT, Home

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
_LINK = re.compile(r"http://127\.0\.0\.1:\d+/console/link\?once=([A-Za-z0-9_-]{43})")
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def status_and_location(home: Home, path: str, accept: str = FIREFOX) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=10)
    connection.request("GET", path, headers={"Accept": accept} if accept else {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers.get("Location", "")


def test_terminal_gets_a_link_that_signs_in_once_and_is_in_no_file(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    terminal, output = pty.openpty()
    with (tmp_path / "server.log").open("w") as log:
        command = [str(BIN / "signet"), "serve"]
        process = subprocess.Popen(command, cwd=ROOT, env=home.environment, stdout=output, stderr=log)
    os.close(output)
    try:
        banner = ""
        while "signet status" not in banner:
            banner += os.read(terminal, 4096).decode()
        assert f"the API at {home.url} and the console at {home.url}/console." in banner
        link = _LINK.search(banner)
        assert link is not None
        path = link[0].removeprefix(home.url)
        assert status_and_location(home, path) == (303, "../console")
        assert status_and_location(home, path)[0] == 403
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(terminal)
    found = [path for path in tmp_path.rglob("*") if path.is_file() and link[1].encode() in path.read_bytes()]
    assert not found


def test_pipe_gets_no_link(home: Home) -> None:
    assert home.process is not None
    assert home.process.stdout is not None
    lines = [home.process.stdout.readline() for _ in range(3)]
    assert f"the console at {home.url}/console." in lines[0]
    assert "link?once" not in "".join(lines)


def test_browser_at_the_root_goes_to_the_console_and_a_client_gets_its_answer(home: Home) -> None:
    assert status_and_location(home, "/") == (303, "console")
    assert [status_and_location(home, "/", accept)[0] for accept in ("", "*/*", "application/json")] == [405] * 3
