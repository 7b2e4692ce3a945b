"""What pages say was done: once, on the page that follows, and never because an address says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.console.parts import notes
from tests.support.console_authority_steps import note
from tests.support.console_steps import issue, root, signed_in, subordinate

if TYPE_CHECKING:
    from tests.support.console_browser import Browser

pytestmark = pytest.mark.laptop


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def test_note_is_shown_once_on_the_page_that_follows(browser: Browser, rt: Any) -> None:
    ca, other = (root(rt, {"CommonName": name}) for name in ("One", "Other"))
    form = browser.get(f"/console/cas/{ca}/disable")
    answer = browser.request(
        "POST",
        f"/console/cas/{ca}/disable",
        f"token={form.form('/disable')['fields']['token']}".encode(),
        **{"Content-Type": "application/x-www-form-urlencoded", "Origin": browser.origin},
    )
    assert (answer.status, "?" in answer.headers["Location"]) == (303, False)
    assert note(browser.get(f"/console/cas/{other}")) == ""
    assert note(signed_in(rt).get(f"/console/cas/{ca}")) == ""  # another visitor's
    assert note(browser.get(f"/console/cas/{ca}")) == notes.NOTES["disabled"]
    assert note(browser.get(f"/console/cas/{ca}")) == ""  # reloaded


@pytest.mark.wide
@pytest.mark.parametrize("word", [*notes.NOTES, "x"])
def test_address_makes_no_page_say_anything(browser: Browser, rt: Any, word: str) -> None:
    ca = root(rt)
    serial = issue(rt, ca)
    for path in (ca, f"{ca}/tags", f"{ca}/certificates/{serial}"):
        assert note(browser.get(f"/console/cas/{path}?done={word}&note={word}")) == ""


def test_ca_that_is_disabled_does_not_say_that_it_issues_once_it_has_a_new_certificate(
    browser: Browser, rt: Any
) -> None:
    top = root(rt)
    ca = subordinate(rt, top, {"CommonName": "Below"})
    browser.submit(browser.get(f"/console/cas/{ca}/disable"), "/disable")
    page = browser.submit(browser.get(f"/console/cas/{ca}/renew"), "/renew", go="preview")
    assert note(browser.submit(page, "/renew", go="renew")) == notes.NOTES["renewed"]
    assert notes.NOTES["renewed"].count("issue") == 0
