"""Rows of the SQLite file: its two tables, and how an item is read, written and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.store import sqlite_items, sqlite_keys, table
from chalicelib.store.table import ConditionFailedError, Delete, Key, Put, Update

if TYPE_CHECKING:
    import sqlite3

    from chalicelib.store.table import Item, Write

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


class _Statements(NamedTuple):
    read: str
    store: str
    replace: str
    delete: str


def _statements(name: str) -> _Statements:
    changed = ", ".join(f"{column} = excluded.{column}" for column in (*sqlite_items.INDEXED, "body"))
    return _Statements(
        f"SELECT {', '.join(sqlite_items.INDEXED)}, body FROM {name} WHERE pk = ? AND sk = ?",  # noqa: S608  one of two literals
        f"INSERT INTO {name} ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (pk, sk) DO UPDATE SET {changed}",  # noqa: S608  see above
        f"UPDATE {name} SET due_pk = ?, due_sk = ?, body = ? WHERE pk = ? AND sk = ?",  # noqa: S608  see above
        f"DELETE FROM {name} WHERE pk = ? AND sk = ?",  # noqa: S608  see above
    )


_STATEMENTS = {name: _statements(name) for name in TABLES}


def table_of(pk: str) -> str:
    """The table that has the items of a partition, or those that an index has in one of its partitions."""
    return "entries" if pk.startswith(_IN_ENTRIES) else "items"


def read(connection: sqlite3.Connection, key: Key) -> Item | None:
    """Read an item."""
    sql = _STATEMENTS[table_of(key.pk)].read
    row = connection.execute(sql, sqlite_keys.pack(*key)).fetchone()
    return None if row is None else sqlite_items.decode(*key, row[:-1], row[-1])


def item_of(row: tuple[Any, ...]) -> Item:
    """Return the item of a row with all columns."""
    return sqlite_items.decode(*sqlite_keys.unpack(*row[:2]), row[2:-1], row[-1])


def row_of(item: Item) -> tuple[Any, ...]:
    """Return the row of an item, with all columns."""
    key = sqlite_keys.pack(str(item["pk"]), str(item["sk"]))
    listed = sqlite_keys.pack(str(item["list_pk"]), str(item["list_sk"])) if "list_pk" in item else (None, None)
    return (*key, item.get("due_pk"), item.get("due_sk"), *listed, sqlite_items.encode(item))


def refusal(connection: sqlite3.Connection, writes: tuple[Write, ...]) -> ConditionFailedError | None:
    """Make the writes if all their conditions hold; else none."""
    items = [read(connection, write.key) if _needs_item(write) else None for write in writes]
    failed = {
        position: item
        for position, (write, item) in enumerate(zip(writes, items, strict=True))
        if not table.holds(write.condition, item)
    }
    if failed:
        return ConditionFailedError(failed)
    for write, item in zip(writes, items, strict=True):
        if isinstance(write, Put):
            _store(connection, write.item)
        elif isinstance(write, Update):
            _update(connection, write, item)
        elif isinstance(write, Delete):
            connection.execute(_STATEMENTS[table_of(write.key.pk)].delete, sqlite_keys.pack(*write.key))
    return None


def _needs_item(write: Write) -> bool:
    return bool(write.condition) or isinstance(write, Update)


def _store(connection: sqlite3.Connection, item: Item) -> None:
    connection.execute(_STATEMENTS[table_of(str(item["pk"]))].store, row_of(item))


def _update(connection: sqlite3.Connection, write: Update, item: Item | None) -> None:
    """Change an item that is present, or make it; the index `list` is left alone if its entry stays."""
    changed = write.apply(item or {"pk": write.key.pk, "sk": write.key.sk})
    if item is None or any(item.get(name) != changed.get(name) for name in ("list_pk", "list_sk")):
        _store(connection, changed)
        return
    values = (changed.get("due_pk"), changed.get("due_sk"), sqlite_items.encode(changed))
    connection.execute(_STATEMENTS[table_of(write.key.pk)].replace, (*values, *sqlite_keys.pack(*write.key)))
