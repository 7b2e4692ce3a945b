"""Part of the store port: what is known about the clock, and whether the store can be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.home_records import ClockMark


class ClockRecords(Protocol):
    """The time; `ConflictError` is `chalicelib.store.ConflictError`."""

    def probe(self, *, now: datetime) -> None:
        """Write the time, to see that the state can be written; raises `StoreError` if it cannot."""
        ...

    def get_clock_mark(self) -> ClockMark | None:
        """Return what is on record about the clock, or None."""
        ...

    def put_clock_mark(self, mark: ClockMark) -> ClockMark:
        """Replace the record of version `mark.version` (0: there is none); return it with its version incremented.

        Raises:
            ConflictError: it is no longer at that version.
        """
        ...
