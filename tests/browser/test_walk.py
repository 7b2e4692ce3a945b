"""A walk of a minute, from signing in to a revoked certificate; with `--pictures` it is that of the README."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser import animation, steps
from tests.browser.screen import visitor
from tests.support.builders import csr

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
SIZE: ViewportSize = {"width": 1200, "height": 750}
SECONDS, MOST_BYTES, QUALITY = 60, 1_500_000, 0.6
FRAMES = """async (webp) => {
  const bytes = Uint8Array.from(atob(webp), (each) => each.charCodeAt(0));
  const decoder = new ImageDecoder({ data: bytes, type: "image/webp" });
  await decoder.tracks.ready;
  await decoder.completed;
  const last = await decoder.decode({ frameIndex: decoder.tracks.selectedTrack.frameCount - 1 });
  return [decoder.tracks.selectedTrack.frameCount, last.image.displayWidth, last.image.duration / 1000];
}"""


class Walk:
    """The pictures that are taken on the way."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pictures: list[bytes] = []

    def look(self) -> None:
        """Take a picture of what the visitor sees."""
        self.pictures.append(self.page.screenshot())

    def press(self, name: str) -> None:
        """Press a button, and look."""
        steps.press(self.page, name)
        self.page.wait_for_load_state()
        self.look()

    def follow(self, name: str) -> None:
        """Follow a link, and look."""
        self.page.get_by_role("main").get_by_role("link", name=name).or_(
            self.page.get_by_role("main").get_by_role("button", name=name)
        ).first.click()
        self.page.wait_for_load_state()
        self.look()


def test_walk_takes_a_minute(chromium: Browser, home: Home, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    into = Path(pytestconfig.getoption("--pictures") or tmp_path)
    with visitor(chromium, home.console_url, color_scheme="light", reduced_motion="reduce", timezone_id="UTC") as page:
        page.set_viewport_size(SIZE)
        pictures = walk(page, home)
        frames = [animation.compressed(page, png, QUALITY) for png in pictures]
        milliseconds = SECONDS * 1000 // len(frames)
        film = animation.animated(frames, milliseconds, SIZE["width"], SIZE["height"])
        seen = page.evaluate(FRAMES, base64.b64encode(film).decode())
    (into / "console-walk.webp").write_bytes(film)
    assert seen == [len(frames), SIZE["width"], milliseconds]
    assert len({*pictures}) == len(pictures) >= 15
    assert len(film) <= MOST_BYTES


def walk(page: Page, home: Home) -> list[bytes]:
    """A root is created, signs its own certificate, and issues one, which is then revoked."""
    way, key = Walk(page), home.exports()
    page.goto("sign-in")
    page.get_by_label("Access key ID").fill(key["AWS_ACCESS_KEY_ID"])
    page.get_by_label("Secret access key").fill(key["AWS_SECRET_ACCESS_KEY"])
    way.look()
    way.press("Sign in")
    way.follow("Get started")
    page.get_by_role("radio", name="Root CA").check()
    way.look()
    way.press("Next")
    page.get_by_label("Organization (O)").fill("Example Corp")
    page.get_by_label("Common name (CN)").fill("Example Root R1")
    way.look()
    way.press("Next")
    way.press("Next")
    page.get_by_role("checkbox", name="Enable CRL distribution").check()
    page.get_by_label("Name of the new bucket").fill("example-crls")
    page.get_by_role("checkbox", name="Enable OCSP").check()
    way.look()
    way.press("Next")
    page.locator("#key\\.0").fill("Name")
    page.locator("#value\\.0").fill("root")
    way.press("Next")
    way.press("Next")
    way.press("Confirm and create")
    authority = install(way)
    issue(way, authority)
    return way.pictures


def install(way: Walk) -> str:
    """The root signs its own certificate; returns the path of its page."""
    page = way.page
    ca_id = page.url.split("/cas/")[1].split("/")[0]
    page.goto(f"cas/{ca_id}/install")
    way.look()
    if not page.locator("#years").input_value():
        page.locator("#years").fill("20")
    page.locator("form[action*='install-own'] button").click()
    expect(page.locator("main .badge").first).to_contain_text("Active")
    way.look()
    return f"cas/{ca_id}"


def issue(way: Walk, authority: str) -> None:
    """A certificate is issued from its preview, and revoked."""
    page = way.page
    page.goto(f"{authority}/issue")
    page.get_by_label("CSR", exact=True).fill(csr("www.example.com", dns_names=["www.example.com"]).decode())
    page.keyboard.press("Tab")
    expect(page.locator("#csr-decoded")).to_contain_text("www.example.com")
    way.look()
    way.press("Preview")
    way.press("Issue")
    way.follow("Revoke")
    page.get_by_role("radio", name="Superseded").check()
    way.look()
    way.press("Revoke")
    for path in (f"{authority}/certificates", f"{authority}/activity", "hierarchy", "overview"):
        page.goto(path)
        way.look()
