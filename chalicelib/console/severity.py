"""The severity of every state: one table for all pages, so that a colour means the same everywhere.

A tone says whether somebody has to act. `good`: no, it works; `warn`: soon, or it waits for something; `bad`: now, it
does not work, or clients refuse it; `muted`: no, it is not in use or unknown. The icon follows from the tone, and the
word says the same without colour.
"""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.crl import freshness

ICONS = {"good": "●", "warn": "◐", "bad": "✕", "muted": "○"}


class Sign(NamedTuple):
    """A state as pages show it."""

    tone: str
    icon: str
    word: str


def sign(tone: str, word: str) -> Sign:
    """The sign of a tone, with a word."""
    return Sign(tone, ICONS[tone], word)


AUTHORITY = {
    "ACTIVE": sign("good", "Active"),
    "PENDING_CERTIFICATE": sign("warn", "Pending certificate"),
    "CREATING": sign("muted", "Creating"),
    "DISABLED": sign("muted", "Disabled"),
    "EXPIRED": sign("bad", "Expired"),
    "DELETED": sign("warn", "Deleted"),
    "FAILED": sign("bad", "Failed"),
}
CERTIFICATE = {
    "ISSUED": sign("good", "Issued"),
    "REVOKED": sign("bad", "Revoked"),
    "EXPIRED": sign("bad", "Expired"),
    "PENDING": sign("warn", "Being issued"),
    "FAILED": sign("bad", "Failed"),
}
_CRL_TONES = {
    "EXPIRED": "bad",
    "FAILING": "bad",
    "OLD": "warn",
    "OVERDUE": "warn",
    "WAITING": "muted",
    "FRESH": "good",
    "NOT_PUBLISHED": "muted",
    "NONE": "muted",
    "OFF": "muted",
}
CRL = {condition: sign(_CRL_TONES[condition], word) for condition, word in freshness.WORDS.items()}
OUTCOME = {
    "allowed": sign("good", "Allowed"),
    "denied": sign("bad", "Denied"),
    "failed": sign("bad", "Failed"),
    "unfinished": sign("warn", "Unfinished"),
}
REPORT = {
    "CREATING": sign("muted", "Being written"),
    "SUCCESS": sign("good", "Ready"),
    "FAILED": sign("bad", "Failed"),
}
KEY = {
    "ACTIVE": sign("good", "Active"),
    "INACTIVE": sign("muted", "Inactive"),
    "EXPIRED": sign("bad", "Expired"),
}
# RFC 8555 section 7.1.6; an order or authorization that nobody has finished in time has expired.
ACME = {
    "pending": sign("warn", "Pending"),
    "processing": sign("warn", "Being issued"),
    "valid": sign("good", "Valid"),
    "invalid": sign("bad", "Invalid"),
    "expired": sign("bad", "Expired"),
    "deactivated": sign("muted", "Deactivated"),
    "revoked": sign("bad", "Revoked"),
    "usable": sign("good", "Usable"),
}
ATTENTION = {
    "urgent": sign("bad", "Urgent"),
    "warning": sign("warn", "Warning"),
    "note": sign("muted", "Note"),
}
# The outcome for a certificate that was to be revoked with others.
REVOCATION = {
    "done": sign("good", "Now revoked"),
    "before": sign("good", "Was revoked"),
    "failed": sign("bad", "Not revoked"),
}
# The monitor's verdict on a URL.
URL = {
    "WRONG": sign("bad", "unusable"),
    "NOT_LATELY": sign("warn", "not looked at lately"),
    "NOT_YET": sign("muted", "not looked at yet"),
    "SEEN": sign("good", "works"),
}
