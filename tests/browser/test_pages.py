"""Every page of the console in a real browser: for everybody's eyes, hands and screens, and without dead ends."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin, urlsplit

import furnished
import pytest
from screen import DESKTOP, PHONE, sign_in, visitor

from chalicelib.console import pages, sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from furnished import Furnished
    from home import Home
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
SHOWN = [row for row in pages.PAGES if row.method == "GET" and not row.path.startswith(("static/", "link"))]
FORMS = [row for row in pages.PAGES if row.method == "POST"]
FRAGMENTS = {"cas/midpoint"}  # what htmx puts into a page
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
RUN_AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter((each) => ["serious", "critical"].includes(each.impact))
  .map((each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`)"""
READ = """() => ({
  links: [...document.links].map((link) => link.href),
  forms: [...document.forms].map((form) => [form.method, form.action]),
})"""


@pytest.fixture(scope="module")
def window(chromium: Browser, home: Home) -> Iterator[Page]:
    """One signed-in visitor for all tests of this file that only look."""
    with visitor(chromium, home.console_url, reduced_motion="reduce") as page:
        sign_in(page, home)
        yield page


@pytest.fixture(scope="module")
def content(home: Home, window: Page) -> Furnished:
    return furnished.furnish(home.client(), window)


def visit(page: Page, path: str, content: Furnished) -> None:
    """Go to a page; what a deleted CA no longer has is refused, on a page like others."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200 or (answer.status == 400 and content.deleted in path), path


def is_text(row: pages.Page) -> bool:
    """Whether a row is a file to be saved, and no page."""
    return "." in row.path.rsplit("/", 1)[-1]


PAGES = [row for row in SHOWN if not is_text(row) and row.path not in FRAGMENTS]


@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.path or "-")
def test_page_is_accessible_and_fits_a_phone(window: Page, content: Furnished, row: pages.Page) -> None:
    for path in furnished.addresses(row, content):
        window.emulate_media(color_scheme="light")
        visit(window, path, content)
        window.evaluate(AXE)
        assert window.evaluate(RUN_AXE) == [], path
        window.emulate_media(color_scheme="dark")
        assert window.evaluate(RUN_AXE) == [], path
        window.set_viewport_size(PHONE)
        width = window.evaluate("document.documentElement.scrollWidth")
        window.set_viewport_size(DESKTOP)
        assert width <= PHONE["width"], path


# ways through it


@pytest.fixture(scope="module")
def site(window: Page, content: Furnished) -> dict[str, Any]:
    """Every page that can be reached by links, by its address: its status, and the forms in it."""
    base = urljoin(window.url, "/console")
    waiting = [f"{base}/cas", f"{base}/cas/create/{content.segments['draft'][0]}/review"]
    found: dict[str, Any] = {}
    while waiting:
        address = waiting.pop()
        if address.startswith(base) and address not in found:
            found[address] = looked_at(window, address)
            waiting += found[address]["links"]
    return found


def looked_at(page: Page, address: str) -> dict[str, Any]:
    answer = page.request.get(address)
    if "text/html" not in answer.headers["content-type"] or answer.status >= 300:
        return {"status": answer.status, "links": [], "forms": []}
    page.goto(address)
    read = page.evaluate(READ)
    return {"status": answer.status, "links": [urldefrag(each).url for each in read["links"]], "forms": read["forms"]}


def rows_of(addresses: Iterable[str], method: str) -> set[str]:
    """The rows of the table that addresses fall into."""
    found = (pages.find(method, urlsplit(each).path.removeprefix("/console").strip("/"))[0] for each in addresses)
    return {row.path for row in found}


def test_every_link_leads_somewhere(site: dict[str, Any]) -> None:
    assert {address: each["status"] for address, each in site.items() if each["status"] != 200} == {}


def test_every_page_can_be_reached(site: dict[str, Any]) -> None:
    assert {row.path for row in SHOWN if row.path not in FRAGMENTS | {"sign-in"}} - rows_of(site, "GET") == set()


def test_form_of_every_page_without_its_token_or_from_elsewhere_is_refused(
    window: Page, content: Furnished, site: dict[str, Any]
) -> None:
    """Sent by the browser itself, with the cookies that it has."""
    forms = {action for each in site.values() for method, action in each["forms"] if method == "post"}
    assert {row.path for row in FORMS} - rows_of(forms, "POST") == {"sign-in"}
    window.goto("cas")
    foreign = sessions.form_token(sessions.new_id())
    origin = "/".join(window.url.split("/")[:3])
    for action in sorted(forms):
        for fields, headers in (
            ({"token": ""}, {}),
            ({"token": foreign}, {}),
            ({}, {"Origin": ""}),
            ({}, {"Origin": "https://evil.example"}),
            ({}, {"Origin": "null"}),
            ({}, {"Origin": origin + ".evil.example"}),
        ):
            answer = furnished.send(window, action, fields, **headers)
            assert answer.status == 403, (action, fields, headers)
    assert window.request.get("cas").url.endswith("/cas")  # and nothing of it was done: still signed in
