"""Counts of a minute in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.store import WINDOW, ConflictError, items
from chalicelib.store.table import ABSENT, Clause, ConditionFailedError, Item, Put, Update
from chalicelib.store.table_base import Base

if TYPE_CHECKING:
    from datetime import datetime

_KEPT_SECONDS = 3600


class Windows(Base):
    """How often something happened within a minute."""

    def count_in_window(self, name: str, times: int, *, now: datetime) -> tuple[datetime, int]:
        key, before, after = items.window_key(name), items.micros(now - WINDOW), items.micros(now + WINDOW)
        ttl = int(now.timestamp()) + _KEPT_SECONDS
        first: Item = {"pk": key.pk, "sk": key.sk, "began_at": items.micros(now), "times": times, "ttl": ttl}
        lasts = (
            Clause("began_at", ">", before),
            Clause("began_at", "<=", after),
        )  # a clock that ran ahead began others
        add = Update(key, (lasts,), added={"times": times})
        begin = Put(first, (*ABSENT, (Clause("began_at", "<=", before),), (Clause("began_at", ">", after),)))
        for write in (add, begin, add):  # the last one if another process has just begun
            try:
                self.table.write(write)
            except ConditionFailedError:
                continue
            item = first if write is begin else self.table.get(key) or first
            return items.moment(int(item["began_at"])), int(item["times"])
        raise ConflictError("The window ended while it was being counted.")
