"""The table in one SQLite file: durable when a write returns, safe for threads, processes and kill -9."""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chalicelib.store import StoreError, table
from chalicelib.store.table import ConditionFailedError, Delete, Item, Key, Put, Update
from chalicelib.store.table_store import TableStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.store.table import Index, Value, Write

_SCHEMA_VERSION = 1
_INDEXED = ("due_pk", "due_sk", "list_pk", "list_sk")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
  pk TEXT NOT NULL, sk TEXT NOT NULL, due_pk TEXT, due_sk TEXT, list_pk TEXT, list_sk TEXT, body TEXT NOT NULL,
  PRIMARY KEY (pk, sk)
);
CREATE INDEX IF NOT EXISTS due ON items (due_pk, due_sk) WHERE due_pk IS NOT NULL;
CREATE INDEX IF NOT EXISTS list ON items (list_pk, list_sk) WHERE list_pk IS NOT NULL;
"""


def open_store(path: Path, *, page: int = table.PAGE) -> TableStore:
    """The store in the file at `path`; the file is made when it is first used."""
    return TableStore(SqliteTable(path, page=page))


class SqliteTable:
    """One connection per thread; a write takes the file's write lock at its beginning."""

    def __init__(self, path: Path, *, page: int = table.PAGE) -> None:
        self._path, self._page, self._local = path, page, threading.local()

    def get(self, key: Key) -> Item | None:
        """Read an item."""
        with self._errors():
            return _read(self._connection(), key)

    def write(self, *writes: Write) -> None:
        """Do all writes or none."""
        with self._errors():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                _apply(connection, writes)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def query(self, pk: str, *, after: str = "", limit: int | None = None) -> Iterator[Item]:
        """Items of a partition, read in pages."""
        sql = "SELECT sk, body FROM items WHERE pk = ? AND sk > ? ORDER BY sk LIMIT ?"
        return self._pages(sql, pk, after, None, limit)

    def query_index(
        self, index: Index, pk: str, *, up_to: str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        """Items of an index partition, read in pages."""
        bound = f"AND {index}_sk <= ?" if up_to is not None else ""
        sql = (
            f"SELECT {index}_sk, body FROM items WHERE {index}_pk = ? AND {index}_sk > ? {bound} "  # noqa: S608  one of two literals
            f"ORDER BY {index}_sk LIMIT ?"
        )
        return self._pages(sql, pk, "", up_to, limit)

    def _pages(self, sql: str, pk: str, after: str, up_to: str | None, limit: int | None) -> Iterator[Item]:
        left = limit
        while left is None or left > 0:
            size = self._page if left is None else min(left, self._page)
            parameters = [pk, after, *([] if up_to is None else [up_to]), size]
            with self._errors():
                rows = self._connection().execute(sql, parameters).fetchall()
            for sort_key, body in rows:
                yield _decode(body)
                after = sort_key
            if len(rows) < size:
                return
            left = None if left is None else left - len(rows)

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._open()
        return connection

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.touch(mode=0o600, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _SCHEMA_VERSION:
            raise StoreError(f"{self._path} was written by a later release of Signet (schema {version}).")
        if version < _SCHEMA_VERSION:
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")
        return connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"The database {self._path} cannot be used: {error}.") from error


def _apply(connection: sqlite3.Connection, writes: tuple[Write, ...]) -> None:
    found = [_read(connection, write.key) for write in writes]
    failed = {
        position: item
        for position, (write, item) in enumerate(zip(writes, found, strict=True))
        if not table.holds(write.condition, item)
    }
    if failed:
        raise ConditionFailedError(failed)
    for write, item in zip(writes, found, strict=True):
        if isinstance(write, Put):
            _store(connection, write.item)
        elif isinstance(write, Update):
            _store(connection, write.apply(item or {"pk": write.key.pk, "sk": write.key.sk}))
        elif isinstance(write, Delete):
            connection.execute("DELETE FROM items WHERE pk = ? AND sk = ?", write.key)


def _read(connection: sqlite3.Connection, key: Key) -> Item | None:
    row = connection.execute("SELECT body FROM items WHERE pk = ? AND sk = ?", key).fetchone()
    return None if row is None else _decode(row[0])


def _store(connection: sqlite3.Connection, item: Item) -> None:
    columns = [item["pk"], item["sk"], *(item.get(name) for name in _INDEXED), _encode(item)]
    connection.execute(
        "INSERT INTO items (pk, sk, due_pk, due_sk, list_pk, list_sk, body) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (pk, sk) DO UPDATE SET due_pk = excluded.due_pk, due_sk = excluded.due_sk, "
        "list_pk = excluded.list_pk, list_sk = excluded.list_sk, body = excluded.body",
        columns,
    )


def _encode(item: Item) -> str:
    """JSON; bytes become base64 under a name that ends in a colon, which no attribute has."""
    plain: dict[str, Value] = {}
    for name, value in item.items():
        if isinstance(value, bytes):
            plain[name + ":"] = base64.b64encode(value).decode()
        else:
            plain[name] = value
    return json.dumps(plain, separators=(",", ":"))


def _decode(body: str) -> Item:
    item: Item = {}
    for name, value in json.loads(body).items():
        if name.endswith(":"):
            item[name[:-1]] = base64.b64decode(value)
        else:
            item[name] = value
    return item
