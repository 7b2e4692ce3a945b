"""Buckets of the wizard: "No" never creates one, and "Yes" creates it at Confirm, however one got there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.console_steps import problems, signed_in
from tests.support.console_wizard_steps import CRLS, SUBJECT, begin, go, step_of, to_review

if TYPE_CHECKING:
    from tests.support.console_browser import Browser

pytestmark = pytest.mark.laptop  # its buckets are created at their first use
MISTYPED = {"crl": "yes", "choice": "existing", "bucket": "mistyped-crls", "days": "5"}


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def created(browser: Browser) -> tuple[list[str], int]:
    """The buckets, and the number of CAs."""
    authorities = browser.rt.store.list_certificate_authorities("000000000000", limit=9)
    return browser.rt.buckets.list_buckets(), len(authorities)


def test_mistyped_existing_bucket_is_refused_and_not_created(browser: Browser) -> None:
    page = go(browser, go(browser, go(browser, begin(browser)), **SUBJECT))
    assert "There is no bucket here yet." in page.text
    refused = go(browser, page, **MISTYPED)
    assert (refused.status, step_of(refused)) == (422, "revocation")
    assert "There is no bucket mistyped-crls here" in problems(refused)["bucket"]
    assert created(browser) == ([], 0)


def test_nothing_is_created_before_it_is_confirmed_whichever_way_one_goes(browser: Browser) -> None:
    page = to_review(browser, **CRLS)
    assert "Nothing has been created yet" in page.text
    for step in ("revocation", "tags", "permission", "review", "review"):  # back, forward and reload
        assert browser.get(page.url.replace("/review", f"/{step}")).status == 200
    page = go(browser, go(browser, page, "back"), "back")
    page = browser.get(page.url.replace(step_of(page), "review"))
    assert created(browser) == ([], 0)
    go(browser, page, "create")
    assert created(browser) == (["example-crls"], 1)
    browser.get(page.url)
    go(browser, page, "create")
    assert created(browser) == (["example-crls"], 1)


def test_existing_bucket_that_is_gone_at_confirm_is_not_created(browser: Browser) -> None:
    browser.rt.buckets.create("old-crls")
    page = to_review(browser, **MISTYPED | {"bucket": "old-crls"})
    (browser.rt.settings.data_path / "buckets" / "old-crls").rename(browser.rt.settings.data_path / "gone")
    refused = go(browser, page, "create")
    assert (refused.status, step_of(refused)) == (422, "revocation")
    assert "There is no bucket old-crls here: choose “Yes”" in problems(refused)["bucket"]
    assert created(browser) == ([], 0)
