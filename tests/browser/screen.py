"""A real Chromium, and what its pages do unasked: dialogs, failing scripts, breaches of the policy for content."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, ViewportSize

    from tests.support.home import Home

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--host-resolver-rules=MAP *.localhost.localstack.cloud 127.0.0.1",
    "--no-first-run",
)
MOST_MILLISECONDS = 15_000
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
RUN_AXE = """async (rules) => (await axe.run(document, {resultTypes: ["violations"], ...rules})).violations
  .filter((each) => ["serious", "critical"].includes(each.impact))
  .map((each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`)"""
# A refusal is a page like others; and what Chromium leaves out where a home speaks http under a name.
_USUAL = (
    "Failed to load resource: the server responded with a status of 4",
    "The Cross-Origin-Opener-Policy header has been ignored",
)
_REPORT = """
window.addEventListener("securitypolicyviolation", (event) =>
  window.reportToTests(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


def launch(chromium: BrowserType) -> Browser:
    """Start it; without its sandbox only as root, where the sandbox does not work."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path is not None, "The browser tests need Chromium (Debian: chromium)."
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    return chromium.launch(executable_path=path, args=[*ARGUMENTS, *root])


expect.set_options(timeout=MOST_MILLISECONDS)


@contextmanager
def visitor(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """A page of a new visitor of the console at an address; nothing may happen that nobody asked for."""
    context = browser.new_context(base_url=address, viewport=DESKTOP, **options)
    seen = watch(context)
    try:
        page = context.new_page()
        page.set_default_timeout(MOST_MILLISECONDS)
        yield page
        assert not seen, seen
    finally:
        context.close()


def watch(context: BrowserContext) -> list[str]:
    """What happens in a context though it should not; the list grows."""
    seen: list[str] = []

    def dialog(each: Any) -> None:
        seen.append(f"dialog: {each.message}")
        each.dismiss()

    def console(message: Any) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_USUAL):
            seen.append(f"{message.type}: {message.text}")

    context.on("dialog", dialog)
    context.on("console", console)
    context.on("weberror", lambda error: seen.append(f"error: {error.error}"))
    context.expose_binding("reportToTests", lambda _, text: seen.append(f"policy: {text}"))
    context.add_init_script(_REPORT)
    return seen


def sign_in(page: Page, home: Home, **key: str) -> None:
    """Sign in by the form."""
    exports = key or home.exports()
    page.goto("sign-in")
    page.get_by_label("Access key ID").fill(exports["AWS_ACCESS_KEY_ID"])
    page.get_by_label("Secret access key").fill(exports["AWS_SECRET_ACCESS_KEY"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def path_of(page: Page) -> str:
    """Where a page is, behind `/console/`."""
    return urlsplit(page.url).path.removeprefix("/console").removeprefix("/")
