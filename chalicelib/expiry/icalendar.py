"""Calendars as text: events at a time or on a day, with folded lines and escaped text.

Source: RFC 5545 sections 3.1, 3.3.11 and 3.6.1; RFC 7986 sections 5.1 and 5.7.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CONTENT_TYPE = "text/calendar; charset=utf-8"
_MOST_OCTETS = 75  # of a line, without its end
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


class Event(NamedTuple):
    """An event.

    Attributes:
        uid: the same in each rendering of the same event.
        starts: a moment in UTC, or a whole day.
        summary, description: text, of any characters.
    """

    uid: str
    starts: datetime | date
    summary: str
    description: str = ""


def calendar(name: str, events: Iterable[Event], now: datetime, *, refreshed: timedelta) -> str:
    """Render a calendar.

    Args:
        name: of the calendar.
        events: in any order.
        now: the time of this rendering.
        refreshed: how often readers should ask again.
    """
    hours = refreshed // timedelta(hours=1)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Signet//Expiry//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{_escaped(name)}",
        f"X-WR-CALNAME:{_escaped(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:PT{hours}H",
        *(line for event in events for line in _event(event, now)),
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _event(event: Event, now: datetime) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_escaped(event.uid)}"
    yield f"DTSTAMP:{_utc(now)}"
    if isinstance(event.starts, datetime):
        yield f"DTSTART:{_utc(event.starts)}"
    else:
        yield f"DTSTART;VALUE=DATE:{event.starts:%Y%m%d}"
    yield f"SUMMARY:{_escaped(event.summary)}"
    if event.description:
        yield f"DESCRIPTION:{_escaped(event.description)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    """Text on one line; hidden characters show their code points, so that no name can begin a line of its own."""
    return "\\n".join(printable(line).translate(_ESCAPES) for line in text.split("\n"))


def _folded(line: str) -> str:
    """A line in pieces of at most 75 octets that split no character; each piece after the first begins with a space."""
    pieces, piece, octets = [], "", 0
    for character in line:
        size = len(character.encode())
        if octets + size > _MOST_OCTETS:
            pieces.append(piece)
            piece, octets = " ", 1
        piece, octets = piece + character, octets + size
    return "\r\n".join([*pieces, piece])
