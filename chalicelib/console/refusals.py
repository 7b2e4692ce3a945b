"""Refusals of operations in words for people."""

from __future__ import annotations

import re

_VIOLATION = re.compile(r"Value .* at '[^']*' failed to satisfy constraint: Member (.*)", re.DOTALL)


def in_words(message: str) -> str:
    """The refusal of a single member without its wire form."""
    text = re.sub(r"^[0-9]+ validation errors? detected: ", "", message)
    match = _VIOLATION.fullmatch(text.split("; Value ")[0])
    if match is None:
        return message
    rule = re.sub(r"have length (less|greater) than or equal to ([0-9]+)", _length, match[1])
    return f"It {rule.replace('satisfy regular expression pattern:', 'be of the form')}."


def _length(match: re.Match[str]) -> str:
    return f"have at {'most' if match[1] == 'less' else 'least'} {match[2]} characters"
