"""What stands around every page: the title of the window, the tabs of a CA, and the theme."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from chalicelib.console import table, theme
from tests.support.builders import csr
from tests.support.console_pages import crawled
from tests.support.console_steps import create, issue, revoke, root, signed_in

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser

pytestmark = [pytest.mark.wide, pytest.mark.laptop]
NAME = "The name"


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


@pytest.fixture
def seen(rt: Any, browser: Browser) -> list[Answer]:
    """Every page of a home with a CA that has a certificate, and one that waits for its own."""
    top = root(rt, {"CommonName": "Top"}, Tags=[{"Key": "Name", "Value": NAME}])
    create(rt, "SUBORDINATE", {"CommonName": "Waiting"})
    revoke(rt, top, issue(rt, top, csr("a.example.com", dns_names=["a.example.com"])))
    return list(crawled(browser))


def of_ca(page: Answer) -> bool:
    return "/cas/" in page.url and "/cas/create" not in page.url and "{" in row_of(page)


def row_of(page: Answer) -> str:
    path = urlsplit(page.url).path.removeprefix("/console").strip("/")
    patterns = (
        (row.path, re.sub(r"\{(\w+)\}", lambda named: table.SEGMENTS[named[1]], row.path)) for row in table.PAGES
    )
    return next(row for row, pattern in patterns if re.fullmatch(pattern, path))


def test_name_and_tabs_stay_on_all_pages_of_a_ca(seen: list[Answer]) -> None:
    pages = [page for page in seen if of_ca(page) and page.text.startswith("<!DOCTYPE html>")]
    assert len({row_of(page) for page in pages}) > 10
    without = [page.url for page in pages if page.text.count('aria-label="Pages of this CA"') != 1]
    assert without == []
    assert [page.url for page in pages if not re.search('class="ca-name"><bdi>(?:The name|Waiting)<', page.text)] == []
    assert [page.url for page in pages if page.text.count('" aria-current="page">') < 2] == []  # its tab, its section


def test_titles_of_pages_differ(seen: list[Answer]) -> None:
    """The first page of all is one of the others."""
    found = {
        (re.findall("<title>(.*) · Signet</title>", page.text)[0], row_of(page)) for page in seen if has_title(page)
    }
    pages = Counter(title for title, row in found if row)
    assert len(pages) > 25
    assert {title: number for title, number in pages.items() if number > 1} == {}
    assert [title for title in pages if "The name" in title] != []


def has_title(page: Answer) -> bool:
    return "<title>" in page.text


@pytest.mark.parametrize("chosen", theme.THEMES)
def test_theme_is_that_of_every_page_once_it_is_chosen(browser: Browser, chosen: str) -> None:
    page = browser.get("/console/activity?operation=GetPolicy&outcome=failed")
    assert "data-theme" not in page.text
    back = browser.submit(page, "/theme", theme=chosen)
    assert split(back.url) == split(page.url)
    for shown in (back, browser.get("/console/cas"), signed_out(browser)):
        assert re.findall('<html lang="en"(?: data-theme="([a-z]+)")?>', shown.text) == [chosen]


def split(url: str) -> tuple[str, list[tuple[str, str]]]:
    path, _, query = url.partition("?")
    return path, sorted(parse_qsl(query))


def signed_out(browser: Browser) -> Answer:
    browser.cookies.pop("signet-session")
    return browser.get("/console/sign-in")


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example/", "nowhere", "cas\r\nX: y", "../x", "theme"]
)
def test_theme_leads_back_to_pages_of_the_console_alone(browser: Browser, back: str) -> None:
    page = browser.get("/console/you")
    fields = page.form("/theme")["fields"] | {"theme": "dark", "back": back}
    answer = browser.request(
        "POST",
        "/console/theme",
        "&".join(f"{name}={_quoted(value)}" for name, value in fields.items()).encode(),
        **{"Content-Type": "application/x-www-form-urlencoded", "Origin": browser.origin},
    )
    assert (answer.status, answer.headers["Location"]) == (303, "../console")


def _quoted(value: str) -> str:
    return "".join(f"%{octet:02X}" for octet in value.encode())


def test_unknown_theme_is_that_of_the_system(browser: Browser) -> None:
    page = browser.submit(browser.get("/console/you"), "/theme", theme='dark" onload="x')
    assert "data-theme" not in page.text
    browser.cookies[theme.COOKIE] = "x"
    assert "data-theme" not in browser.get("/console/you").text
