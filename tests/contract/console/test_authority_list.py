"""The list of CAs in the console: by name, sorted, filtered, counted, page by page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from chalicelib.console.views import authorities
from tests.support.clock_steps import later
from tests.support.console_steps import arn_of, create, link_to, root, signed_in, subordinate

if TYPE_CHECKING:
    from tests.faults.world import Clock
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def cas(page: Answer) -> list[str]:
    """The ids of the CAs of a page, in order."""
    return re.findall(r'data-label="Name"><a href="[^"]*cas/([0-9a-f-]{36})"', page.text)


def tagged(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.fixture
def made(rt: Any, clock: Clock) -> dict[str, str]:
    """CAs by name, made one after the other, in states of every kind."""
    found = {"zulu": root(rt, {"CommonName": "zulu"}, years=2)}
    clock.forward(seconds=1)
    found["Alpha"] = root(rt, {"CommonName": "Other"}, years=10, Tags=tagged(Name="Alpha", env="Production"))
    clock.forward(seconds=1)
    found["mike"] = subordinate(rt, found["Alpha"], {"CommonName": "mike"}, years=1)
    clock.forward(seconds=1)
    found["November"] = create(rt, "SUBORDINATE", {"CommonName": "November"}, Tags=tagged(env="test"))
    return found


ORDERS = {
    "": ["Alpha", "mike", "November", "zulu"],
    "sort=-name": ["zulu", "November", "mike", "Alpha"],
    "sort=expires": ["mike", "zulu", "Alpha", "November"],
    "sort=-created": ["November", "mike", "Alpha", "zulu"],
    "sort=type": ["Alpha", "zulu", "mike", "November"],
    "sort=-status": ["November", "Alpha", "mike", "zulu"],
    "q=ALPHA": ["Alpha"],
    "q=other": ["Alpha"],
    "status=PENDING_CERTIFICATE": ["November"],
    "status=DISABLED": [],
    "type=SUBORDINATE": ["mike", "November"],
    "type=SUBORDINATE&status=ACTIVE": ["mike"],
    "tag=env": ["Alpha", "November"],
    "tag=ENV = prod": ["Alpha"],
    "tag=env=x": [],
    "expires=365": ["mike"],
    "expires=30": [],
    "expires=past": [],
}


def test_list_is_filtered_and_sorted(browser: Browser, made: dict[str, str]) -> None:
    names = {ca_id: name for name, ca_id in made.items()}
    found = {query: [names[ca_id] for ca_id in cas(browser.get(f"/console/cas?{query}"))] for query in ORDERS}
    assert found == ORDERS
    by_arn = browser.get(f"/console/cas?q={arn_of(made['mike'])}")
    assert cas(by_arn) == [made["mike"]]
    assert "1 CA<" in by_arn.text
    assert "No CA matches these filters." in browser.get("/console/cas?q=absent").text


def test_expiry_filters_follow_the_clock(browser: Browser, rt: Any, clock: Clock, made: dict[str, str]) -> None:
    later(rt, clock, days=350)
    browser.sign_in()
    assert cas(browser.get("/console/cas?expires=30")) == [made["mike"]]
    later(rt, clock, days=30)
    browser.sign_in()
    assert cas(browser.get("/console/cas?expires=past")) == cas(browser.get("/console/cas?status=EXPIRED"))
    assert cas(browser.get("/console/cas?expires=past")) == [made["mike"]]


def test_rows_have_the_name_first_and_the_arn_by_a_button(browser: Browser, made: dict[str, str]) -> None:
    page = browser.get("/console/cas")
    buttons = {each["data-copy"] for tag, each in page.elements if tag == "button" and "data-copy" in each}
    assert {arn_of(ca_id) for ca_id in made.values()} <= buttons
    table = page.text.partition("<table")[2].partition("</table>")[0]
    assert not re.search(r">[^<]*arn:aws", table)
    assert re.findall(r'aria-sort="(\w+)"><a [^>]*>(\w+)', table) == [("ascending", "Name")]


def test_pages_keep_filters_and_lead_to_both_ends(browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorities, "PAGE", 2)
    expected = [create(rt, subject={"CommonName": f"CA {number}"}) for number in range(5)]
    create(rt, subject={"CommonName": "else"})
    first = browser.get("/console/cas?q=CA ")
    assert "5 CAs. Page 1 of 3." in first.text
    second = browser.get(urljoin(first.url, link_to(first, "next").replace("&amp;", "&")))
    third = browser.get(urljoin(second.url, link_to(second, "next").replace("&amp;", "&")))
    assert cas(first) + cas(second) + cas(third) == expected
    assert 'rel="next"' not in third.text
    assert cas(browser.get(urljoin(third.url, link_to(third, "prev").replace("&amp;", "&")))) == cas(second)
    (last,) = re.findall(r'<a href="([^"]*)">Last page', first.text)
    assert cas(browser.get(urljoin(first.url, last.replace("&amp;", "&")))) == cas(third)
    assert "There are no certificate authorities on this page." in browser.get("/console/cas?page=9").text


def test_list_is_there_on_a_leap_day(rt: Any, clock: Clock) -> None:
    clock.now = datetime(2032, 2, 29, 12, tzinfo=UTC)
    expected = [root(rt), create(rt)]
    assert cas(signed_in(rt).get("/console/cas?sort=expires")) == expected


@pytest.mark.parametrize("query", ["status=FINE", "type=x", "expires=7", "sort=up"])
def test_unknown_filters_are_refused(browser: Browser, rt: Any, query: str) -> None:
    root(rt)
    page = browser.get(f"/console/cas?{query}")
    assert (page.status, cas(page)) == (422, [])
    assert "It must be one of these." in page.text
