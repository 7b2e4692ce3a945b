"""From the first start to a revocation that clients see, as an operator does it: Chromium, OpenSSL, curl."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.screen import path_of, sign_in

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]


def test_first_day(stranger: Page, home: Home, tmp_path: Path) -> None:
    page = stranger
    page.goto("")
    assert path_of(page) == "sign-in"
    sign_in(page, home)
    steps.follow(page, "Get started")
    steps.wizard(page)
    expect(page.get_by_role("heading", name="Success")).to_be_visible()
    expect(page.get_by_role("link", name="You can also finish this later")).to_be_visible()
    steps.follow(page, "Get CSR")
    ca = steps.Authority(path_of(page).split("/")[1], tmp_path)
    steps.take_csr(page, ca)
    steps.sign_by_openssl(ca)
    steps.follow(page, "Install the certificate")
    steps.install_by_paste(page, ca)
    expect(page.get_by_role("status").first).to_contain_text("The certificate is installed.")
    expect(page.locator("main .badge").first).to_contain_text("Active")
    assert steps.crl_light(page, ca) == ("none yet", 0)
    crl = f"{home.url}/{steps.BUCKET}/crl/{ca.ca_id}.crl"
    for name in ("good", "bad"):
        steps.issue(page, ca, name)
        assert steps.verdict(ca, page.request.get(crl).body(), name).strip() == f"{name}.pem: OK"
    light, number = steps.crl_light(page, ca)
    assert (light in steps.LIGHTS_OF_NOBODYS_NAME, number > 0) == (True, True)
    page.goto(f"cas/{ca.ca_id}/certificates?q=bad.example.com")
    page.get_by_role("link", name="bad.example.com").click()
    steps.revoke(page)
    published = page.request.get(crl).body()
    assert "certificate revoked" in steps.verdict(ca, published, "bad")
    assert steps.verdict(ca, published, "good").strip() == "good.pem: OK"
    light, later = steps.crl_light(page, ca)
    assert (light in steps.LIGHTS_OF_NOBODYS_NAME, later > number) == (True, True)
    steps.delete_and_restore(page, ca)
