"""What HTML asks of every page, where each name is as long as it may be: what stands in what, and in which order."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.access import access_keys
from tests.support.acme_calls import ordered
from tests.support.builders import csr
from tests.support.console_browser import Browser
from tests.support.console_pages import crawled
from tests.support.console_sharing import OTHER, share
from tests.support.console_steps import arn_of, create, install, issue, revoke, root, signed_in

if TYPE_CHECKING:
    from tests.support.console_browser import Answer

pytestmark = [pytest.mark.wide, pytest.mark.laptop]
LONG = "Example " * 8
SUBJECT = {"Organization": LONG, "OrganizationalUnit": LONG, "CommonName": LONG}
NAME = [{"Key": "Name", "Value": "Example " * 30}, {"Key": "Example " * 15, "Value": "Example " * 30}]
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
OPENED = {"a", "button", "details", "select", "textarea", "summary", "pre"}
# What may not stand anywhere in an element: whoever presses it would press what is in it. Source: HTML, section 3.2.5.
NOT_WITHIN = {
    each: {*OPENED, "div", "ul", "form"} for each in ("a", "button", "summary", "h1", "h2", "h3", "p", "small")
}
NOT_WITHIN |= {"label": OPENED, "form": {"form"}}
MAY = {("p", "a"), ("p", "button"), ("small", "a"), ("small", "button")}


class _Nesting(HTMLParser):
    """Elements that stand where they may not, and the levels of the headings."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.levels: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        outer = [each for each in self.open if tag in NOT_WITHIN.get(each, ()) and (each, tag) not in MAY]
        self.faults += [f"{each} > {tag} at {self.getpos()}" for each in outer]
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdecimal():
            self.levels.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of SVG, which is empty."""

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> in {self.open[-3:]} at {self.getpos()}")
        else:
            self.open.pop()


def faults(page: Answer) -> list[str]:
    reader = _Nesting()
    reader.feed(page.text)
    steps = zip([0, *reader.levels], reader.levels, strict=False)
    return reader.faults + [f"h{low} before h{high}" for low, high in steps if high > low + 1]


@pytest.fixture
def browsers(rt: Any) -> tuple[Browser, Browser]:
    """The owner of some CAs, and who may do with one of them whatever can be shared."""
    top = root(rt, SUBJECT, Tags=NAME)
    below = create(rt, "SUBORDINATE", SUBJECT | {"CommonName": LONG[::-1]}, Tags=NAME)
    install(rt, below, top, "SubordinateCACertificate_PathLen0", years=3)
    create(rt, "SUBORDINATE", SUBJECT, Tags=NAME)
    hosts = [f"{'x' * 60}.{'y' * 60}.{number}.example.com" for number in range(3)]
    request = csr("a.example.com", dns_names=hosts)
    revoke(rt, below, issue(rt, below, request))
    issue(rt, below, request)
    share(rt, below)
    ordered(rt, arn_of(below), f"{'x' * 60}.{'y' * 60}.example.com", "a.example.com")
    guest = Browser(rt)
    guest.sign_in(access_keys.create_access_key(rt, OTHER))
    return signed_in(rt), guest


def test_elements_stand_where_they_may(browsers: tuple[Browser, Browser]) -> None:
    found = {page.url: faults(page) for browser in browsers for page in crawled(browser)}
    assert len(found) > 40
    assert {address: each for address, each in found.items() if each} == {}
