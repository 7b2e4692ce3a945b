"""Addresses of the console's pages: one of each route, and those that links lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.console_browser import Answer, Browser

CA_ID = "00000000-0000-0000-0000-000000000000"
SAMPLES = {
    "ca_id": CA_ID,
    "report_id": CA_ID,
    "file": "certificate.pem",
    "draft": "0" * 16,
    "step": "type",
    "name": "console.css",
    "serial": "0" * 32,
    "page": "console",
    "account": "000000000000",
    "feed": "0" * 43 + ".ics",
    "version": "1",
}


def crawled(browser: Browser) -> Iterator[Answer]:
    """Every page that links lead to, without those that a query alone makes another one."""
    waiting, seen = ["/console/cas"], set[str]()
    while waiting:
        address = waiting.pop()
        path = urlsplit(address).path
        if path in seen or not path.startswith("/console"):
            continue
        seen.add(path)
        page = browser.get(address)
        if page.headers["Content-Type"].startswith("text/html"):
            yield page
            links = (each["href"] for tag, each in page.elements if tag == "a" and "download" not in each)
            waiting += [urldefrag(urljoin(page.url, each)).url for each in links]
