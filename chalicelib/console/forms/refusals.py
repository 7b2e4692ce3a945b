"""Refusals of operations in words for people: without the names, the patterns and the numbers of the wire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_DETECTED = re.compile(r"[0-9]+ validation errors? detected: ")
_VIOLATION = re.compile(
    r"Value (?:null|'.*?') at '([\w.]*)' failed to satisfy constraint: Member must (.*?)(?:; (?=Value )|\Z)", re.DOTALL
)
_ELSE = "{} has characters that cannot stand here."
# What the patterns of the model are to people.
_PATTERNS = {
    r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)": "{} must consist of letters, digits, spaces and the characters _ . : / = + - @.",
    r"[0-9]+": "{} must consist of digits.",
    r"[A-Za-z]{2}": "{} must be two letters, such as US.",
    r"[-a-zA-Z0-9;/?:@&=+$,%_.!~*()']*": "{} must be a host name, such as pki.example.com.",
    r"(/|[-a-zA-Z0-9;?:@&=+$,%_.!~*()']+(/[-a-zA-Z0-9;?:@&=+$,%_.!~*()']+)*)": (
        "{} must be letters, digits and the characters - ; : @ & = $ , _ . ! ~ * ( ) ', in parts with one / between."
    ),
    r"[-a-zA-Z0-9._/]+": "{} must consist of letters, digits and the characters - . _ /.",
    r"[a-zA-Z0-9'()+-.?:/= ]*": "{} must consist of letters, digits, spaces and the characters ' ( ) + , - . / : = ?.",
}
# The other rules of the model.
_RULES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"satisfy regular expression pattern: (.*)", lambda found: _PATTERNS.get(found[1], _ELSE)),
    (r"satisfy enum value set: .*", lambda _: "Choose one of these."),
    (r"have length less than or equal to ([0-9]+)", lambda found: f"{{}} must have at most {found[1]} characters."),
    (r"have length greater than or equal to 1", lambda _: "{} must not be empty."),
    (r"have length greater than or equal to ([0-9]+)", lambda found: f"{{}} must have at least {found[1]} characters."),
    (r"have value less than or equal to (-?[0-9]+)", lambda found: f"{{}} must be at most {found[1]}."),
    (r"have value greater than or equal to (-?[0-9]+)", lambda found: f"{{}} must be at least {found[1]}."),
    (r"not be null", lambda _: "{} is missing."),
)
# What in the sentences of operations names the wire; the field beside which they stand says the rest.
_SENTENCES = (
    (r"CrlConfiguration\.CustomCname cannot .*", "It cannot be chosen together with a custom CRL name."),
    (r"(?:Crl|Ocsp)Configuration\.\w+(?: '.*')? (?=must|is required)", "It "),
    (r"Attribute [0-9.]+ of the subject is refused\. ", ""),
    (r"Attribute [0-9.]+ of a name", "It"),
    (r"ApiPassthrough is refused\. ", ""),
    (r"The DnsName of a GeneralName", "The DNS name"),
    (r"The IpAddress of a GeneralName", "The IP address"),
    (r"The Rfc822Name of a GeneralName", "The email address"),
    (r"'[a-z-]+' codec can't encode .*", _ELSE.format("It")),
)


class Violation(NamedTuple):
    """A rule of the model that a request breaks: the path of the member, and the rule in words."""

    path: str
    words: str


def violations(message: str, subject: str = "It") -> list[Violation]:
    """What the model has against a request; nothing where it is an operation that refuses.

    Args:
        message: of the refusal.
        subject: of the sentences.
    """
    detected = _DETECTED.match(message)
    found = _VIOLATION.finditer(message, detected.end()) if detected else ()
    return [Violation(each[1], _rule(each[2]).format(subject)) for each in found]


def _rule(text: str) -> str:
    for pattern, words in _RULES:
        if found := re.fullmatch(pattern, text, re.DOTALL):
            return words(found)
    return _ELSE


def in_words(message: str, subject: str = "It") -> str:
    """The refusal of a single member without its wire form; `subject` as for `violations`."""
    if broken := violations(message, subject):
        return broken[0].words
    for pattern, words in _SENTENCES:
        message = re.sub(pattern, words, message, count=1, flags=re.DOTALL)
    return message
