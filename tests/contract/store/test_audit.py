"""Audit records, heads and the key that signs them (`chalicelib.store.audit_records.AuditRecords`)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from chalicelib.home_records import AuditHead
from chalicelib.store import ConflictError
from tests.support.builders import START

if TYPE_CHECKING:
    from chalicelib.store.table_store import TableStore

ONE, TWO = "00000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"
OWNER, OTHER = "000000000000", "111122223333"
YEAR = timedelta(days=366)


def head(sequence: int, chain: str = ONE) -> AuditHead:
    return AuditHead(chain=chain, sequence=sequence, sha256=f"{sequence:064d}", signature="s", expires_at=START + YEAR)


def append(store: TableStore, sequence: int, at: datetime = START, *accounts: str, chain: str = ONE) -> None:
    store.append_audit_record(
        f"{chain} {sequence}".encode(), head(sequence, chain), accounts or (OWNER,), now=at, expires_at=at + YEAR
    )


def newest(store: TableStore, account_id: str = OWNER, before: str = "") -> list[tuple[str, bytes]]:
    return list(store.newest_audit_records(account_id, before=before, now=START + YEAR, back=YEAR))


def test_first_key_stays(store: TableStore) -> None:
    assert store.get_signing_key("audit") is None
    store.put_signing_key("audit", b"sealed", b"public")
    with pytest.raises(ConflictError):
        store.put_signing_key("audit", b"another", b"other")
    assert store.get_signing_key("audit") == b"sealed"
    assert store.get_public_key("audit") == b"public"
    assert store.get_public_key("journal") is None


def test_head_only_grows(store: TableStore) -> None:
    for sequence in (5, 3, 5, 7):
        store.put_audit_head(head(sequence))
    store.put_audit_head(head(1, TWO))
    assert store.list_audit_heads() == [head(7), head(1, TWO)]


def test_chain_takes_its_next_record_alone(store: TableStore) -> None:
    append(store, 1)
    append(store, 2)
    for wrong in (1, 2, 4):
        with pytest.raises(ConflictError):
            append(store, wrong)
    append(store, 3)
    assert list(store.audit_chain(ONE)) == [(number, f"{ONE} {number}".encode()) for number in (1, 2, 3)]
    assert store.list_audit_heads() == [head(3)]


def test_accounts_list_their_records_newest_first_over_months_and_chains(store: TableStore) -> None:
    moments = [START + timedelta(days=20 * number, seconds=number) for number in range(6)]
    for number, at in enumerate(moments, start=1):
        append(store, number, at, OWNER, *([OTHER] if number == 4 else []))
        append(store, number, at, OTHER, chain=TWO)
    found = newest(store)
    assert [line for _, line in found] == [f"{ONE} {number}".encode() for number in range(6, 0, -1)]
    assert len(newest(store, OTHER)) == 7
    assert newest(store, "222222222222") == []
    for number, (position, line) in enumerate(found, start=1):
        assert newest(store, before=position) == found[number:]
        assert store.get_audit_record(position) == line
    assert [number for number, _ in store.audit_chain(ONE)] == [1, 2, 3, 4, 5, 6]


def test_many_records_are_read_in_pages(store: TableStore) -> None:
    for number in range(1, 231):
        append(store, number, START)
    found = [line for _, line in newest(store)]
    assert found == [f"{ONE} {number}".encode() for number in range(230, 0, -1)]


def test_what_is_no_position_is_refused(store: TableStore) -> None:
    append(store, 1)
    for position in ("x", "../x", f"{0:020d}.{ONE}.1", f"{0:020d}#{ONE}#{1:012d}"):
        assert store.get_audit_record(position) is None
        with pytest.raises(ValueError, match=r"^(x|\.\./x|0{20}.*)$"):
            newest(store, before=position)
