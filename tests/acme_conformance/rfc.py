"""Where a case is from: the document, its section, the sentence, and how binding the sentence is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

LEVELS = {
    "MUST": "the document requires it",
    "SHOULD": "the document recommends it",
    "optional": "the document leaves it to the server, or defines an extension that a server may have",
    "robustness": "no sentence names the case; the server must answer without an error of its own",
}
TITLES = {
    "RFC 8555 5": "Character encoding",
    "RFC 8555 6.1": "HTTPS requests",
    "RFC 8555 6.2": "Request authentication",
    "RFC 8555 6.3": "GET and POST-as-GET",
    "RFC 8555 6.4": "Request URL integrity",
    "RFC 8555 6.5": "Replay protection",
    "RFC 8555 6.7": "Errors",
    "RFC 8555 7.1": "Resources",
    "RFC 8555 7.2": "Nonces",
    "RFC 8555 7.3": "Accounts",
    "RFC 8555 7.3.4": "External account binding",
    "RFC 8555 7.3.5": "Account key rollover",
    "RFC 8555 7.3.6": "Account deactivation",
    "RFC 8555 7.4": "Orders and finalization",
    "RFC 8555 7.4.1": "Pre-authorization",
    "RFC 8555 7.4.2": "Certificates",
    "RFC 8555 7.5": "Authorizations and challenges",
    "RFC 8555 7.6": "Revocation",
    "RFC 8555 8": "Validation in general",
    "RFC 8555 8.3": "http-01",
    "RFC 8555 8.4": "dns-01",
    "RFC 8555 11.1": "Keys",
    "RFC 7515": "JSON Web Signature",
    "RFC 7518": "JSON Web Algorithms",
    "RFC 7517": "JSON Web Key",
    "RFC 8737 3": "tls-alpn-01",
    "RFC 8738": "IP identifiers",
    "RFC 9773 4": "Renewal information",
    "RFC 9773 5": "Replaced certificates",
    "profiles": "draft-ietf-acme-profiles",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A sentence of a document; `group` is a key of TITLES, `level` one of LEVELS."""

    group: str
    level: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.group}, {self.level}: {self.sentence}"


def must(group: str, sentence: str) -> Source:
    return Source(group, "MUST", sentence)


def should(group: str, sentence: str) -> Source:
    return Source(group, "SHOULD", sentence)


def optional(group: str, sentence: str) -> Source:
    return Source(group, "optional", sentence)


def robust(group: str, sentence: str) -> Source:
    return Source(group, "robustness", sentence)


def about(source: Source) -> pytest.MarkDecorator:
    """Mark a case with its source."""
    return pytest.mark.rfc(source)
