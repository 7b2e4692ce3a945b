"""What operators rely on, in Chromium: buckets, lights, ended sessions, the feed, and forms that follow.

Contract tests have the details; here a person's way through each is seen to work.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from chalicelib.config import Settings
from chalicelib.monitor import crl_watch, looks, ocsp_watch
from chalicelib.runtime import from_settings
from tests.browser import steps
from tests.browser.screen import path_of, sign_in, visitor
from tests.support.authority_steps import active_root, create, issue
from tests.support.builders import CRL_CONFIGURATION, csr

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from chalicelib.runtime import Runtime
    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
CUSTOM = {"CrlConfiguration": CRL_CONFIGURATION["CrlConfiguration"] | {"CustomCname": "localhost:9"}}


def runtime_of(home: Home) -> Runtime:
    """The home from beside its server, as the `signet` command sees it."""
    return from_settings(Settings(data=str(home.data), port=str(home.port)))


def monitored(home: Home) -> None:
    """A round of the monitor, without waiting for the schedule."""
    rt = runtime_of(home)
    looks.record(rt, [*crl_watch.watch_crls(rt), *ocsp_watch.watch_ocsp(rt)])


def end_session(page: Page, home: Home) -> None:
    """Let half an hour pass for the session of a page."""
    rt = runtime_of(home)
    (cookie,) = (each["value"] for each in page.context.cookies() if each.get("name") == "signet-session")
    session = rt.store.get_session(hashlib.sha256(f"signet-console/session/{cookie}".encode()).hexdigest())
    assert session is not None
    rt.store.update_session(session, replace(session, expires_at=rt.now() - timedelta(seconds=1)))


def sign_in_again(page: Page, home: Home) -> None:
    key = home.exports()
    page.get_by_label("Access key ID").fill(key["AWS_ACCESS_KEY_ID"])
    page.get_by_label("Secret access key").fill(key["AWS_SECRET_ACCESS_KEY"])
    steps.press(page, "Sign in")


def to_revocation(page: Page, name: str) -> None:
    page.goto("cas/create")
    steps.press(page, "Next")
    page.get_by_label("Common name (CN)").fill(name)
    steps.press(page, "Next")
    steps.press(page, "Next")
    steps.at(page, "Revocation")
    page.get_by_role("checkbox", name="Enable CRL distribution").check()


def test_root_of_the_server_leads_a_browser_to_the_console(page: Page, home: Home) -> None:
    page.goto(f"{home.url}/")
    assert path_of(page) in {"cas", "overview"}


def test_bucket_is_created_at_confirm_whichever_way_one_goes(page: Page, home: Home) -> None:
    def buckets() -> set[str]:
        return {each.name for each in (home.data / "buckets").glob("[a-z]*")}

    before = buckets()
    to_revocation(page, "Buckets")
    if not before:
        expect(page.get_by_role("radio", name="No")).to_be_disabled()  # there is none that could be chosen
    page.get_by_label("Name of the new bucket").fill("made-at-confirm")
    for _ in range(3):
        steps.press(page, "Next")
    steps.at(page, "Review and create")
    expect(page.get_by_text("Nothing has been created yet.")).to_be_visible()
    page.go_back()
    page.go_back()
    page.go_forward()
    page.goto(page.url.rpartition("/")[0] + "/review")
    page.reload()
    assert buckets() == before
    steps.press(page, "Confirm and create")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Review and create")
    assert buckets() == {*before, "made-at-confirm"}


def test_light_is_green_only_where_clients_get_the_crl(page: Page, home: Home) -> None:
    client = home.client()
    good = active_root(client, RevocationConfiguration=CRL_CONFIGURATION)
    wrong = active_root(client, RevocationConfiguration=CUSTOM)
    for arn in (good, wrong):
        issue(client, arn)
    page.goto(f"cas/{good[-36:]}")
    expect(page.locator("main")).to_contain_text("not looked at yet")
    monitored(home)
    page.reload()
    expect(page.locator("main")).to_contain_text("fresh")
    page.goto(f"cas/{wrong[-36:]}/revocation")
    expect(page.locator("#crl-1")).to_contain_text("unusable")
    expect(page.locator("main")).to_contain_text("localhost has no address that may be reached. Last look")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download from here").click()
    published = runtime_of(home).buckets.get("crl-bucket", f"crl/{wrong[-36:]}.crl")
    assert published is not None
    assert download.value.path().read_bytes() == published.body
    page.goto("overview")
    expect(page.locator("main")).to_contain_text("Clients get no usable CRL from http://localhost:9/crl/")
    assert "All well" not in page.locator("main").inner_text()


def test_session_that_ends_loses_neither_wizard_nor_csr(stranger: Page, home: Home) -> None:
    page, arn = stranger, active_root(home.client())
    sign_in(page, home)
    to_revocation(page, "Interrupted")
    was = page.url
    page.get_by_label("Name of the new bucket").fill("kept-name")
    end_session(page, home)
    page.locator("summary", has_text="Advanced").click()
    page.get_by_label("Validity in days").fill("5")
    expect(page.locator("#midpoint")).to_contain_text("Your session has ended.")
    steps.press(page, "Next")
    steps.at(page, "Sign in")
    expect(page.get_by_text("no page was opened for 30 minutes. What you entered is kept")).to_be_visible()
    sign_in_again(page, home)
    steps.at(page, "Go on where you were")
    expect(page.locator("main")).to_contain_text("kept-name")
    steps.press(page, "Send it now")
    steps.at(page, "Tags")
    page.goto(was)
    expect(page.get_by_label("Name of the new bucket")).to_have_value("kept-name")
    page.goto(f"cas/{arn[-36:]}/issue")
    page.get_by_label("CSR", exact=True).fill(csr("kept.example.com").decode())
    expect(page.locator("#csr-decoded")).to_contain_text("kept.example.com")
    end_session(page, home)
    steps.press(page, "Preview")
    sign_in_again(page, home)
    steps.press(page, "Send it now")
    steps.at(page, "Preview")
    expect(page.locator("main")).to_contain_text("kept.example.com")


def test_open_feed_follows_in_words(page: Page, home: Home) -> None:
    arn = create(home.client())
    page.clock.install()
    page.goto(f"cas/{arn[-36:]}/activity")
    expect(page.locator("#feed")).to_contain_text("Create a CA")
    home.client().tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "Team", "Value": "x"}])
    page.clock.fast_forward(16_000)
    expect(page.locator("#feed tbody tr").first).to_contain_text("Save the tags Team")
    expect(page.locator("#feed tbody tr").first).to_contain_text("administrator")


def test_commands_follow_the_form_and_offers_are_not_refused(page: Page, home: Home) -> None:
    arn = active_root(home.client())
    page.goto(f"cas/{arn[-36:]}/issue")
    command = page.locator(".cli pre")
    page.get_by_role("radio", name="Code signing").check()
    expect(command).to_contain_text("CodeSigningCertificate/V1")
    page.get_by_label("Valid for").fill("12")
    page.get_by_label("Valid for").blur()
    expect(command).to_contain_text('"Value": 12')
    answer = page.goto(f"cas/{arn[-36:]}/install-own")  # as it stays in the address after a refusal
    assert path_of(page).startswith(f"cas/{arn[-36:]}")
    assert answer is not None
    assert answer.status == 200


def test_copy_buttons_are_there_with_a_script_alone(chromium: Browser, page: Page, home: Home) -> None:
    arn: Any = create(home.client())
    path = f"cas/{arn[-36:]}"
    page.goto(path)
    expect(page.locator("button.copy").first).to_be_visible()
    with visitor(chromium, home.console_url, java_script_enabled=False) as plain:
        sign_in(plain, home)
        plain.goto(path)
        assert plain.locator("button.copy").count() > 0
        expect(plain.locator("button.copy").first).to_be_hidden()
