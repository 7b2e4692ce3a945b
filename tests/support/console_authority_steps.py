"""What tests of the console's pages of a CA do over and over."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser

HOSTILE = "</textarea><script>alert(1)</script>\u202e\x07\r\n'\"&{{777*13007}}"
TABS = ("", "/certificate", "/certificates", "/revocation", "/tags", "/sharing", "/reports", "/activity")


def path_of(arn: str, rest: str = "") -> str:
    """The address of a page of a CA."""
    return f"/console/cas/{arn.rsplit('/', 1)[1]}{rest}"


def page_of(browser: Browser, arn: str, rest: str = "") -> Answer:
    """A page of a CA, which is there."""
    found = browser.get(path_of(arn, rest))
    assert found.status == 200, found.text
    return found


def problems(page: Answer) -> dict[str, str]:
    """What stands beside the fields, by their names."""
    return {name: unescape(text) for name, text in re.findall(r'id="([^"]+)-problem">([^<]*)<', page.text)}


def note(page: Answer) -> str:
    """What a page says was done."""
    found = re.search(r'class="alert good" role="status">([^<]*)<', page.text)
    return unescape(found[1]) if found else ""


def facts(page: Answer) -> dict[str, str]:
    """The facts of a page, without markup; of those with the same name the last."""
    found = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", page.text, re.DOTALL)
    return {name: " ".join(unescape(re.sub("<[^>]*>", "", text)).split()) for name, text in found}


def is_harmless(page: Answer) -> bool:
    """Whether nothing of `HOSTILE` is more than text, and what it hides is seen."""
    return not [each for each in ("<script>alert", "\u202e", "\x07", "10106439") if each in page.text]


def authority(browser: Browser, arn: str) -> Any:
    """The record of a CA."""
    return browser.rt.store.get_certificate_authority(arn)
