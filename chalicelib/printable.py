"""Text of others, made printable: hidden characters are shown by their code points.

Hidden are control characters, characters that turn the direction of text (bidi), and those without a shape.

Source: Unicode Technical Report 36, sections 2.10 and 3.6; Unicode Standard Annex 9.
"""

from __future__ import annotations

import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters, marks and symbols that show nothing.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}


def printable(text: str) -> str:
    r"""The text with `\u{202e}`, its code point, for each hidden character; line breaks are hidden too."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _is_seen(character) else f"\\u{{{ord(character):x}}}" for character in text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines, whose line breaks stay."""
    return "\n".join(printable(line) for line in text.replace("\r\n", "\n").split("\n"))


def _is_seen(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Zs":
        return character == " "
    return category not in _HIDDEN_CATEGORIES and character not in _BLANK
