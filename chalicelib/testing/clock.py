"""The clock of a test: the machine's, moved ahead by the test."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from chalicelib.runtime import system_clock

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PART = re.compile(r"([0-9]{1,6})([wdhms])", re.ASCII)


class Clock:
    """The machine's time and what has been added to it; libraries that freeze the machine's time freeze this one."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Return the time."""
        return system_clock() + self.ahead

    def move_to(self, moment: datetime) -> None:
        """Move ahead; the clock never goes back."""
        self.ahead = max(self.ahead, moment - system_clock())


def duration(text: str | timedelta) -> timedelta:
    """Read a duration such as "4d" or "1h30m"; the units are w, d, h, m and s.

    Raises:
        ValueError: it is none, or negative.
    """
    if isinstance(text, timedelta):
        found = text
    else:
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"'{text}' is no duration: write 4d, 90m or 1h30m.")
        found = timedelta(**{_UNITS[unit]: int(number) for number, unit in parts})
    if found < timedelta(0):
        raise ValueError("A test's clock cannot go back; reset begins anew.")
    return found
