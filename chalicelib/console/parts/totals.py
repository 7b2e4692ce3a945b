"""The figures above the overview, each with the address of the list that it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from chalicelib.console import severity, text
from chalicelib.console.forms.authority_filters import STATUSES

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.operations.listing import Count
    from chalicelib.reports.overview import Overview


class Tile(NamedTuple):
    """A figure.

    Attributes:
        says: the number in words.
        path: of the list.
        parts: the figures that it adds up: the sign and the number of each, and the path of its list.
    """

    label: str
    says: str
    path: str
    parts: tuple[tuple[severity.Sign, int, str], ...] = ()


def tiles(account: Overview) -> list[Tile]:
    """The figures of an account."""
    totals = account.totals
    statuses = [status for status in STATUSES if totals.authorities[status]]
    by_status = tuple(
        (severity.AUTHORITY[status], totals.authorities[status], f"cas?status={status}") for status in statuses
    )
    soon = {"state": "ISSUED", "expires_from": text.iso(totals.begins), "expires_to": text.iso(totals.ends)}
    answering = account.urls - account.unseen - account.wrong
    return [
        Tile("CAs", f"{totals.authorities.total():,}", "cas", by_status),
        Tile("Valid certificates", words(totals.valid), "certificates?state=ISSUED"),
        Tile("Expire within 30 days", words(totals.expiring), f"certificates?{urlencode(soon)}"),
        Tile("Revoked certificates", words(totals.revoked), "certificates?state=REVOKED"),
        Tile(
            "CRL and OCSP URLs that answer",
            f"{answering:,} of {account.urls:,}",
            "cas",
            tuple(
                (severity.sign(tone, word), number, "")
                for tone, word, number in (
                    ("bad", "Unusable", account.wrong),
                    ("muted", "Not looked at", account.unseen),
                )
                if number
            ),
        ),
    ]


def words(count: Count) -> str:
    """A count in words; an inexact one says in which direction."""
    return {"=": "", ">": "more than ", "<": "at most "}[count.sign] + f"{count.number:,}"


def of_period(kind: str, begins: datetime, ends: datetime) -> str:
    """The path of the list of certificates that were issued or revoked, or expire, in a period."""
    return f"certificates?{urlencode({f'{kind}_from': text.iso(begins), f'{kind}_to': text.iso(ends)})}"
