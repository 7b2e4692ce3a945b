"""The mark of the clock in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from dataclasses import replace

from chalicelib.home_records import ClockMark
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, ConditionFailedError, Put
from chalicelib.store.table_base import Base, version_is


class Clock(Base):
    """One item: what is known about the clock."""

    def get_clock_mark(self) -> ClockMark | None:
        item = self.table.get(items.clock_key())
        return None if item is None else items.from_item(ClockMark, item)

    def put_clock_mark(self, mark: ClockMark) -> ClockMark:
        new = replace(mark, version=mark.version + 1)
        unchanged = version_is(mark.version) if mark.version else ABSENT
        try:
            self.table.write(Put(items.to_item(new, items.clock_key()), unchanged))
        except ConditionFailedError as error:
            raise ConflictError("Another process has recorded the time.") from error
        return new
