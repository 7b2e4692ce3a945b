"""Counts within a minute in every store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.store import items
from tests.support.store_records import at

if TYPE_CHECKING:
    from chalicelib.store.table_store import TableStore


def test_count_begins_again_after_a_minute(store: TableStore) -> None:
    assert store.count_in_window("a", 10, now=at()) == (at(), 10)
    assert store.count_in_window("a", 5, now=at(seconds=59)) == (at(), 15)
    assert store.count_in_window("b", 1, now=at(seconds=59)) == (at(seconds=59), 1)
    assert store.count_in_window("a", 3, now=at(seconds=60)) == (at(seconds=60), 3)


def test_count_of_a_clock_that_ran_ahead_begins_again(store: TableStore) -> None:
    store.count_in_window("a", 10, now=at(days=40))
    assert store.count_in_window("a", 3, now=at()) == (at(), 3)
    assert store.count_in_window("a", 3, now=at(seconds=-59)) == (at(), 6)  # the difference between two machines


def test_nothing_that_is_added_at_once_is_lost(store: TableStore) -> None:
    store.count_in_window("a", 1, now=at())
    with ThreadPoolExecutor(8) as pool:
        totals = [total for _, total in pool.map(lambda _: store.count_in_window("a", 2, now=at()), range(16))]
    assert max(totals) == 33


def test_count_is_removed_by_dynamodb_within_the_day(store: TableStore) -> None:
    store.count_in_window("a", 1, now=at())
    item = store.table.get(items.window_key("a")) or {}
    assert at() + timedelta(minutes=1) < items.moment(int(item["ttl"]) * 1_000_000) < at() + timedelta(days=1)
