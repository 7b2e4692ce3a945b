"""Renewing a CA in Chromium, as an operator who accepts the defaults, and as one who shortens a validity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from playwright.sync_api import expect

from tests.browser.screen import sign_in
from tests.browser.steps import follow, press
from tests.support.authority_steps import active_below, active_root

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]


def certificate(client: Any, arn: str) -> x509.Certificate:
    answer = client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)
    return x509.load_pem_x509_certificate(answer["Certificate"].encode())


def depth(found: x509.Certificate) -> int | None:
    return found.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length


def test_renewal_breaks_nothing_unless_it_is_confirmed(stranger: Page, home: Home) -> None:
    page, client = stranger, home.client()
    top = active_root(client)
    middle = active_below(client, top, "Middle", days=3000, depth=1)
    active_below(client, top, "A sibling", days=3000)
    active_below(client, middle, "Below", days=2000)
    before = certificate(client, middle)
    page.goto("")
    sign_in(page, home)
    page.goto(f"cas/{middle.rsplit('/', 1)[1]}")
    follow(page, "Renew certificate")
    page.locator("main button[type=submit]").first.click()  # with the defaults
    expect(page.locator("main")).to_contain_text("Nothing breaks")
    press(page, "Renew")
    expect(page.get_by_role("status").first).to_contain_text("The certificate is renewed.")
    after = certificate(client, middle)
    assert after.serial_number != before.serial_number
    assert (after.issuer, depth(after)) == (before.issuer, 1)
    assert after.not_valid_after_utc >= before.not_valid_after_utc
    expect(page.get_by_role("heading", name="Former certificates")).to_be_visible()
    with page.expect_download() as download:
        page.locator("a[href*='/former/']").click()
    assert x509.load_pem_x509_certificates(download.value.path().read_bytes())[0] == before

    follow(page, "Renew certificate")
    page.get_by_label("CAs allowed below it").select_option("0")
    page.get_by_role("region", name="A CA here signs it").get_by_role("button", name="Compare").click()
    expect(page.locator("main")).to_contain_text("Its path length gets smaller: 0 instead of 1.")
    expect(page.locator("main")).to_contain_text("“Middle” allows 0 levels of CAs below it, and there is 1.")
    press(page, "Renew")
    expect(page.locator("#confirm_ca-problem")).to_contain_text("Enter the name of the CA")
    assert certificate(client, middle) == after
    page.get_by_label("Name of the CA").fill("Middle")
    press(page, "Renew")
    expect(page.get_by_role("status").first).to_contain_text("The certificate is renewed.")
    page.goto("overview")
    expect(page.locator(".attention")).to_contain_text("Its chain does not verify.")
