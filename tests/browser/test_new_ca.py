"""From a new CA to its certificate in Chromium, by its type; and what it takes to stop one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.screen import sign_in
from tests.browser.steps import follow, press
from tests.support.authority_steps import create, status
from tests.support.builders import EC_CONFIGURATION

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from playwright.sync_api import Page

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
PARENT = ("-newkey", "rsa:2048", "-nodes", "-keyout", "parent.key", "-out", "parent.pem", "-days", "4000")


def new(client: Any, kind: str, common_name: str) -> str:
    """A CA without a certificate; returns its ARN."""
    subject = {"Subject": {"CommonName": common_name}}
    return create(client, kind, CertificateAuthorityConfiguration=EC_CONFIGURATION | subject)


def test_new_cas_are_led_to_their_certificates_and_stop_only_when_asked(
    stranger: Page, home: Home, tmp_path: Path
) -> None:
    page, client = stranger, home.client()
    root, below, elsewhere = (
        new(client, kind, name) for kind, name in (("ROOT", "Top"), ("SUBORDINATE", "Below"), ("SUBORDINATE", "Apart"))
    )
    page.goto("")
    sign_in(page, home)

    page.goto(f"cas/{root.rsplit('/', 1)[1]}/created")
    expect(page.get_by_role("link", name="Get CSR")).to_have_count(0)
    follow(page, "Install a self-signed certificate")
    page.get_by_label("Valid for (years)").fill("")  # as somebody who wants no default does
    page.locator("#own form").evaluate("(form) => form.noValidate = true")
    press(page, "Issue and install")
    expect(page.locator("#years-problem")).to_contain_text("It must be from 1 to 100 years.")
    assert status(client, root) == "PENDING_CERTIFICATE"
    page.get_by_label("Valid for (years)").fill("20")
    press(page, "Issue and install")
    expect(page.get_by_role("status").first).to_contain_text("The certificate is installed.")

    page.goto(f"cas/{below.rsplit('/', 1)[1]}/created")
    follow(page, "Sign it with a CA here")
    page.get_by_role("radio", name="Top").check()
    press(page, "Sign and install")
    expect(page.get_by_role("status").first).to_contain_text("The certificate is installed.")

    page.goto(f"cas/{elsewhere.rsplit('/', 1)[1]}/created")
    follow(page, "Get CSR")
    expect(page.locator("main")).to_contain_text("Apart")
    with page.expect_download() as download:
        follow(page, "Download")
    download.value.save_as(tmp_path / "ca.csr")
    made = ("openssl", "req", "-x509", *PARENT, "-subj", "/CN=Offline Root")
    command = page.get_by_label("command for OpenSSL", exact=True).inner_text()
    for words in (made, ("bash", "-euc", command)):
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    follow(page, "Install the certificate")
    page.get_by_label("Certificate", exact=True).fill((tmp_path / "certificate.pem").read_text())
    page.get_by_label("Certificate chain").fill((tmp_path / "parent.pem").read_text())
    press(page, "Install")
    expect(page.get_by_role("status").first).to_contain_text("The certificate is installed.")

    page.goto(f"cas/{root.rsplit('/', 1)[1]}")
    follow(page, "Disable…")
    expect(page.locator("main")).to_contain_text("One active CA below it goes on issuing")
    assert status(client, root) == "ACTIVE"
    press(page, "Disable")
    expect(page.locator("main .badge").first).to_contain_text("Disabled")
