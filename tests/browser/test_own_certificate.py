"""The trial of a new user: from a running home to a browser that trusts https://localhost, its steps counted.

README.md has the same steps, in five lines.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Error, expect

from tests.browser import screen
from tests.support.home import BIN, ROOT, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
MOST_CLICKS = 12
_SECONDS = 20


class Trial:
    """A person with a terminal and a browser, in a home directory of their own; counts what they do."""

    def __init__(self, home: Home, chromium: Browser, directory: Path) -> None:
        self.home, self.chromium, self.directory = home, chromium, directory
        self.commands, self.clicks = ["make run"], list[str]()  # the home of the test is served already

    def signet(self, *words: str, beside: tuple[str, ...] = ()) -> str:
        """A command in the terminal, with options `beside` that the person would not need."""
        self.commands.append(f".venv/bin/signet {' '.join(words)}")
        environment = self.home.environment | {"HOME": str(self.directory)}
        ended = subprocess.run(
            [BIN / "signet", *words, *beside],
            cwd=self.directory,
            env=environment | {"SIGNET_DATA": str(self.home.data)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return ended.stdout

    def click(self, page: Page, name: str, role: str = "button") -> None:
        """A click on a button or a choice."""
        self.clicks.append(name)
        page.get_by_role(role, name=re.compile(f"^{re.escape(name)}")).first.click()  # type: ignore[arg-type]  # of two

    @contextmanager
    def window(self) -> Iterator[Page]:
        """Open the browser: it knows what is in the person's home directory, and nothing else."""
        path = next(filter(None, map(shutil.which, screen.NAMES)))
        arguments = [*screen.ARGUMENTS, *(("--no-sandbox",) if os.geteuid() == 0 else ())]
        environment: dict[str, str | float | bool] = {**os.environ, "HOME": str(self.directory)}
        browser = self.chromium.browser_type.launch(executable_path=path, args=arguments, env=environment)
        page = browser.new_page(viewport=screen.DESKTOP)
        page.set_default_timeout(screen.MOST_MILLISECONDS)
        yield page
        browser.close()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the certificate; gives the address."""
        port = free_port()
        files = ("-cert", "localhost.pem", "-cert_chain", "localhost-chain.pem", "-key", "localhost-key.pem")
        self.commands.append(f"openssl s_server -www -accept 8443 {' '.join(files)}")
        words = ["openssl", "s_server", "-www", "-accept", f"127.0.0.1:{port}", *files]
        process = subprocess.Popen(words, cwd=self.directory, stdout=subprocess.DEVNULL)
        yield f"https://localhost:{port}/"
        process.terminate()
        process.wait(timeout=_SECONDS)


@pytest.fixture
def trial(home: Home, chromium: Browser, tmp_path: Path) -> Trial:
    assert shutil.which("certutil"), "The browser's roots are in NSS (Debian: libnss3-tools)."
    return Trial(home, chromium, tmp_path)


def make_root(trial: Trial, page: Page) -> None:
    """A root by the wizard, with its defaults, and its certificate by one button."""
    trial.click(page, "Get started")
    trial.click(page, "Root CA", "radio")
    trial.click(page, "Next")
    page.get_by_label("Common name (CN)").fill("My Root")
    for _ in range(5):
        trial.click(page, "Next")
    trial.click(page, "Confirm and create")
    trial.click(page, "Install a self-signed certificate")
    trial.click(page, "Issue and install")
    expect(page.get_by_role("status").first).to_contain_text("This certificate authority can issue certificates now.")


def test_new_user_has_a_browser_that_trusts_their_own_certificate(trial: Trial) -> None:
    begun = time.monotonic()
    with trial.window() as page:
        page.goto(trial.signet("console", beside=("--no-browser",)).split()[-1])
        make_root(trial, page)
    trial.signet("issue", "localhost")
    with trial.serving() as address:
        with trial.window() as page, pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            page.goto(address)
        trial.signet("trust", "install", beside=("--yes", "--store", "nss"))
        with trial.window() as page:
            answer = page.goto(address)
            assert answer is not None
            details = answer.security_details()
            assert details is not None
            assert (answer.status, details["subjectName"], details["issuer"]) == (200, "localhost", "My Root")
    print(f"{len(trial.commands)} commands, {len(trial.clicks)} clicks, {time.monotonic() - begun:.1f} s")
    assert len(trial.clicks) <= MOST_CLICKS
    told = {line.split("#")[0].strip() for line in (ROOT / "README.md").read_text().splitlines()}
    assert [command for command in trial.commands if command not in told] == []
    assert len(trial.commands) == 5
