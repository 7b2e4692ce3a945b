"""Every page of the console in a real browser: for everybody's eyes, hands and screens, and without dead ends."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urldefrag, urljoin

import pytest

from chalicelib.access import resource_policy
from chalicelib.console import sessions, table
from tests.browser import furnished
from tests.browser.screen import AXE, DESKTOP, PHONE, RUN_AXE, sign_in, visitor
from tests.browser.walking import MOST_ALIKE, row_of, unseen
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import csr
from tests.support.roles import trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.support.home import Home

    Look = tuple[Literal["light", "dark"], ViewportSize, dict[str, list[str]]]

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
SHOWN = [
    row for row in table.PAGES if row.method == "GET" and not row.path.startswith(("static/", "link", "calendar/"))
]
FORMS = [row for row in table.PAGES if row.method == "POST"]
# Theme, size of the screen, and rules of axe-core (all, if none are named): a sample, and with `--whole` every one. The
# sample is of the first page of each kind.
LOOKS: tuple[Look, ...] = (("light", DESKTOP, {}), ("dark", DESKTOP, {"runOnly": ["color-contrast"]}))
EVERY_LOOK: tuple[Look, ...] = tuple(
    (scheme, {"width": width, "height": 900}, {}) for scheme in ("light", "dark") for width in (390, 1920)
)
UNLINKED = {"sign-in", "go-on/{draft}"}  # where the session is missing, and where it was missing
GUEST = "444455556666"
READ = """() => ({
  links: [...document.links].map((link) => link.href),
  parts: [...document.querySelectorAll("[hx-get]")].map((each) => new URL(each.getAttribute("hx-get"), location).href),
  forms: [...document.querySelectorAll("form[method=post], form[method=post] [formaction], [hx-post]")]
    .map((each) => each.formAction || each.action || new URL(each.getAttribute("hx-post"), location).href),
})"""


@dataclass
class Seen:
    """What a browser saw at an address.

    Attributes:
        links: and what htmx would fetch.
        forms: where those that change something are sent.
        faults: serious and critical ones that axe-core found, and screens that are too narrow for the page.
        width: that the page takes on a phone, in pixels.
    """

    status: int
    links: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    width: int = 0


@pytest.fixture(scope="module")
def window(chromium: Browser, home: Home) -> Iterator[Page]:
    """One signed-in visitor for all tests of this file."""
    with visitor(chromium, home.console_url, reduced_motion="reduce") as page:
        sign_in(page, home)
        yield page


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest, home: Home, window: Page, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Seen]:
    """The pages that links lead to, at most some of each kind, by their addresses."""
    trusts = tmp_path_factory.mktemp("role") / "trust.json"
    trusts.write_text(trust({"AWS": "000000000000"}))
    home.signet("role", "create", "deployer", "--trust", str(trusts), "--preset", "auditor")
    home.signet("principal", "create", "zed", "--preset", "read-only")
    home.signet("credentials", "create", "--principal", "zed")
    waiting = [urljoin(home.console_url, path) for path in ("cas", *furnished.furnish(home.client(), window))]
    furnished.order_by_acme(home, "Root")
    whole, found, kinds = request.config.getoption("--whole"), dict[str, Seen](), set[str]()
    for address in unseen(home, waiting, help=MOST_ALIKE if whole else 1):  # documents are long, and alike
        path = row_of(address).path
        found[address] = look(window, address, EVERY_LOOK if whole else () if path in kinds else LOOKS)
        kinds.add(path)
        waiting += found[address].links
    return found


def look(page: Page, address: str, looks: Sequence[Look]) -> Seen:
    answer = page.request.get(address)
    if not answer.ok or not answer.text().startswith("<!DOCTYPE html>"):
        return Seen(answer.status)
    page.goto(address)
    if looks:
        page.evaluate(AXE)
    faults = list[str]()
    for scheme, size, rules in looks:
        page.emulate_media(color_scheme=scheme)
        resize(page, size)
        faults += [f"{scheme}, {size['width']} pixels: {each}" for each in page.evaluate(RUN_AXE, rules)]
        if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            faults.append(f"It is wider than {size['width']} pixels.")
    resize(page, PHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    read = page.evaluate(READ)
    links = [urldefrag(each).url for each in read["links"] + read["parts"]]
    return Seen(answer.status, links, read["forms"], faults, width)


def resize(page: Page, size: ViewportSize) -> None:
    """Give the screen a size unless it has it: most pages are only looked at on a phone, and layout takes long."""
    if page.viewport_size != size:
        page.set_viewport_size(size)


def of_row(site: dict[str, Seen], row: table.Page) -> dict[str, Seen]:
    found = {address: seen for address, seen in site.items() if row_of(address) is row}
    assert found or row.path in UNLINKED, "no page leads to it"
    return found


@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row.path or "-")
def test_page_is_reached_by_links_and_is_for_everybody(site: dict[str, Seen], row: table.Page) -> None:
    found = of_row(site, row)
    assert {address: seen.status for address, seen in found.items() if seen.status != 200} == {}
    assert {address: seen.faults for address, seen in found.items() if seen.faults} == {}
    assert {address: seen.width for address, seen in found.items() if seen.width > PHONE["width"]} == {}


def test_page_of_a_shared_ca_is_for_everybody(chromium: Browser, home: Home) -> None:
    """Those of another account, which reads and issues; its links lead to nothing that it may not."""
    client = home.client()
    arn = active_root(client)
    issued = serial_of(issue(client, arn, Csr=csr("shared.example.com", dns_names=["shared.example.com"])))
    actions = [f"acm-pca:{name}" for name in sorted(resource_policy.GRANTABLE)]
    statement = {"Effect": "Allow", "Principal": {"AWS": GUEST}, "Action": actions, "Resource": arn}
    client.put_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    key = access_key(home, GUEST)
    base = f"{home.console_url}cas/{arn.rsplit('/', 1)[1]}"
    with visitor(chromium, home.console_url, reduced_motion="reduce") as page:
        sign_in(page, home, **key)
        waiting, found = [f"{base}/certificates/{issued.replace(':', '').zfill(32)}"], dict[str, Seen]()
        for address in unseen(home, waiting, help=1):
            if "/create" not in address:
                found[address] = look(page, address, () if row_of(address) in map(row_of, found) else LOOKS)
                waiting += found[address].links
    assert {row_of(address).path for address in found} >= {
        row.path for row in table.PAGES if row.others and row.method == "GET" and "{draft}" not in row.path
    }
    assert {address: seen.status for address, seen in found.items() if seen.status != 200} == {}
    assert {address: seen.faults for address, seen in found.items() if seen.faults} == {}
    assert {address: seen.width for address, seen in found.items() if seen.width > PHONE["width"]} == {}


def access_key(home: Home, account: str) -> dict[str, str]:
    """A new access key of another account."""
    printed = home.signet("credentials", "create", "--account-id", account).stdout
    return dict(line.split("=", 1) for line in printed.split())


def test_form_without_its_token_or_from_elsewhere_is_refused(window: Page, site: dict[str, Seen], home: Home) -> None:
    """Sent by the browser itself, with the cookies that it has."""
    forms = {action for seen in site.values() for action in seen.forms}
    assert {row.path for row in FORMS} - {row_of(action, "POST").path for action in forms} == {"sign-in"}
    foreign = sessions.form_token(sessions.new_id())
    cases: Iterable[tuple[dict[str, str], dict[str, str]]] = (
        ({"token": ""}, {}),
        ({"token": foreign}, {}),
        ({}, {"Origin": ""}),
        ({}, {"Origin": "null"}),
        ({}, {"Origin": "https://evil.example"}),
        ({}, {"Origin": f"{home.url}.evil.example"}),
    )
    window.goto("cas")
    for action in sorted(forms):
        for fields, headers in cases:
            answer = furnished.send(window, action, fields, **headers)
            assert answer.status == 403, (action, fields, headers)
    assert window.request.get("cas").url.endswith("/cas")  # not even signed out
