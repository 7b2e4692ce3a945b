"""Write `static/pico.css`: the vendored Pico without the rules for what no page of the console has.

`python tools/trim_pico.py`; a test checks that the file is what this writes.
"""

from __future__ import annotations

import re
from pathlib import Path

STATIC = Path(__file__).resolve().parents[1] / "chalicelib" / "console" / "static"
SOURCE, TARGET = STATIC / "vendor" / "pico.fluid.classless.min.css", STATIC / "pico.css"
# Parts of selectors, unless they are negated. A rule goes when each of its selectors has one of these.
UNUSED = re.compile(
    r":host|data-tooltip|dialog|progress|hgroup|blockquote|kbd|iframe|audio|video|canvas|\[dir=rtl\]|aria-busy|dropdown"
    r"|type=(?:range|color|reset|time|month|week|datetime-local)|role=(?:group|switch|link|search)|\[multiple\]|\bins\b"
    r"|::-ms-|::-moz-|modal-|summary\[role|\baside\b|aria-invalid=false|\babbr\b|details\[open\]>summary\[role"
)


def trimmed(css: str) -> str:
    """Return the style sheet without unused rules, at any depth of its conditions."""
    return "".join(filter(None, map(_rule, _rules(css))))


def _rules(css: str) -> list[str]:
    """Split a style sheet into rules and comments, each with its braces."""
    rules, depth, start = list[str](), 0, 0
    for position, character in enumerate(css):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if (character == "}" and depth == 0) or (character == ";" and depth == 0):
            rules.append(css[start : position + 1])
            start = position + 1
    return rules


def _rule(rule: str) -> str:
    head, brace, body = rule.partition("{")
    comment, _, selector = head.rpartition("*/")
    if not brace or selector.startswith("@keyframes"):
        return "" if selector.startswith("@charset") else rule
    if selector.startswith("@"):
        inner = trimmed(body.removesuffix("}"))
        return f"{selector}{{{inner}}}" if inner else ""
    used = [each for each in _selectors(selector) if not UNUSED.search(re.sub(r":not\([^)]*\)", "", each))]
    note = f"{comment}*/" if comment else ""
    return f"{note}{','.join(used)}{{{body}" if used else note


def _selectors(text: str) -> list[str]:
    """Split a list of selectors at the commas that stand in no parenthesis or bracket."""
    selectors, depth, start = list[str](), 0, 0
    for position, character in enumerate(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            selectors.append(text[start:position])
            start = position + 1
    return [*selectors, text[start:]]


if __name__ == "__main__":
    TARGET.write_text(trimmed(SOURCE.read_text("utf-8")), "utf-8")
