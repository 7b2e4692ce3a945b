"""What tests of the console's wizard do over and over: its buttons, the way to its review, and a CA made by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser

SUBJECT = {"Organization": "Example Corp", "Country": "US", "CommonName": "Example CA"}
CRLS = {"crl": "yes", "choice": "new", "new_bucket": "example-crls", "days": "5", "cname": "crl.example.com"}


def step_of(page: Answer) -> str:
    return urlsplit(page.url).path.rsplit("/", 1)[1]


def go(browser: Browser, page: Answer, button: str = "next", **fields: str) -> Answer:
    """Press a button of a step."""
    return browser.submit(page, step_of(page), go=button, **fields)


def begin(browser: Browser) -> Answer:
    return browser.get("/console/cas/create")


def to_review(
    browser: Browser, kind: str = "SUBORDINATE", name: str = "Example CA", acm: str = "", **revocation: str
) -> Answer:
    page = go(browser, begin(browser), type=kind)
    page = go(browser, page, **SUBJECT | {"CommonName": name})
    page = go(browser, page, algorithm="EC_prime256v1")
    page = go(browser, page, **revocation)
    page = go(browser, page, **{"key.0": "Name", "value.0": "First"})
    return go(browser, page, acm=acm)


def create(browser: Browser, kind: str = "SUBORDINATE", name: str = "Example CA") -> str:
    """Make a CA by the wizard; returns its id."""
    page = go(browser, to_review(browser, kind, name), "create")
    assert page.status == 200
    return urlsplit(page.url).path.split("/")[-2]


def described(browser: Browser, ca_id: str) -> Any:
    (ca,) = (
        each for each in browser.rt.store.list_certificate_authorities("000000000000", limit=9) if ca_id in each.arn
    )
    return ca
