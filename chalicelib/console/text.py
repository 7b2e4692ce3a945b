"""Values as every page writes them: times, serial numbers, words of the API, and where long values may break."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from markupsafe import Markup

from chalicelib import arn as arns
from chalicelib.printable import printable

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86_400, 365 * 86_400
# The seconds up to which a distance is given in a unit; below the first it is "now".
_UNITS = ((HOUR, MINUTE, "minute"), (2 * DAY, HOUR, "hour"), (2 * YEAR, DAY, "day"), (None, YEAR, "year"))
# Words of the API that need more than a split at "_"; those of algorithms are in `algorithms.LABELS`.
_WORDS = {
    "CERTIFICATE_AUTHORITY_COMPROMISE": "CA compromise",
    "A_A_COMPROMISE": "AA compromise",
    "SHORT_LIVED_CERTIFICATE": "Short-lived certificates",
    "GENERAL_PURPOSE": "General purpose",
}
_LONG = 28  # characters that fit beside a label on a phone
_SEAMS = re.compile(r"(?<=[/:@,&?_])(?=.)|(?<=\w)(?=\.\w)|(?<=[0-9A-Fa-f]{8})(?=-[0-9A-Fa-f]{4}-)", re.ASCII)


def utc(moment: datetime) -> str:
    """A time for people."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def day(moment: datetime) -> str:
    """The day of a time, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d")


def iso(moment: datetime) -> str:
    """A time for programs."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(value: str) -> datetime:
    """Parse a time in ISO 8601."""
    return datetime.fromisoformat(value)


def relative(moment: datetime, now: datetime) -> str:
    """The distance of a time from now in one unit, rounded down: "in 5 days", "3 hours ago"."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < MINUTE:
        return "now"
    return f"in {distance(seconds)}" if seconds > 0 else f"{distance(-seconds)} ago"


def distance(seconds: float) -> str:
    """A length of time in one unit, rounded down: "5 days"."""
    size, name = next((size, name) for most, size, name in _UNITS if most is None or seconds < most)
    number = int(seconds // size)
    return f"{number} {name}{'' if number == 1 else 's'}"


def serial(digits: str) -> str:
    """A serial number of hex digits as AWS writes it: pairs of lower-case digits joined by colons."""
    try:
        return arns.serial_pairs(arns.parse_serial(digits))
    except ValueError:
        return digits


def word(name: str) -> str:
    """A word of the API, such as a status or a reason, in plain words."""
    return _WORDS.get(name, name.replace("_", " ").capitalize())


def breaking(value: str) -> Markup:
    """Text whose long words break only at separators: a host name at dots, an ARN at colons, hex at bytes."""
    words = printable(value).split(" ")
    return Markup(" ").join(word if len(word) <= _LONG else Markup("<wbr>").join(_SEAMS.split(word)) for word in words)
