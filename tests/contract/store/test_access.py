"""Access keys and sessions of the console in every store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.identities import AccessKey, ConsoleDraft
from chalicelib.store import ConflictError
from tests.support.store_records import ACCOUNT, at, session

if TYPE_CHECKING:
    from chalicelib.store.table_store import TableStore


def test_access_keys_are_kept_listed_by_age_and_removed(store: TableStore) -> None:
    keys = [
        AccessKey(
            access_key_id=f"AKIA{number}", account_id=ACCOUNT, sealed_secret=b"\x00s", created_at=at(hours=-number)
        )
        for number in range(3)
    ]
    for key in keys:
        store.put_access_key(key)
    assert store.get_access_key("AKIA1") == keys[1]
    assert store.list_access_keys() == keys[::-1]
    with pytest.raises(ConflictError):
        store.put_access_key(keys[0])
    for _ in range(2):
        store.delete_access_key("AKIA1")
    assert store.get_access_key("AKIA1") is None


def test_access_key_is_replaced_as_it_was_read(store: TableStore) -> None:
    key = AccessKey(access_key_id="AKIA1", account_id=ACCOUNT, sealed_secret=b"\x00s", created_at=at())
    store.put_access_key(key)
    new = replace(key, sealed_secret=b"\x00t")
    store.update_access_key(key, new)
    assert store.get_access_key("AKIA1") == new
    with pytest.raises(ConflictError):
        store.update_access_key(key, key)
    store.delete_access_key("AKIA1")
    with pytest.raises(ConflictError):
        store.update_access_key(new, new)


def test_session_is_kept_as_it_is_and_changed_by_one_alone(store: TableStore) -> None:
    kept = session(note="cas/x issued")
    store.put_session(kept)
    assert store.get_session(kept.id_sha256) == kept
    with pytest.raises(ConflictError):
        store.put_session(session())
    changed = store.update_session(kept, replace(kept, note=""))
    assert store.get_session(kept.id_sha256) == changed
    with pytest.raises(ConflictError):
        store.update_session(kept, kept)


def test_session_is_taken_once(store: TableStore) -> None:
    store.put_session(session())
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: store.take_session(session().id_sha256), range(8)))
    assert [each for each in taken if each is not None] == [session()]
    assert store.get_session(session().id_sha256) is None
    with pytest.raises(ConflictError):
        store.update_session(session(), session())


def test_session_is_due_a_day_after_it_ends(store: TableStore) -> None:
    store.put_session(session("a"))
    store.put_session(session("b", expires_at=at(minutes=1)))
    assert store.list_due("SESSION", now=at(hours=24, seconds=59), limit=9) == []
    assert store.list_due("SESSION", now=at(hours=24, minutes=1), limit=9) == ["b" * 64]
    assert store.list_due("SESSION", now=at(hours=32), limit=9) == ["b" * 64, "a" * 64]
    store.take_session("a" * 64)
    assert store.list_due("SESSION", now=at(hours=32), limit=9) == ["b" * 64]


def draft(draft_id: str, principal: str = "ops", **more: Any) -> ConsoleDraft:
    given: dict[str, Any] = {
        "content": {"subject": {"CommonName": "\u202e"}},
        "changed_at": at(),
        "expires_at": at(hours=24),
    } | more
    return ConsoleDraft(account_id=ACCOUNT, principal=principal, draft_id=draft_id, **given)


def test_draft_is_kept_as_it_is_and_changed_by_one_alone(store: TableStore) -> None:
    assert store.get_draft(ACCOUNT, "ops", "1") is None
    first = store.put_draft(draft("1"))
    assert store.get_draft(ACCOUNT, "ops", "1") == first == replace(draft("1"), version=1)
    second = store.put_draft(replace(first, content={}))
    for stale in (draft("1"), first):
        with pytest.raises(ConflictError):
            store.put_draft(stale)
    assert store.get_draft(ACCOUNT, "ops", "1") == second
    assert store.get_draft(ACCOUNT, "other", "1") is None
    store.delete_draft(first)  # it has changed meanwhile
    assert store.list_drafts(ACCOUNT, "ops") == [second]


def test_drafts_are_listed_by_their_last_change_and_expire(store: TableStore) -> None:
    late, early = draft("1", changed_at=at(minutes=1)), draft("2", expires_at=at(hours=1))
    for each in (late, early, draft("3", "other")):
        store.put_draft(each)
    assert [each.draft_id for each in store.list_drafts(ACCOUNT, "ops")] == ["2", "1"]
    (name,) = store.list_due("DRAFT", now=at(hours=1), limit=9)
    assert not store.expire_draft(name, now=at(minutes=59))
    assert store.expire_draft(name, now=at(hours=1))
    assert not store.expire_draft(name, now=at(hours=1))
    assert [each.draft_id for each in store.list_drafts(ACCOUNT, "ops")] == ["1"]


def test_use_of_a_key_is_noted_at_intervals_and_makes_no_key(store: TableStore) -> None:
    key, every = (
        AccessKey(access_key_id="AKIA1", account_id=ACCOUNT, sealed_secret=b"s", created_at=at()),
        timedelta(minutes=10),
    )
    store.put_access_key(key)
    for minutes, noted in ((0, 0), (9, 0), (10, 10), (99, 99), (89, 99), (12, 12)):  # the clock had run ahead
        store.note_access_key_use("AKIA1", now=at(minutes=minutes), every=every)
        assert store.get_access_key("AKIA1") == replace(key, last_used_at=at(minutes=noted))
    store.note_access_key_use("AKIA2", now=at(), every=every)
    assert store.get_access_key("AKIA2") is None
