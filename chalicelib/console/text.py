"""Text of others on our pages: what it holds is seen, and nothing of it acts.

Jinja escapes markup; this makes what markup does not cover visible: control characters, characters that turn the
direction of text (bidi), and those without a shape.

Source: Unicode Technical Report 36, sections 2.10 and 3.6; Unicode Standard Annex 9.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters, marks and symbols that show nothing.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}


def printable(text: str) -> str:
    r"""The text with each character that cannot be seen, or that moves others, as `\u{...}` of its code point."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if _is_seen(each) else f"\\u{{{ord(each):x}}}" for each in text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(printable(line) for line in text.replace("\r\n", "\n").split("\n"))


def _is_seen(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Zs":
        return character == " "
    return category not in _HIDDEN_CATEGORIES and character not in _BLANK


def utc(moment: datetime) -> str:
    """A time for people."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(moment: datetime) -> str:
    """A time for programs."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
