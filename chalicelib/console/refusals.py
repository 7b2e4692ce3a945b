"""Refusals of operations in words for people."""

from __future__ import annotations

import re

_VIOLATION = re.compile(r"Value .* at '[^']*' failed to satisfy constraint: Member (.*)", re.DOTALL)
# What some patterns of the model are to people.
_PATTERN = "satisfy regular expression pattern: "
_PATTERNS = {
    r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)": "consist of letters, digits, spaces and the characters _ . : / = + - @",
    r"[0-9]+": "consist of digits",
}


def in_words(message: str) -> str:
    """The refusal of a single member without its wire form."""
    text = re.sub(r"^[0-9]+ validation errors? detected: ", "", message)
    match = _VIOLATION.fullmatch(text.split("; Value ")[0])
    if match is None:
        return message
    rule = re.sub(r"have length (less|greater) than or equal to ([0-9]+)", _length, match[1])
    verb, found, pattern = rule.partition(_PATTERN)
    return f"It {verb}{_PATTERNS.get(pattern, f'be of the form {pattern}') if found else ''}."


def _length(match: re.Match[str]) -> str:
    return f"have at {'most' if match[1] == 'less' else 'least'} {match[2]} characters"
