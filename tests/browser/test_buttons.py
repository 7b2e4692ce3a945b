"""Each kind of button can be read at rest, under the pointer and in focus, in light and in dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser import furnished
from tests.browser.screen import sign_in, visitor
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import csr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
LEAST = 4.5  # WCAG 2.2, 1.4.3
KINDS = {"", "secondary", "secondary outline", "danger", "danger outline", "quiet", "copy"}
SIZES = {"small"}
STATES = ("at rest", "hovered", "focused")
BUTTONS = "button, [role=button]"
# The contrast of a button's text with what is painted below it, by the colours that the browser computed.
CONTRAST = """(button) => {
  const parts = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = (top, below) => top.slice(0, 3).map((each, i) => each * top[3] + below[i] * (1 - top[3]));
  const grounds = [];
  for (let each = button; each; each = each.parentElement) grounds.push(parts(getComputedStyle(each).backgroundColor));
  const ground = grounds.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  const light = (colour) => colour.map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
  const both = [light(over(parts(getComputedStyle(button).color), ground)), light(ground)].sort((a, b) => b - a);
  return (both[0] + 0.05) / (both[1] + 0.05);
}"""


@pytest.fixture(scope="module")
def window(chromium: Browser, home: Home) -> Iterator[Page]:
    with visitor(chromium, home.console_url, reduced_motion="reduce") as page:
        sign_in(page, home)
        yield page


@pytest.fixture(scope="module")
def addresses(home: Home, window: Page) -> list[str]:
    """Pages that have every kind of button."""
    client = home.client()
    root = active_root(client)
    serial = serial_of(issue(client, root, Csr=csr("a.example.com", dns_names=["a.example.com"])))
    base = f"cas/{root.rsplit('/', 1)[1]}"
    certificate = f"{base}/certificates/{serial.replace(':', '').zfill(32)}"
    return [base, f"{base}/tags", f"{certificate}/revoke", f"cas/create/{furnished.draft(window)}/tags"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_button_can_be_read_in_each_state(window: Page, addresses: list[str], scheme: Literal["light", "dark"]) -> None:
    window.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found: dict[tuple[str, str], float] = {}
    for address in addresses:
        window.goto(address)
        for button in window.locator(BUTTONS).filter(visible=True).all():
            kind = " ".join(each for each in (button.get_attribute("class") or "").split() if each not in SIZES)
            for state in STATES:
                put(window, button, state)
                found[kind, state] = min(found.get((kind, state), 21), button.evaluate(CONTRAST))
    assert {kind for kind, _ in found} == KINDS
    assert {each: round(contrast, 2) for each, contrast in found.items() if contrast < LEAST} == {}


def put(window: Page, button: Locator, state: str) -> None:
    """Bring a button into a state, and out of the others."""
    window.mouse.move(0, 0)
    window.locator("main").focus()
    if state == "hovered":
        button.hover()
    elif state == "focused":
        button.focus()
