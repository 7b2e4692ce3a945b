"""The documents of `docs/` as HTML for the console: served offline, and rendered once in a process.

Raw HTML and pictures are left out, so all markup comes from Markdown. Headings have
the anchors that GitHub gives them. Links between documents lead to their pages here.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DIRECTORY = Path(__file__).with_name("documents")  # in a clone, a link to docs/
_DECISIONS = "adr"
_RIGHT = "text-align:right"


class Section(NamedTuple):
    """A heading of a document: its level from 2, its anchor and its text."""

    level: int
    anchor: str
    text: str


class Document(NamedTuple):
    """A document; `html` is what follows its title."""

    name: str
    title: str
    html: Markup
    sections: tuple[Section, ...]

    @property
    def is_decision(self) -> bool:
        """True for a record of a decision."""
        return self.name.startswith(f"{_DECISIONS}-")


@cache
def sources() -> dict[str, PurePosixPath]:
    """The path of each document below `DIRECTORY`, by the name of its page: "access", "adr-0001-…"."""
    paths = sorted([*DIRECTORY.glob("*.md"), *DIRECTORY.glob(f"{_DECISIONS}/*.md")])
    below = [PurePosixPath(path.relative_to(DIRECTORY).as_posix()) for path in paths]
    return {"-".join(path.with_suffix("").parts): path for path in below}


def document(name: str) -> Document | None:
    """The document with this name, or None."""
    return _rendered(name) if name in sources() else None


def documents() -> list[Document]:
    """Every document, by title; decisions in their order, last."""
    found = map(_rendered, sources())
    return sorted(found, key=lambda each: (each.is_decision, each.name if each.is_decision else each.title))


@cache
def _rendered(name: str) -> Document:
    path = sources()[name]
    tokens = _parser().parse((DIRECTORY / path).read_text("utf-8"))
    headings = dict(_anchored(tokens))
    title = next((text for level, _, text in headings.values() if level == 1), name)
    shown = list(_linked(_without_title(tokens), path))
    html = Markup(_parser().renderer.render(shown, _parser().options, {}))  # noqa: S704  the parser escapes text
    return Document(name, title, html, tuple(section for section in headings.values() if section.level > 1))


def slug(text: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")  # HTML is recognized, to be left out
    for kind in ("html_block", "html_inline", "image"):
        parser.add_render_rule(kind, lambda *_: "")
    parser.add_render_rule("markup", lambda _, tokens, index, *__: tokens[index].content)
    return parser


def _anchored(tokens: list[Token]) -> Iterator[tuple[int, Section]]:
    """Give each heading its anchor; yields the headings by their positions."""
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            text = "".join(part.content for part in tokens[position + 1].children or ())
            token.attrSet("id", slug(text))
            yield position, Section(int(token.tag[1:]), slug(text), text)


def _without_title(tokens: list[Token]) -> list[Token]:
    has_title = len(tokens) > 2 and tokens[0].type == "heading_open" and tokens[0].tag == "h1"
    return tokens[3:] if has_title else tokens


def _linked(tokens: Iterable[Token], path: PurePosixPath) -> Iterator[Token]:
    """The tokens with links that lead somewhere here, tables that scroll, and no inline style."""
    for token in tokens:
        if token.type == "table_open":
            yield _html('<div class="scroll" tabindex="0" role="region" aria-label="Table">')
        if token.type in {"fence", "code_block"}:
            token.attrSet("tabindex", "0")
        if token.attrs.pop("style", "") == _RIGHT:
            token.attrSet("class", "number")
        if token.children:
            token.children = list(_with_links(token.children, path))
        yield token
        if token.type == "table_close":
            yield _html("</div>")


def _html(markup: str) -> Token:
    """Our own markup, which the rule that leaves out HTML does not see."""
    return Token("markup", "", 0, content=markup)


def _with_links(children: Iterable[Token], path: PurePosixPath) -> Iterator[Token]:
    opened: list[bool] = []
    for token in children:
        if token.type == "link_open":
            address = _address(str(token.attrGet("href") or ""), path)
            opened.append(bool(address))
            if address:
                token.attrSet("href", address)
                yield token
        elif token.type != "link_close" or opened.pop():
            yield token


def _address(target: str, path: PurePosixPath) -> str:
    """The target of a link in a document: a page beside it, or the web; empty if this server has no such page."""
    parts = urlsplit(target)
    if parts.scheme:
        return target if parts.scheme == "https" else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    if not parts.path:
        return fragment
    names = {str(source): name for name, source in sources().items()}
    resolved = _normal(path.parent / parts.path)
    return f"{names[resolved]}{fragment}" if resolved in names else ""


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
