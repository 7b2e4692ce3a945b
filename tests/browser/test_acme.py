"""From a directory to a certificate by ACME, as an administrator does it in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.screen import AXE, RUN_AXE, sign_in, visitor
from tests.browser.steps import press
from tests.support.acme_over_http import AcmeOverHttp, binding
from tests.support.authority_steps import active_root

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_client_gets_a_certificate_with_a_binding_of_the_console(
    chromium: Browser, home: Home, *, scripts: bool
) -> None:
    name = "web" if scripts else "plain"
    root = active_root(home.client(), Tags=[{"Key": "Name", "Value": f"Issuing {name}"}])
    with visitor(chromium, home.console_url, java_script_enabled=scripts) as page:
        sign_in(page, home)
        page.get_by_role("link", name="ACME", exact=True).click()
        press(page, "Create a directory")
        page.get_by_label("Name", exact=True).fill("Not a name")
        page.get_by_label("Certificate authority").fill(root)
        press(page, "Create")
        expect(page.locator("#acme_name-problem")).to_contain_text("lower-case letters")
        page.get_by_label("Name", exact=True).fill(name)
        press(page, "Create")
        expect(page.get_by_role("status").first).to_contain_text("The ACME directory is created.")
        press(page, "Create a binding")
        page.get_by_label("Allowed names").fill("*.example.test")
        page.get_by_label("These names need no challenge").check()
        press(page, "Create")
        kid, key = (page.locator("dd code").nth(number).inner_text() for number in (1, 2))
        assert f'--eab-kid "{kid}" --eab-hmac-key "{key}"' in page.content()
        if scripts:
            page.evaluate(AXE)
            assert page.evaluate(RUN_AXE, {}) == []
        press(page, "Done")
        assert key not in page.content()

        client = AcmeOverHttp(directory=name, base=home.url)
        assert client.register(binding(kid, key)).status == 201
        assert client.finalize(client.order("a.example.test")).body["status"] == "valid"

        press(page, "Orders")
        expect(page.get_by_role("region", name="Orders")).to_contain_text("granted by the binding")
        page.get_by_role("link", name="Certificate of the order for a.example.test").click()
        expect(page.get_by_text(f"of the directory {name}")).to_be_visible()
        page.get_by_role("link", name=name, exact=True).click()
        press(page, "Change…")
        expect(page.get_by_label("Profiles")).to_have_value(
            re.compile("^tlsserver=EndEntityServerAuthCertificate:90d\n")
        )
        page.get_by_label("Terms of service").fill("https://example.test/terms")
        if scripts:
            page.evaluate(AXE)
            assert page.evaluate(RUN_AXE, {}) == []
        press(page, "Save")
        expect(page.get_by_role("status").first).to_contain_text("The ACME directory is changed.")
        expect(page.get_by_text("https://example.test/terms")).to_be_visible()
        press(page, "Accounts")
        page.get_by_role("button", name="Revoke…").click()
        page.get_by_label("Revoke its valid certificates, too").check()
        press(page, "Revoke")
        expect(page.get_by_role("status").first).to_contain_text("The account and its certificates are revoked.")
        assert client.order("b.example.test").status == 401


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_second_of_two_visitors_sees_the_change_of_the_first_and_decides(
    chromium: Browser, home: Home, *, scripts: bool
) -> None:
    name = "both" if scripts else "both-plain"
    root = active_root(home.client())
    with (
        visitor(chromium, home.console_url, java_script_enabled=scripts) as first,
        visitor(chromium, home.console_url, java_script_enabled=scripts) as second,
    ):
        for page in (first, second):
            sign_in(page, home)
        first.goto(f"{home.console_url}acme/create")
        first.get_by_label("Name", exact=True).fill(name)
        first.get_by_label("Certificate authority").fill(root)
        press(first, "Create")
        for page in (first, second):
            page.goto(f"{home.console_url}acme/directory/update?name={name}")
        first.get_by_label("Allowed names").fill("*.example.test")
        press(first, "Save")
        expect(first.get_by_role("status").first).to_contain_text("The ACME directory is changed.")

        second.get_by_label("Terms of service").fill("https://example.test/terms")
        press(second, "Save")
        expect(second.get_by_role("alert")).to_contain_text("Somebody has changed this since you opened the form.")
        expect(second.get_by_role("region", name="What is there now")).to_contain_text("*.example.test")
        expect(second.get_by_label("Terms of service")).to_have_value("https://example.test/terms")
        if scripts:
            second.evaluate(AXE)
            assert second.evaluate(RUN_AXE, {}) == []
        second.get_by_label("Allowed names").fill("*.example.test")
        press(second, "Save")
        expect(second.get_by_role("status").first).to_contain_text("The ACME directory is changed.")
        press(second, "Change…")
        expect(second.get_by_label("Allowed names")).to_have_value("*.example.test")
        expect(second.get_by_label("Terms of service")).to_have_value("https://example.test/terms")
