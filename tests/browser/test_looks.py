"""What stands around every page in a real browser: phones, wide screens, whole values, themes, and the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser import furnished
from tests.browser.screen import sign_in, visitor
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import csr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
WIDE: ViewportSize = {"width": 1920, "height": 1080}
HOST = "a-rather-long-host-name.internal.services.eu-west-1.example.com"
# Words that lie on more lines than one, though nothing in them is a seam: after hyphens any text may break.
BROKEN = """() => [...document.querySelectorAll("main bdi, main .identifier code, main time span")].flatMap((each) => {
  const texts = document.createTreeWalker(each, NodeFilter.SHOW_TEXT);
  const broken = [];
  while (texts.nextNode()) {
    for (const { 0: word, index } of texts.currentNode.data.matchAll(/[^\\s-]+/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, index);
      range.setEnd(texts.currentNode, index + word.length);
      if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) broken.push(word);
    }
  }
  return broken;
})"""
GROUND = "getComputedStyle(document.documentElement).backgroundColor"


@pytest.fixture(scope="module")
def base(home: Home) -> str:
    """The path of a certificate with a long name."""
    client = home.client()
    root = active_root(client, Tags=[{"Key": "Name", "Value": "Root of the looks"}])
    serial = serial_of(issue(client, root, Csr=csr(HOST, dns_names=[HOST])))
    return f"cas/{root.rsplit('/', 1)[1]}/certificates/{serial.replace(':', '').zfill(32)}"


@pytest.fixture(scope="module")
def window(chromium: Browser, home: Home) -> Iterator[Page]:
    with visitor(chromium, home.console_url, reduced_motion="reduce") as page:
        sign_in(page, home)
        yield page


def signed_in_as(other: Page, page: Page) -> None:
    """Give a page the session of another one, and its theme."""
    cookies: Any = other.context.cookies()
    page.context.add_cookies(cookies)


def test_header_of_a_phone_is_one_line_and_its_menu_opens_without_script(
    chromium: Browser, window: Page, home: Home
) -> None:
    with visitor(chromium, home.console_url, java_script_enabled=False) as page:
        signed_in_as(window, page)
        page.set_viewport_size(PHONE)
        page.goto("cas")
        header = page.locator(".top").bounding_box()
        assert header is not None
        assert header["height"] <= 60
        expect(page.get_by_role("searchbox")).to_be_hidden()
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("searchbox")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="Hierarchy")).to_be_hidden()
        page.get_by_role("button", name="Menu").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        page.get_by_role("link", name="Hierarchy").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Hierarchy")


def test_wide_screen_is_used_and_commands_stand_beside_the_content(window: Page, base: str) -> None:
    window.set_viewport_size(WIDE)
    window.goto(base)
    content, commands = window.locator("#content").bounding_box(), window.locator(".cli").bounding_box()
    window.set_viewport_size(DESKTOP)
    assert content is not None
    assert commands is not None
    assert commands["x"] >= content["x"] + content["width"]
    assert commands["x"] + commands["width"] > 0.97 * WIDE["width"]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_values_break_only_at_their_seams(window: Page, base: str, size: ViewportSize) -> None:
    window.set_viewport_size(size)
    broken = {}
    for path in ("cas", base.rpartition("/")[0], base, f"{base}/full", base.partition("/certificates")[0]):
        window.goto(path)
        broken[path] = window.evaluate(BROKEN)
    window.set_viewport_size(DESKTOP)
    assert {path: words for path, words in broken.items() if words} == {}


def test_theme_holds_from_the_first_paint_with_script_and_without(
    chromium: Browser, window: Page, home: Home, base: str
) -> None:
    window.goto(base)
    light = window.evaluate(GROUND)
    window.get_by_role("button", name="Dark").click()
    expect(window.locator("html")).to_have_attribute("data-theme", "dark")
    dark = window.evaluate(GROUND)
    assert dark != light
    window.goto("cas")
    assert window.evaluate(GROUND) == dark
    with visitor(chromium, home.console_url, java_script_enabled=False) as page:
        signed_in_as(window, page)
        page.goto(f"{base}?part=")
        assert page.locator("html").get_attribute("data-theme") == "dark"
        page.get_by_role("button", name="Light").click()
        assert page.locator("html").get_attribute("data-theme") == "light"
        assert f"/{base}" in page.url
    window.get_by_role("button", name="System").click()
    assert window.evaluate(GROUND) == light


@pytest.mark.parametrize("path", ["sign-in", "step", "tags", "search", "issue"])
def test_first_field_is_two_tabs_away(chromium: Browser, window: Page, home: Home, base: str, path: str) -> None:
    """The first leads to the link that skips what stands around the page; Enter; the second is in the field."""
    authority = base.partition("/certificates")[0]
    with visitor(chromium, home.console_url) as page:
        if path != "sign-in":
            signed_in_as(window, page)
        address = {
            "step": lambda: f"cas/create/{furnished.draft(page)}/subject",
            "search": lambda: base.rpartition("/")[0],
        }
        page.goto(address[path]() if path in address else path if path == "sign-in" else f"{authority}/{path}")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('main input, main textarea, main select')")


def test_times_of_a_table_are_distances_with_the_exact_time_as_tooltip(window: Page, base: str) -> None:
    window.goto(base.rpartition("/")[0])
    time = window.locator("td time").first
    assert "now" in time.inner_text() or "minute" in time.inner_text()
    title = time.get_attribute("title") or ""
    assert " UTC · " in title
    assert title.endswith(" local")
