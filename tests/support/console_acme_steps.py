"""Steps on the pages of ACME directories."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urljoin

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser


def created(browser: Browser, **fields: str) -> Answer:
    return browser.submit(browser.get("/console/acme/create"), "acme/create", **fields)


def bound(browser: Browser, **fields: str) -> Answer:
    """Send the form of a new binding of the directory `web`."""
    form = browser.get("/console/acme/directory/binding?name=web")
    return browser.submit(form, "acme/directory/binding?name=web", **fields)


def link(browser: Browser, page: Answer, path: str) -> Answer:
    address = next(each["href"] for tag, each in page.elements if tag == "a" and f"{path}?" in each["href"])
    return browser.get(urljoin(page.url, address))


def button(browser: Browser, page: Answer, path: str, **fields: str) -> Answer:
    form = next(each for each in page.forms if f"/{path}?" in each["action"])
    return browser.post(urljoin(page.url, form["action"]), form["fields"] | fields)


def fact(page: Answer, label: str) -> str:
    """The value of a fact on a page, as text."""
    found = re.search(rf"<dt>{label}</dt><dd>(.*?)</dd>", page.text, re.DOTALL)
    assert found is not None, label
    return unescape(re.sub("<[^>]*>", "", found[1])).strip()
