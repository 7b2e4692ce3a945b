"""The table in one SQLite file: writes are durable when they return, and survive threads, processes and kill -9.

A write that does not wait for the disk survives kill -9 as well, and a power cut once a later write or `settle` has
returned: the log is one file, which is synced as a whole (ADR 15).
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import weakref
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import files
from chalicelib.store import RecordError, StoreError, sqlite_keys, sqlite_rows, table, wal_file, wal_mark, write_turn
from chalicelib.store.group_commit import GroupCommit
from chalicelib.store.journaled import JournaledTable
from chalicelib.store.sqlite_rows import COLUMNS, CREATE_INDEXES, CREATE_TABLES, TABLES, table_of
from chalicelib.store.sqlite_writer import Writer
from chalicelib.store.table import Item, Key
from chalicelib.store.table_store import TableStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from chalicelib.store.sqlite_keys import Packed
    from chalicelib.store.table import Index, Write

_MOST_PARTS = 64  # of a compound SELECT; SQLite allows 500
# The schema of a file: it counts on from that of its items, which is the schema of DynamoDB's table as well. Both the
# form of the items and that of the rows have got numbers from one sequence.
FILE_SCHEMA = 6
# Counts by span over all partitions; each reads one range of a covering index.
_COUNT = """
WITH partitions AS MATERIALIZED (SELECT packed(value) AS pk FROM json_each(?)),
spans (number, first, last) AS MATERIALIZED (VALUES {spans})
SELECT TOTAL((SELECT COUNT(*) FROM {table} WHERE {pk} = partitions.pk AND {sk} >= first AND {sk} < last))
FROM spans LEFT JOIN partitions GROUP BY number ORDER BY number
"""
_COUNT_TO = """
SELECT COUNT(*) FROM (
  SELECT 1 FROM (SELECT packed(value) AS pk FROM json_each(?)) AS partitions CROSS JOIN {table}
  ON {table}.{pk} = partitions.pk AND {table}.{sk} >= ? AND {table}.{sk} < ? LIMIT ?
)
"""
_packed = lru_cache(maxsize=1 << 15)(
    sqlite_keys.partition.__wrapped__
)  # within statements, which ask for the same ones again


class _Transaction(NamedTuple):
    writes: tuple[Write, ...]
    durable: bool


def open_store(path: Path, *, page: int = table.PAGE) -> TableStore:
    """Open the store in the file at `path`, which is created at its first use."""
    return TableStore(JournaledTable(SqliteTable(path, page=page)))


class SqliteTable:
    """A driver with one connection per thread that reads, and one that writes, which takes the file's lock first.

    SQLite polls for the file's lock, so nobody competes for it: threads share transactions, and processes take turns.
    """

    MOST_WRITES = 2000  # others of this process wait meanwhile
    MOST_PARTITIONS = 1600 * 16  # that one page reads

    def __init__(self, path: Path, *, page: int = table.PAGE, migrating: bool = False) -> None:
        self._path, self._page, self._migrating = path, page, migrating
        self._name = str(path)
        self._local = threading.local()
        self._writing = threading.Lock()
        self._commits: GroupCommit[_Transaction] = GroupCommit()  # holds no reference to this table
        self._writers: dict[int, Writer] = {}  # by process, because a child must not use its parent's
        self._marks: dict[int, wal_mark.WalMark] = {}
        self._turn = write_turn.WriteTurn(path)
        self._file: tuple[int, int] | None = None  # that all connections share: device and inode

    def get(self, key: Key) -> Item | None:
        """Read an item."""
        try:
            return sqlite_rows.read(self._connection().cursor(), key)
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read items one by one."""
        with self._errors():
            cursor = self._connection().cursor()
            return [sqlite_rows.read(cursor, key) for key in keys]

    def write(self, *writes: Write, durable: bool = True) -> None:
        """Make all writes or none."""
        try:
            self._commits.run(self._commit, _Transaction(writes, durable))
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def settle(self) -> None:
        """Wait until what was written is on the disk."""
        self.write()

    def _commit(self, transactions: Sequence[_Transaction]) -> Sequence[Exception | None]:
        """Make the writes of each transaction, or none if its conditions do not hold after those before it.

        If one of them is durable, all are, and so is what those that failed have read.
        """
        durable = any(transaction.durable for transaction in transactions)
        process = os.getpid()
        with self._writing:
            writer = self._writer(process)
            self._require_file()
            with self._turn as has_doubt:
                refusals, is_synced = self._committed(writer, transactions, durable=durable, has_doubt=has_doubt)
            if not is_synced:
                return refusals  # a mark beside a log that is not on the disk would mean lost writes
            try:
                self._marks[process].written()
            except OSError as error:  # not raised: what is committed must not be tried again
                return [error] * len(refusals)
            return refusals

    def _committed(
        self, writer: Writer, transactions: Sequence[_Transaction], *, durable: bool, has_doubt: bool
    ) -> tuple[Sequence[Exception | None], bool]:
        """Commit; returns the refusals, and whether the log is on the disk with what was written.

        Args:
            writer: the connection.
            transactions: to commit.
            durable: wait for the disk.
            has_doubt: a sync may have failed, and the disk lack what is read: the log is written again first.
        """
        connection, cursor = writer.connection, writer.cursor
        changes = connection.total_changes
        writer.begin(durable=durable)
        try:
            self._turn.begin()
            if has_doubt:
                wal_file.rewrite(self._path)
            refusals = [sqlite_rows.refusal(cursor, transaction.writes) for transaction in transactions]
            cursor.execute("COMMIT")
            is_logged = connection.total_changes != changes or (durable and wal_file.sync(self._path))
            self._turn.end()
        except BaseException:
            if connection.in_transaction:
                cursor.execute("ROLLBACK")
            raise
        if durable:
            writer.copy_log()
        return refusals, durable and is_logged

    def query(self, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None) -> Iterator[Item]:
        """Yield the items of a partition, read in pages."""
        return self._pages(None, pk, after, up_to, limit)

    def query_index(
        self, index: Index, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        """Yield the items of an index partition, read in pages."""
        return self._pages(index, pk, after, up_to, limit)

    def last(self, index: Index | None, pk: str, *, up_to: str | None = None, limit: int) -> Iterator[Item]:
        """Yield the last items of a partition, read in one page."""
        prefix, (partition, [bound]) = _prefix(index), _packed_span(pk, [up_to or ""])
        until = "" if up_to is None else f"AND {prefix}sk <= ?"
        sql = (
            f"SELECT {COLUMNS} FROM {table_of(pk)} WHERE {prefix}pk = ? {until} "  # noqa: S608  literals
            f"ORDER BY {prefix}sk DESC LIMIT ?"
        )
        parameters = [partition, *([] if up_to is None else [bound]), limit]
        with self._errors():
            rows = self._connection().execute(sql, parameters).fetchall()
        return map(sqlite_rows.item_of, rows)

    def keys(
        self, index: Index | None, pks: Sequence[str], first: str, last: str, *, backwards: bool = False, limit: int
    ) -> list[Key]:
        """List keys of an index without reading the items: of all partitions at once, unless they have too many."""
        if not pks:
            return []
        prefix, order, name = _prefix(index), "DESC" if backwards else "", table_of(pks[0])
        packed, span = _packed_span(pks[0], [first, last])
        between = f"{name}.{prefix}sk > ? AND {name}.{prefix}sk < ?"
        joined = (
            f"SELECT {name}.{prefix}pk, {name}.{prefix}sk FROM (SELECT packed(value) AS pk FROM json_each(?)) "  # noqa: S608  literals
            f"AS partitions CROSS JOIN {name} ON {name}.{prefix}pk = partitions.pk AND {between} LIMIT ?"
        )
        part = (
            f"SELECT * FROM (SELECT {prefix}pk, {prefix}sk FROM {name} "  # noqa: S608  see above
            f"WHERE {prefix}pk = ? AND {between} ORDER BY {prefix}sk {order} LIMIT ?)"
        )
        with self._errors():
            connection = self._connection()
            if len(pks) == 1:
                return [_key(row) for row in connection.execute(part, (packed, *span, limit))]
            rows = connection.execute(joined, (json.dumps(list(pks)), *span, limit + 1)).fetchall()
            if len(rows) > limit:  # unordered: the first keys of each partition include the first keys of all
                rows = []
                for begin in range(0, len(pks), _MOST_PARTS):
                    parts = pks[begin : begin + _MOST_PARTS]
                    values = [value for pk in parts for value in (_packed(pk), *span, limit)]
                    rows += connection.execute(" UNION ALL ".join([part] * len(parts)), values).fetchall()
        return table.in_order(map(_key, rows), backwards=backwards, limit=limit)

    def count(
        self, index: Index | None, pks: Sequence[str], edges: Sequence[str], *, most: int | None = None
    ) -> list[int]:
        """Count index entries without reading the items."""
        prefix, pk = _prefix(index), pks[0] if pks else ""
        names = {"pk": f"{prefix}pk", "sk": f"{prefix}sk", "table": table_of(pk)}
        partitions, spans = json.dumps(list(pks)), list(pairwise(_packed_span(pk, edges)[1]))
        with self._errors():
            connection = self._connection()
            if most is not None:
                sql = _COUNT_TO.format(**names)
                rows = [connection.execute(sql, (partitions, *span, most)).fetchone() for span in spans]
            else:
                sql = _COUNT.format(spans=", ".join(["(?, ?, ?)"] * len(spans)), **names)
                values = [value for number, span in enumerate(spans) for value in (number, *span)]
                rows = connection.execute(sql, (partitions, *values)).fetchall() if spans else []
        return [int(number) for (number,) in rows]

    def scan(self, after: Key | None = None) -> Iterator[list[Item]]:
        """Yield all items in pages, in the order of their keys."""
        position = sqlite_keys.pack(*(after or ("", "")))
        tables = TABLES[TABLES.index(table_of(after.pk)) :] if after else TABLES
        for name in tables:
            sql = f"SELECT {COLUMNS} FROM {name} WHERE (pk, sk) > (?, ?) ORDER BY pk, sk LIMIT ?"  # noqa: S608  see above
            while True:
                with self._errors():
                    rows = self._connection().execute(sql, (*position, self._page)).fetchall()
                if not rows:
                    break
                yield [sqlite_rows.item_of(row) for row in rows]
                position = rows[-1][:2]
            position = ("", "")

    @property
    def schema(self) -> int:
        """The schema of the database, which its records have at most."""
        with self._errors():
            return _schema_of(self._connection())

    def set_schema(self, schema: int) -> None:
        """Record that every record is of a schema."""
        with self._errors():
            self._connection().execute(f"PRAGMA user_version = {schema:d}")

    def damage(self) -> str:
        """Compare the pages of the database; returns the first difference, or nothing."""
        try:
            (row,) = self._connection().execute("PRAGMA integrity_check(1)").fetchall()
        except sqlite3.Error as error:
            return str(error)
        return "" if row == ("ok",) else str(row[0]).splitlines()[-1]

    def close(self) -> None:
        """Close the database; the next call opens it again. So does the end of the process."""
        with self._writing:
            self._local, self._file = threading.local(), None
            self._turn.close()
            writer, mark = self._writers.pop(os.getpid(), None), self._marks.pop(os.getpid(), None)
            if mark:
                mark.close()
            if writer and not (mark and mark.has(writer.connection)):
                writer.connection.close()  # an exception may refer to it yet

    def size(self) -> int:
        """Return the number of items."""
        with self._errors():
            sql = "SELECT (SELECT COUNT(*) FROM items) + (SELECT COUNT(*) FROM entries)"
            return int(self._connection().execute(sql).fetchone()[0])

    def copy_to(self, path: Path) -> None:
        """Write the database as of one moment to a new file; others may write meanwhile."""
        with self._errors():
            path.touch(mode=0o600)
            self._connection().execute("VACUUM INTO ?", (str(path),))

    def _pages(self, index: Index | None, pk: str, after: str, up_to: str | None, limit: int | None) -> Iterator[Item]:
        """Yield items by the key columns of an index, or of the table."""
        prefix = _prefix(index)
        partition, (behind, until) = _packed_span(pk, [after, up_to or ""])
        bound = f"AND {prefix}sk <= ?" if up_to is not None else ""
        sql = (
            f"SELECT {COLUMNS}, {prefix}sk FROM {table_of(pk)} WHERE {prefix}pk = ? AND {prefix}sk > ? {bound} "  # noqa: S608  see above
            f"ORDER BY {prefix}sk LIMIT ?"
        )
        left = limit
        while left is None or left > 0:
            size = self._page if left is None else min(left, self._page)
            parameters = [partition, behind, *([] if up_to is None else [until]), size]
            with self._errors():
                rows = self._connection().execute(sql, parameters).fetchall()
            for row in rows:
                yield sqlite_rows.item_of(row[:-1])
            if len(rows) < size:
                return
            behind = rows[-1][-1]
            left = None if left is None else left - len(rows)

    def _connection(self) -> sqlite3.Connection:
        connections: dict[Any, sqlite3.Connection] = self._local.__dict__
        process: Any = os.getpid()  # a forked child must not use its parent's connection
        connection = connections.get(process)
        if connection is None:
            connection = connections[process] = self._open()
        return connection

    def _writer(self, process: int) -> Writer:
        """The connection for the thread whose turn it is; it keeps what it has read as long as no other one writes."""
        writer = self._writers.get(process)
        if writer is None:
            writer = self._writers[process] = Writer(self._open())
        return writer

    def _open(self) -> sqlite3.Connection:
        files.make_directory(self._path.parent)
        with files.locked(wal_mark.lock_of(self._path)):  # SQLite does not queue changes to WAL
            self._require_file()
            wal_mark.check(self._path)
            self._path.touch(mode=0o600, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.create_function("packed", 1, _packed, deterministic=True)
            schema = _schema_of(connection)
            if not schema:
                connection.executescript(
                    f"BEGIN IMMEDIATE; {CREATE_TABLES} {CREATE_INDEXES} PRAGMA user_version = {FILE_SCHEMA}; COMMIT;"
                )
            elif schema > FILE_SCHEMA or (schema < FILE_SCHEMA and not self._migrating):
                connection.close()
                raise RecordError(_other_schema(self._path, schema))
            self._file = _identity(self._name)
            if os.getpid() not in self._marks:
                mark = self._marks[os.getpid()] = wal_mark.WalMark(self._path, connection)
                weakref.finalize(self, mark.close, wait=False)
        return connection

    def _require_file(self) -> None:
        """Refuse to go on if the file was replaced: writes to either file would be lost."""
        if self._file is not None and self._file != _identity(self._name):
            raise RecordError(f"{self._path} was deleted or replaced while Signet was using it: restart Signet.")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(f"The database {self._path} cannot be used: {error}.")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  before each commit
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _schema_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _other_schema(path: Path, schema: int) -> str:
    remedy = "run a later version" if schema > FILE_SCHEMA else "run `signet migrate`"
    return f"{path} is of schema {schema}, and this version of Signet reads schema {FILE_SCHEMA}: {remedy}."


def _prefix(index: Index | None) -> str:
    """What the names of the key columns of an index begin with."""
    return f"{index}_" if index else ""


def _packed_span(pk: str, sks: Sequence[str]) -> tuple[Packed, list[Packed]]:
    """A partition, and what compares with its packed sort keys as the given texts do with the sort keys."""
    packed = sqlite_keys.partition(pk)
    return packed, sqlite_keys.bounds(packed, sks)


def _key(row: tuple[Packed, Packed]) -> Key:
    return Key(*sqlite_keys.unpack(*row))
