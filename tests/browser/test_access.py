"""Who sees what, in a real browser: a reader finds nothing that it may not do; the administrator makes an issuer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

import pytest

from tests.browser.screen import sign_in, visitor
from tests.browser.walking import unseen
from tests.support.authority_steps import active_root, issue

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
CHANGING = ("Create CA", "Issue certificate", "Delete…", "Disable", "Edit settings", "Publish now", "Revoke", "Save")
READ = """() => ({
  links: [...document.links].filter((link) => !link.hasAttribute("download")).map((link) => link.href),
  offers: [...document.querySelectorAll("a, button")].map((each) => (each.innerText ?? each.textContent).trim()),
})"""


def keys_of(home: Home, *words: str) -> dict[str, str]:
    printed = home.signet("credentials", "create", *words).stdout
    return dict(line.split("=", 1) for line in printed.split())


def walked(page: Page, home: Home) -> dict[str, dict[str, Any]]:
    """What pages say and offer that links lead to, a few of each kind, by their addresses."""
    waiting, found = [home.console_url], dict[str, dict[str, Any]]()
    for address in unseen(home, waiting):
        answer = page.goto(address)
        assert answer is not None
        found[address] = page.evaluate(READ) | {"status": answer.status}
        waiting += [urldefrag(each).url for each in found[address]["links"]]
    return found


def test_reader_meets_no_refusal_and_no_button_that_changes_anything(chromium: Browser, home: Home) -> None:
    issue(home.client(), active_root(home.client(), Tags=[{"Key": "Name", "Value": "Root"}]))
    home.signet("principal", "create", "reader", "--preset", "read-only")
    with visitor(chromium, home.console_url) as page:
        sign_in(page, home, **keys_of(home, "--principal", "reader"))
        found = walked(page, home)
        assert len(found) > 12
        for address, seen in found.items():
            assert seen["status"] == 200, address
            assert not [each for each in seen["offers"] if each.startswith(CHANGING)], address
        refused = page.goto(f"{home.console_url}principals")
        assert refused is not None
        assert refused.status == 403


def test_administrator_makes_an_issuer_whose_key_issues(chromium: Browser, home: Home) -> None:
    root = active_root(home.client(), Tags=[{"Key": "Name", "Value": "Issuing"}])
    with visitor(chromium, home.console_url) as page:
        sign_in(page, home)
        page.get_by_role("link", name="Principals").click()
        page.get_by_role("button", name="Create a principal").click()
        page.get_by_label("Name", exact=True).fill("ci")
        page.get_by_label("Issuer").check()
        page.locator(f"[name='ca.{root[-36:]}']").check()
        page.get_by_label("EndEntityCertificate", exact=True).check()
        page.get_by_role("button", name="Create").click()
        page.get_by_label("Expires after (days)").fill("30")
        page.get_by_role("button", name="Create an access key").click()
        key, secret = (page.locator("dd code").nth(number).inner_text() for number in (0, 1))
        page.get_by_role("button", name="Done").click()
        assert secret not in page.content()
        client = home.client(aws_access_key_id=key, aws_secret_access_key=secret)
        assert issue(client, root).startswith(root)
        page.reload()
        page.get_by_role("button", name="Edit the policy issuer").click()
        page.get_by_label("Policy (JSON)").fill("{")
        page.get_by_role("button", name="Save").click()
        assert "The policy is not JSON." in page.get_by_role("alert").inner_text()
