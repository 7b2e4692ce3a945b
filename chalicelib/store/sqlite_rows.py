"""Rows of the SQLite file: its two tables, and how an item is read, written and deleted."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.store import sqlite_items, sqlite_keys, table
from chalicelib.store.table import ConditionFailedError, Delete, Put, Update

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.store.sqlite_keys import Packed
    from chalicelib.store.table import Item, Key, Write

# Small items that are many have their rows in the index of their keys itself (`WITHOUT ROWID`): entries of searches and
# counts, and tokens.
TABLES = ("items", "entries")
_IN_ENTRIES = ("FIND#", "COUNT#", "TOKEN#")
COLUMNS = f"pk, sk, {', '.join(sqlite_items.INDEXED)}, body"
CREATE_TABLES = """
CREATE TABLE IF NOT EXISTS items (
  pk NOT NULL, sk NOT NULL, due_pk TEXT, due_sk TEXT, list_pk, list_sk, body BLOB NOT NULL, PRIMARY KEY (pk, sk)
);
CREATE TABLE IF NOT EXISTS entries (
  pk NOT NULL, sk NOT NULL, due_pk TEXT, due_sk TEXT, list_pk, list_sk, body BLOB NOT NULL, PRIMARY KEY (pk, sk)
) WITHOUT ROWID;
"""
CREATE_INDEXES = """
CREATE INDEX IF NOT EXISTS due ON items (due_pk, due_sk) WHERE due_pk IS NOT NULL;
CREATE INDEX IF NOT EXISTS list ON items (list_pk, list_sk) WHERE list_pk IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_list ON entries (list_pk, list_sk) WHERE list_pk IS NOT NULL;
"""


_Change = tuple["Write", tuple["Packed", "Packed"], "Item | None"]  # with its packed key, and the item that it meets


class _Statements(NamedTuple):
    read: str
    store: dict[str, str]  # by the indexes that list the item
    replace: str
    delete: str


def _statements(name: str) -> _Statements:
    return _Statements(
        f"SELECT {', '.join(sqlite_items.INDEXED)}, body FROM {name} WHERE pk = ? AND sk = ?",  # noqa: S608  one of two literals
        {indexes: _store_statement(name, indexes.split()) for indexes in ("", "due", "list", "due list")},
        f"UPDATE {name} SET due_pk = ?, due_sk = ?, body = ? WHERE pk = ? AND sk = ?",  # noqa: S608  see above
        f"DELETE FROM {name} WHERE pk = ? AND sk = ?",  # noqa: S608  see above
    )


def _store_statement(name: str, indexes: Sequence[str]) -> str:
    """The statement that stores an item; it names no column that is empty, because each value takes time to bind."""
    columns = ["pk", "sk", *(f"{index}_{part}" for index in indexes for part in ("pk", "sk")), "body"]
    changed = ", ".join(f"{column} = excluded.{column}" for column in (*sqlite_items.INDEXED, "body"))
    return (
        f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "  # noqa: S608  see above
        f"ON CONFLICT (pk, sk) DO UPDATE SET {changed}"
    )


_STATEMENTS = {name: _statements(name) for name in TABLES}
# Without it, `sqlite3` looks for an adapter, and for a method `__conform__`, for each byte string that it binds.
sqlite3.register_adapter(bytes, bytes)


class Cursor(sqlite3.Cursor):
    """A cursor that counts the bytes of the items that it has stored."""

    stored = 0


def table_of(pk: str) -> str:
    """The table that has the items of a partition, or those that an index has in one of its partitions."""
    return "entries" if pk.startswith(_IN_ENTRIES) else "items"


def read(cursor: sqlite3.Cursor, key: Key) -> Item | None:
    """Read an item."""
    return _read(cursor, key, sqlite_keys.pack(*key))


def _read(cursor: sqlite3.Cursor, key: Key, packed: tuple[Packed, Packed]) -> Item | None:
    row = cursor.execute(_STATEMENTS[table_of(key.pk)].read, packed).fetchone()
    return None if row is None else sqlite_items.decode(*key, row[:-1], row[-1])


def item_of(row: tuple[Any, ...]) -> Item:
    """Return the item of a row with all columns."""
    return sqlite_items.decode(*sqlite_keys.unpack(*row[:2]), row[2:-1], row[-1])


def row_of(item: Item) -> tuple[Any, ...]:
    """Return the row of an item, with all columns."""
    key = sqlite_keys.pack(str(item["pk"]), str(item["sk"]))
    listed = sqlite_keys.pack(str(item["list_pk"]), str(item["list_sk"])) if "list_pk" in item else (None, None)
    return (*key, item.get("due_pk"), item.get("due_sk"), *listed, sqlite_items.encode(item))


def refusal(cursor: Cursor, writes: Sequence[Write]) -> ConditionFailedError | None:
    """Make the writes if all their conditions hold; else none."""
    failed: dict[int, Item | None] = {}
    changes: list[_Change] = []
    for position, write in enumerate(writes):
        item: Item | None = None
        key = write.key
        packed = sqlite_keys.pack(*key)
        if write.condition or isinstance(write, Update):
            item = _read(cursor, key, packed)
            if not table.holds(write.condition, item):
                failed[position] = item
        changes.append((write, packed, item))
    if failed:
        return ConditionFailedError(failed)
    for change in changes:
        _make(cursor, *change)
    return None


def _make(cursor: Cursor, write: Write, packed: tuple[Packed, Packed], item: Item | None) -> None:
    """Make a write; an update of `item`, if it is present, leaves the index `list` alone if its entry stays."""
    if isinstance(write, Put):
        _store(cursor, write.item, packed)
    elif isinstance(write, Update):
        pk, sk = write.key
        changed = write.apply(item or {"pk": pk, "sk": sk})
        if item is None or any(item.get(name) != changed.get(name) for name in ("list_pk", "list_sk")):
            _store(cursor, changed, packed)
        else:
            body = sqlite_items.encode(changed)
            cursor.stored += len(body)
            values = (changed.get("due_pk"), changed.get("due_sk"), body, *packed)
            cursor.execute(_STATEMENTS[table_of(pk)].replace, values)
    elif isinstance(write, Delete):
        cursor.execute(_STATEMENTS[table_of(write.key.pk)].delete, packed)


def _store(cursor: Cursor, item: Item, packed: tuple[Packed, Packed]) -> None:
    indexes, values, body = "", list[Any](packed), sqlite_items.encode(item)
    if "due_pk" in item:
        indexes = "due"
        values += (item["due_pk"], item["due_sk"])
    if "list_pk" in item:
        indexes += " list" if indexes else "list"
        values += sqlite_keys.pack(str(item["list_pk"]), str(item["list_sk"]))
    values.append(body)
    cursor.stored += len(body)
    cursor.execute(_STATEMENTS[table_of(str(item["pk"]))].store[indexes], values)
