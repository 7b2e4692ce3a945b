"""One name for a CA, one spelling for algorithms, times, serial numbers and words, and one tone for a word."""

from __future__ import annotations

import re
from collections import defaultdict
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.builders import csr
from tests.support.console_pages import crawled
from tests.support.console_steps import create, issue, revoke, root, signed_in, subordinate

if TYPE_CHECKING:
    from tests.support.console_browser import Answer

pytestmark = [pytest.mark.wide, pytest.mark.laptop]
# Spellings of the API that stand only in commands, in ARNs and beside the plain word.
FOREIGN = {
    "algorithm": r"\b(?:RSA_\d+|EC_\w+|ML_DSA_\d+|SHA\d+WITH\w+)",
    "word": r"\b(?!SIGNET_|AWS_)[A-Z]{3,}_[A-Z_]{3,}\b",
    "attribute": r"\b(?:CommonName|OrganizationalUnit|EmailAddress|DomainComponent)\b",
    "time": r"\d{4}-\d\d-\d\d(?:T|\s\d\d:\d\d(?!:\d\d UTC))",
    "serial number": r"(?<![/0-9a-f-])[0-9a-f]{32}\b",
    "id of a CA": r"\b[0-9a-f]{8}…",
}
NAME, COMMON_NAME = "The one name", "Common Name CA"


class _Text(HTMLParser):
    """What a page says, without what it quotes in `pre` and what scripts need; and its badges with their tones."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said: list[str] = []
        self.badges: list[tuple[str, str]] = []
        self.links = set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in {"wbr", "br", "meta", "link", "input", "img", "hr"}:
            self.open.append(tag)
        if str(found.get("class", "")).startswith("badge "):
            self.badges.append((str(found["class"]).removeprefix("badge "), ""))
        if tag not in {"wbr", "bdi", "span", "code"}:
            self.said.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not {"pre", "option", "textarea", "script"}.intersection(self.open):
            self.said.append(data)
        if "a" in self.open:
            self.links.add(data.strip())
        if self.badges and self.open[-1:] == ["span"] and not self.badges[-1][1].strip(" ●◐✕○"):
            tone, word = self.badges[-1]
            self.badges[-1] = tone, word + data


def read(page: Answer) -> _Text:
    reader = _Text()
    reader.feed(page.text)
    return reader


@pytest.fixture
def seen(rt: Any) -> dict[str, _Text]:
    """Every page of a home with CAs and certificates in several states."""
    top = root(rt, {"CommonName": COMMON_NAME, "OrganizationalUnit": "x"}, Tags=[{"Key": "Name", "Value": NAME}])
    subordinate(rt, top, {"CommonName": "Below"})
    create(rt, "SUBORDINATE", {"CommonName": "Waiting"})
    revoke(rt, top, issue(rt, top, csr("a.example.com", dns_names=["a.example.com"])))
    issue(rt, top, csr("b.example.com", dns_names=["b.example.com"]))
    return {page.url: read(page) for page in crawled(signed_in(rt))}


def test_every_page_writes_values_in_one_way(seen: dict[str, _Text]) -> None:
    assert len(seen) > 20
    found = {
        (url, what): re.findall(pattern, "".join(reader.said))[:3]
        for url, reader in seen.items()
        for what, pattern in FOREIGN.items()
        if not re.search("/activity/record|/help/", url)  # a record of the API as it is; the documents
    }
    assert {key: spellings for key, spellings in found.items() if spellings} == {}


def test_a_word_has_the_same_tone_on_every_page(seen: dict[str, _Text]) -> None:
    tones = defaultdict[str, set[tuple[str, str]]](set)
    for reader in seen.values():
        for tone, said in reader.badges:
            icon, _, word = " ".join(said.split()).partition(" ")
            tones[word.casefold()].add((tone, icon))
    assert {"active", "revoked", "issued", "pending certificate"} <= set(tones)
    assert {word: found for word, found in tones.items() if len(found) > 1} == {}


def test_a_ca_has_one_name(seen: dict[str, _Text]) -> None:
    """The common name stands in a column of its own and in subjects, but no link to a CA is called so."""
    assert sum(NAME in reader.links for reader in seen.values()) > 15
    assert [url for url, reader in seen.items() if COMMON_NAME in reader.links] == []
