"""The console behind API Gateway, under the stage's path, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from chalicelib.console import render
from tests.browser import steps
from tests.browser.screen import sign_in, visitor

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.support.home import Home
    from tests.support.localstack_home import LocalStack

ADDRESSES = (
    "http://127.0.0.1:{port}/_aws/execute-api/{api}/api",
    "http://localhost:{port}/restapis/{api}/api/_user_request_",
    "http://{api}.execute-api.localhost.localstack.cloud:{port}/api",
)


def test_console_makes_a_ca_that_issues_behind_the_stage(stranger: Page, home: Home, tmp_path: Path) -> None:
    page = stranger
    page.goto("cas/create")
    sign_in(page, home)
    page.goto("cas/create")
    steps.wizard(page)
    expect(page.get_by_role("heading", name="Success")).to_be_visible()
    steps.follow(page, "Get CSR")
    ca = steps.Authority(page.url.split("/")[-2], tmp_path)
    steps.take_csr(page, ca)
    steps.sign_by_openssl(ca)
    steps.follow(page, "Install the certificate")
    steps.install_by_paste(page, ca)
    expect(page.get_by_role("status").first).to_contain_text("The certificate is installed.")
    steps.issue(page, ca, "good")
    own = f"cas/{ca.ca_id}"
    for path in ("overview", "hierarchy", "cas", "certificates", f"{own}/revocation", f"{own}/activity", own):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
    assert page.url == f"{home.console_url}{own}"
    expect(page.get_by_role("main")).to_contain_text("Active")


@pytest.mark.parametrize("address", ADDRESSES)
def test_console_has_every_address_of_the_api(
    chromium: Browser, localstack: LocalStack, home: Home, address: str
) -> None:
    api = localstack.api_path().split("/")[3]
    base = address.format(port=localstack.port, api=api) + "/console"
    with visitor(chromium, f"{base}/") as page:
        page.goto(base)
        sign_in(page, home)
        assert page.url == f"{base}/{render.SECTIONS[0][1]}"
        page.goto("cas/create")
        steps.press(page, "Next")
        steps.at(page, "Subject name")
        steps.press(page, "Sign out")
        assert page.url.startswith(f"{base}/sign-in")
