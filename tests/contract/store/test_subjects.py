"""Who has a subject in an account: whoever took it first, for good."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from chalicelib.store.table import Put
    from chalicelib.store.table_store import TableStore


def test_subject_is_its_first_holders(store: TableStore) -> None:
    assert store.subject_holder("000000000000", "aa") is None
    assert store.take_subject("000000000000", "aa", "ca") == "ca"
    assert store.take_subject("000000000000", "aa", "subscriber") == "ca"
    assert store.take_subject("000000000000", "bb", "subscriber") == "subscriber"
    assert store.take_subject("111111111111", "aa", "subscriber") == "subscriber"
    assert [store.subject_holder("000000000000", each) for each in ("aa", "bb", "cc")] == ["ca", "subscriber", None]


def test_subject_that_is_taken_at_the_same_moment_has_one_holder(
    store: TableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = store.table.write

    def beaten(*writes: Put) -> None:
        write(*(replace(put, item={**put.item, "holder": "ca"}) for put in writes))
        write(*writes)

    monkeypatch.setattr(store.table, "write", beaten)
    assert store.take_subject("000000000000", "aa", "subscriber") == "ca"
