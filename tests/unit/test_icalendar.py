"""Calendars as text, read by another program: folding, escaping, times. Source: RFC 5545."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar as theirs
import pytest

from chalicelib.expiry import icalendar
from chalicelib.expiry.icalendar import Event

NOW = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
AT = datetime(2030, 2, 3, 4, 5, 6, tzinfo=UTC)


def rendered(*events: Event, name: str = "Signet") -> str:
    return icalendar.calendar(name, events, NOW, refreshed=timedelta(hours=6))


def read(text: str) -> list[Any]:
    made: Any = theirs.Calendar.from_ical(text)
    assert made.errors == []
    assert all(event.errors == [] for event in made.walk("VEVENT"))
    return list(made.walk("VEVENT"))


def test_calendar_has_what_the_rfc_requires() -> None:
    text = rendered(Event("1@signet", AT, "expires"))
    made: Any = theirs.Calendar.from_ical(text)
    assert (made["VERSION"], made["METHOD"], made["X-WR-CALNAME"]) == ("2.0", "PUBLISH", "Signet")
    assert made["PRODID"]
    assert made["REFRESH-INTERVAL"].dt == timedelta(hours=6)
    (event,) = made.walk("VEVENT")
    assert event["UID"] == "1@signet"
    assert event["DTSTAMP"].dt == NOW
    assert event["DTSTART"].dt == AT


def test_day_is_a_date() -> None:
    (event,) = read(rendered(Event("1@signet", date(2030, 2, 3), "expire")))
    assert event["DTSTART"].dt == date(2030, 2, 3)


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        r"back\slash; semicolon, comma: colon",
        "two\nlines",
        "ä" * 200,
        "🔒" * 100,
        "a" * 74 + "é" + "b" * 80,
        ("x" * 63 + "\\") * 3,
        "BEGIN:VEVENT",
    ],
)
def test_text_comes_back_as_it_was(text: str) -> None:
    (event,) = read(rendered(Event("1@signet", AT, text, text)))
    assert str(event["SUMMARY"]) == text
    assert str(event["DESCRIPTION"]) == text


@pytest.mark.parametrize("length", range(60, 90))
def test_lines_have_at_most_75_octets_and_end_with_cr_lf(length: int) -> None:
    text = rendered(Event("1@signet", AT, "é" * length, "a" * length))
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    lines = text.encode().split(b"\r\n")
    assert max(map(len, lines)) <= 75
    for line in lines:
        line.decode()  # no character is split


def test_name_begins_no_line_of_its_own() -> None:
    hostile = "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\u2028SUMMARY:y\x00\x0b\u202e"
    text = rendered(Event("1@signet", AT, hostile), name=hostile)
    assert len(read(text)) == 1
    assert len(re.findall("(?m)^BEGIN:VEVENT", text)) == 1
    assert "\u202e" not in text
    assert "\x00" not in text
