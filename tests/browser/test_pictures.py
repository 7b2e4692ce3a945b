"""Pictures of the console, light and dark; with `--pictures` they are those of the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser import furnished
from tests.browser.lived_in import LivedIn, live_in
from tests.browser.screen import sign_in, visitor
from tests.support.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ViewportSize

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
PAGES = {
    "overview": "overview",
    "authorities": "cas",
    "authority": "cas/{ca_id}",
    "hierarchy": "hierarchy",
    "wizard": "cas/create/{draft}/revocation",
    "certificate": "cas/{ca_id}/certificates/{serial}",
    "certificates": "certificates",
    "issue": "cas/{ca_id}/issue",
    "renewal": "cas/{ca_id}/renew",
    "trust": "cas/{ca_id}/trust",
    "calendar": "calendar",
    "cost": "cost",
}
SIZE: ViewportSize = {"width": 1200, "height": 800}
MOST_BYTES = 250_000  # of a picture: the repository keeps them


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, LivedIn]]:
    home = Home(tmp_path_factory.mktemp("lived-in") / "home")
    found = live_in(home)
    home.start()
    yield home, found
    home.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_are_taken(
    chromium: Browser,
    lived_in: tuple[Home, LivedIn],
    scheme: Literal["light", "dark"],
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    home, found = lived_in
    into = Path(pytestconfig.getoption("--pictures") or tmp_path)
    with visitor(chromium, home.console_url, color_scheme=scheme, reduced_motion="reduce", timezone_id="UTC") as page:
        page.set_viewport_size(SIZE)
        sign_in(page, home)
        draft = furnished.draft(page)
        taken = {}
        for name, path in PAGES.items():
            page.goto(path.format(ca_id=found.ca_id, serial=found.serial, draft=draft))
            taken[name] = page.screenshot(path=into / f"console-{name}-{scheme}.png")
    assert len(set(taken.values())) == len(PAGES)
    assert {name: len(png) for name, png in taken.items() if len(png) > MOST_BYTES} == {}
