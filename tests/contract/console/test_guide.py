"""The documents in the console: links lead somewhere, and each hint to the place that explains its field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest

from chalicelib.console import fields, guide
from tests.support.console_steps import root, signed_in

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def anchors(page: Answer) -> set[str]:
    return {each["id"] for _, each in page.elements if "id" in each}


@pytest.mark.parametrize("name", sorted(fields.FIELDS))
def test_every_field_has_its_place_in_the_documents(name: str) -> None:
    page, _, anchor = fields.docs_of(name).partition("#")
    document = guide.document(page)
    assert document is not None
    assert not anchor or anchor in {section.anchor for section in document.sections}


def test_every_link_of_a_document_leads_to_a_section(browser: Browser) -> None:
    first = browser.get("/console/help")
    names = [
        each["href"]
        for tag, each in first.elements
        if tag == "a" and each.get("href", "").startswith("../console/help/")
    ]
    shown = {urlsplit(urljoin(first.url, name)).path: browser.get(urljoin(first.url, name)) for name in names}
    assert len(shown) == len(guide.sources())
    followed = 0
    for page in shown.values():
        assert page.status == 200
        article = page.text.partition('<article class="document">')[2]
        for href in re.findall(r'href="([^"]*)"', article):
            target = urlsplit(urljoin(page.url, href))
            if target.path.startswith("/console/"):
                assert target.path in shown, href
                assert not target.fragment or target.fragment in anchors(shown[target.path]), href
                followed += 1
    assert followed > 50


def test_document_has_no_markup_of_its_own(browser: Browser) -> None:
    page = browser.get("/console/help/console")
    article = page.text.partition('<article class="document">')[2].partition("</article>")[0]
    assert "<picture" not in article
    assert "<img" not in article
    assert "style=" not in article
    assert 'id="page-weight"' in article
    assert "<table>" in article


def test_document_that_does_not_exist_is_not_found(browser: Browser) -> None:
    assert browser.get("/console/help/no-such-page").status == 404
    assert browser.get("/console/help/..%2Fconsole").status == 404


def test_hints_of_forms_lead_to_their_places(browser: Browser, rt: Any) -> None:
    ca_id = root(rt)
    followed = set()
    for path in (
        f"cas/{ca_id}/issue",
        f"cas/{ca_id}/revocation/edit",
        "principals/create",
        "activity",
        f"cas/{ca_id}/install",
    ):
        page = browser.get(f"/console/{path}")
        links = [each["href"] for tag, each in page.elements if tag == "a" and each.get("class") == "help"]
        assert links, path
        for link in links:
            target = urlsplit(urljoin(page.url, link))
            document = browser.get(target.path)
            assert document.status == 200
            assert not target.fragment or target.fragment in anchors(document)
            followed.add((target.path, target.fragment))
    assert len(followed) > 5


@pytest.mark.parametrize(
    ("text", "anchor"),
    [("A first CA", "a-first-ca"), ("Keys in KMS", "keys-in-kms"), ("IAM's own identities", "iams-own-identities")],
)
def test_anchor_is_that_of_github(text: str, anchor: str) -> None:
    assert guide.slug(text) == anchor


def test_raw_html_is_left_out_and_text_escaped() -> None:
    made = guide._parser().render(
        "<script>alert(1)</script>\n\nA <b onclick=x>bold</b> `<i>` &amp; <!-- c -->\n\n[x](javascript:alert(1))"
    )
    assert "<script" not in made
    assert "onclick" not in made
    assert "<code>&lt;i&gt;</code>" in made
    assert "href" not in made
