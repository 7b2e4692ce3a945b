"""The console without a mouse, without script, and without anything that others hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.screen import path_of, sign_in, visitor
from tests.support.authority_steps import create

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
MOST_TABS = 60


def tab_to(page: Page, name: str) -> None:
    """Go on by the Tab key until what has the focus is called so; where the focus is has to be seen."""
    focus = page.locator(":focus")
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if not focus.count():
            continue
        label = focus.evaluate("(each) => each.labels?.[0]?.innerText || each.ariaLabel || each.innerText || ''")
        outline = focus.evaluate("(each) => getComputedStyle(each).outlineStyle + getComputedStyle(each).boxShadow")
        assert outline != "nonenone", label
        if label.strip().startswith(name):
            return
    raise AssertionError(f"The Tab key does not lead to {name}.")


def test_way_back_of_the_browser_leads_to_what_was_typed(stranger: Page, home: Home) -> None:
    """Also to a step that was refused, and without asking whether to send its form again."""
    page = stranger
    sign_in(page, home)
    page.goto("cas/create")
    steps.press(page, "Next")
    page.get_by_label("Country (C)").fill("USA")
    page.get_by_label("Common name (CN)").fill("kept")
    steps.press(page, "Next")
    expect(page.locator("#Country-problem")).to_be_visible()
    page.get_by_role("link", name="Hierarchy").click()
    steps.at(page, "Hierarchy")
    page.go_back()
    expect(page.locator("#Country-problem")).to_be_visible()
    expect(page.get_by_label("Country (C)")).to_have_value("USA")
    expect(page.get_by_label("Common name (CN)")).to_have_value("kept")


def test_session_that_ends_on_a_page_leads_to_sign_in_and_back(stranger: Page, home: Home) -> None:
    """Also where the page asks for a part of itself alone, from an address of another depth."""
    page = stranger
    sign_in(page, home)
    page.goto("cas/create")
    steps.press(page, "Next")
    page.get_by_label("Common name (CN)").fill("kept")
    steps.press(page, "Next")
    steps.press(page, "Next")
    steps.at(page, "Revocation")
    was = page.url
    page.get_by_role("checkbox", name="Enable CRL distribution").check()
    page.locator("summary", has_text="Advanced").click()
    page.context.clear_cookies()
    page.get_by_label("Validity in days").fill("5")
    steps.at(page, "Sign in")
    assert path_of(page) == "sign-in"
    key = home.exports()
    page.get_by_label("Access key ID").fill(key["AWS_ACCESS_KEY_ID"])
    page.get_by_label("Secret access key").fill(key["AWS_SECRET_ACCESS_KEY"])
    steps.press(page, "Sign in")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert page.url.rpartition("/")[0] == was.rpartition("/")[0]  # its draft ended with the session: at its first step


def test_keyboard_alone_makes_its_way_into_the_wizard(stranger: Page, home: Home) -> None:
    page, key = stranger, home.exports()
    page.goto("cas")
    tab_to(page, "Access key ID")
    page.keyboard.type(key["AWS_ACCESS_KEY_ID"])
    page.keyboard.press("Tab")
    page.keyboard.type(key["AWS_SECRET_ACCESS_KEY"])
    page.keyboard.press("Enter")
    steps.at(page, "Private certificate authority")
    tab_to(page, "Get started")
    page.keyboard.press("Space")
    steps.at(page, "CA type")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "Subordinate CA")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Root CA")).to_be_checked()
    page.keyboard.press("Enter")
    steps.at(page, "Subject name")
    page.keyboard.press("Enter")  # nowhere: no field has the focus
    tab_to(page, "Next")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()  # what is wrong comes first
    tab_to(page, "Common name (CN)")
    page.keyboard.type("By Keyboard")
    page.keyboard.press("Enter")
    steps.at(page, "Key algorithm")


def test_wizard_needs_no_script(chromium: Browser, home: Home) -> None:
    with visitor(chromium, home.console_url, java_script_enabled=False) as page:
        sign_in(page, home)
        page.goto("cas/create")
        page.get_by_role("radio", name="Root CA").check()
        steps.press(page, "Next")
        page.get_by_label("Common name (CN)").fill("Without Script")
        steps.press(page, "Next")
        page.get_by_text("Advanced options").click()
        page.get_by_role("radio", name="ECDSA P-256").check()
        steps.press(page, "Next")
        page.get_by_role("checkbox", name="Enable CRL distribution").check()
        page.get_by_label("Name of the new bucket").fill("without-script")  # shown by the stylesheet alone
        for title in ("Revocation", "Tags", "Renewal permission"):
            steps.at(page, title)
            steps.press(page, "Next")
        steps.press(page, "Confirm and create")
        steps.follow(page, "Install a self-signed certificate")
        steps.press(page, "Issue and install")
        expect(page.locator("main .badge").first).to_contain_text("Active")
        steps.press(page, "Sign out")
        assert path_of(page) == "sign-in"


def test_nothing_is_fetched_from_elsewhere(page: Page, home: Home) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("", "cas/create", "overview", "hierarchy", "certificates"):
        page.goto(path)
    assert asked
    assert [each for each in asked if not each.startswith(home.url)] == []


def test_every_identifier_is_copied_by_one_click(page: Page, home: Home) -> None:
    arn = create(home.client())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("cas")
    for button in page.locator("main button.copy").all():
        button.click()
        expect(page.locator(".announce")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == button.get_attribute("data-copy")
    page.goto(f"cas/{arn[-36:]}")
    shown = page.locator("main .identifier").first
    assert shown.locator("code").inner_text() == shown.locator("button").get_attribute("data-copy")
