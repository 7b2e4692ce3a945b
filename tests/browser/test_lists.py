"""Lists of CAs and of certificates in a real browser: what a laptop shows at once, sorting, and revoking many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.screen import sign_in, visitor
from tests.support.authority_steps import active_root, issue
from tests.support.builders import EC_CONFIGURATION, csr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
LAPTOP: ViewportSize = {"width": 1366, "height": 768}
WHOLE_ROWS = """() => [...document.querySelectorAll("main tbody tr")].filter(
  (row) => row.getBoundingClientRect().bottom <= innerHeight).length"""


@pytest.fixture(scope="module")
def window(chromium: Browser, home: Home) -> Iterator[Page]:
    with visitor(chromium, home.console_url, reduced_motion="reduce") as page:
        sign_in(page, home)
        page.set_viewport_size(LAPTOP)
        yield page


def test_laptop_shows_twelve_cas_at_once(window: Page, home: Home) -> None:
    client = home.client()
    for number in range(13):
        client.create_certificate_authority(
            CertificateAuthorityType="SUBORDINATE",
            CertificateAuthorityConfiguration=EC_CONFIGURATION,
            Tags=[{"Key": "Name", "Value": f"Row {number:02}"}],
        )
    window.goto("cas?tag=Name=Row")
    expect(window.locator("tbody tr")).to_have_count(13)
    assert window.evaluate(WHOLE_ROWS) >= 12
    window.get_by_role("columnheader", name="Name").get_by_role("link").click()
    expect(window.locator("tbody tr").first).to_contain_text("Row 12")


def test_certificates_are_found_chosen_and_revoked_together(window: Page, home: Home) -> None:
    client = home.client()
    ca = active_root(client)
    for number in range(3):
        name = f"listed-{number}.example.com"
        issue(client, ca, Csr=csr(name, dns_names=[name]))
    window.goto("certificates")
    window.locator("#q").fill("listed-")
    window.locator("#q").press("Enter")
    expect(window.get_by_role("status").first).to_contain_text("3 certificates, the newest first")
    expect(window.locator("tbody tr").first).to_contain_text("listed-2.example.com")
    window.get_by_role("columnheader", name="Name").get_by_role("link").click()
    expect(window.locator("tbody tr").first).to_contain_text("listed-0.example.com")
    window.get_by_label("Choose all on this page").check()
    expect(window.locator("tbody [type=checkbox]:checked")).to_have_count(3)
    window.get_by_label("Choose listed-1.example.com").uncheck()
    window.get_by_role("button", name="Revoke chosen…").click()
    window.get_by_label("Superseded").check()
    window.get_by_role("button", name="Revoke these 2 certificates").click()
    expect(window.get_by_role("status").first).to_contain_text("2 of 2 are revoked.")
    window.goto("certificates?q=listed-&state=ISSUED")
    expect(window.locator("tbody tr")).to_have_count(1)
    expect(window.locator("tbody tr")).to_contain_text("listed-1.example.com")
