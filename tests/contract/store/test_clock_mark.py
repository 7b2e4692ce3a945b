"""The mark of the clock in every store: one record, replaced by whoever has read it last."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.home_records import ClockMark
from chalicelib.store import ConflictError
from tests.support.builders import START
from tests.support.store_records import at

if TYPE_CHECKING:
    from chalicelib.store.table_store import TableStore


def test_mark_is_replaced_only_by_whoever_read_it_last(store: TableStore) -> None:
    assert store.get_clock_mark() is None
    first = store.put_clock_mark(ClockMark(newest_at=START))
    wanted = ClockMark(
        newest_at=at(days=40),
        settled_at=START,
        jumped_from=START,
        jumped_to=at(days=40),
        undecided=("crls", "reports"),
        version=first.version,
    )
    second = store.put_clock_mark(wanted)
    assert second == replace(wanted, version=first.version + 1)
    assert store.get_clock_mark() == second
    for stale in (ClockMark(newest_at=START), first):
        with pytest.raises(ConflictError):
            store.put_clock_mark(stale)
    assert store.get_clock_mark() == second
