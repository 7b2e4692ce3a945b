"""The list of what is wrong with a form: above it, in focus, and each entry with the name of its field."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.console import fields as console_fields
from tests.support.console_pages import crawled
from tests.support.console_steps import create, issue, pressed_by_enter, root, signed_in
from tests.support.console_wizard_steps import SUBJECT, begin, go

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def summary(page: Answer) -> list[tuple[str, str]]:
    """The entries of a refused page: the field that each one leads to, and its text."""
    alert = re.search(r'<div class="alert bad" role="alert" tabindex="-1" data-focus>(.*?)</div>', page.text, re.DOTALL)
    assert page.status == 422
    assert alert is not None
    assert page.text.count('role="alert"') == 1
    found = re.findall(r'<li>(?:<a href="#([^"]*)">)?(.*?)(?:</a>)?</li>', alert[1])
    assert {name for name, _ in found if name} <= {each.get("id") for _, each in page.elements}
    return [(name, unescape(text)) for name, text in found]


# The page, the form of it, what is typed, and the entry.
REFUSED = {
    "tag": ("tags", "/tags", {"key": "aws:x"}, "key", "Key: "),
    "permission": ("sharing", "/permit", {"account": "12"}, "account", "Source account: It must be 12 digits."),
    "policy": ("sharing", "/policy", {"policy": "{}"}, "policy", "Policy (JSON): The policy has no Statement."),
    "report": ("reports", "/reports", {"report_bucket": "Bad_Bucket"}, "report_bucket", "Bucket: "),
    "certificate": ("install", "/install", {"certificate": "x"}, "certificate", "Certificate: "),
    "years": ("install", "/install-own", {"years": "0"}, "years", "Valid for (years): It must be from 1 to 100 years."),
    "search": ("certificates?q=arn:x", "", {}, "q", "Search: "),
    "days": ("revocation/edit", "/edit", {"crl": "yes", "days": "0"}, "days", "Validity in days: "),
    "amount": ("issue", "/issue", {"csr": "x", "amount": "0"}, "amount", "Valid for: It must be a number"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_entry_names_its_field_and_leads_to_it(browser: Browser, rt: Any, case: tuple[Any, ...]) -> None:
    path, form, fields, field, text = case
    ca = create(rt, "ROOT") if path == "install" else root(rt)
    page = browser.get(f"/console/cas/{ca}/{path}")
    refused = browser.submit(page, form, **fields) if form else page
    (found,) = (said for name, said in summary(refused) if name == field)
    assert found.startswith(text)


def test_entry_names_its_field_in_lists_of_fields(browser: Browser, rt: Any) -> None:
    page = go(browser, go(browser, begin(browser)), **SUBJECT | {"Country": "USA"})
    assert summary(page) == [("Country", "Country (C): It must be two letters, such as US.")]
    page = go(browser, go(browser, go(browser, page, **SUBJECT)))
    ((name, text),) = summary(go(browser, page, **{"key.0": "a", "key.1": "aws:x"}))
    assert (name, text.startswith("Key of tag 2: ")) == ("key.1", True)
    ca = root(rt, Tags=[{"Key": "a", "Value": "1"}])
    tags = browser.get(f"/console/cas/{ca}/tags")
    assert pressed_by_enter(tags, "/tags")
    ((name, text),) = summary(browser.submit(tags, "/tags", value="\x00"))
    assert (name, text.startswith("Value of the tag a: ")) == ("tag-1", True)


def test_second_report_is_told_in_the_summary(browser: Browser, rt: Any) -> None:
    page = browser.get(f"/console/cas/{root(rt)}/reports")
    browser.submit(page, "/reports", report_bucket="reports", format="CSV")
    ((name, text),) = summary(browser.submit(page, "/reports", report_bucket="reports", format="CSV"))
    assert (name, text.startswith("A CA writes at most one audit report in 30 minutes")) == ("", True)


def test_fields_are_called_so_on_their_pages(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    issue(rt, ca)
    create(rt, "SUBORDINATE", {"CommonName": "Below"})
    page = begin(browser)
    seen = list(crawled(browser))
    for fields in ({}, SUBJECT, {}, {}, {}):
        page = go(browser, page, **fields)
        seen.append(page)
    given = {pair for page in seen for pair in re.findall(r'<label for="([\w.]+)">([^<]*)</label>', page.text)}
    called = {(name, unescape(text).lower()) for name, text in given if console_fields.label_of(name)}
    assert len(called) > 20
    assert {each for each in called if not is_called(*each)} == set()


def is_called(name: str, text: str) -> bool:
    """Whether a label is that of the table, or says more of the same; in a row of tags, less."""
    known = console_fields.label_of(name).lower()
    return known in text or ("." in name and text in known)
