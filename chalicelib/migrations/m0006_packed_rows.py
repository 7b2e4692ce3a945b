"""A SQLite file has packed rows: keys as bytes, small items in the index of their keys, certificates compressed.

The items are as before, so DynamoDB needs nothing. They are copied to a new file in a directory beside the database,
which then gets the database's name. Until then the database is as it was: whoever goes back to the earlier version only
removes that directory. A copy that was killed goes on from its last transaction, unless the database has been written
since.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import files
from chalicelib.store import StoreError, sqlite_rows, wal_mark
from chalicelib.store.sqlite import SqliteTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCHEMA = 6
DIRECTORY = ".signet-migrating"
BATCH = 5_000  # rows in a transaction: a few megabytes
WAIT_SECONDS = 5  # for others who use the file
_CACHE_KIBIBYTES = 64 << 10
# How far the copy is, and what it is a copy of.
_STARTED = "CREATE TABLE copied (source TEXT, pk, sk, number INTEGER)"
_ROWS = f"SELECT {sqlite_rows.COLUMNS} FROM items WHERE (pk, sk) > (?, ?) ORDER BY pk, sk"  # noqa: S608  literals


class Need(NamedTuple):
    """The bytes that the copy needs at most, and those that are free."""

    at_most: int
    free: int


def schema_of(path: Path) -> int:
    """The schema of a file, which stays as it is, and its log too."""
    with _errors(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def replace(
    path: Path,
    complete: Callable[[SqliteTable], None],
    *,
    begins: Callable[[int, Need], None] = lambda *_: None,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Copy a file of an earlier schema into packed rows, complete the copy, and put it into the file's place.

    Args:
        path: the file.
        complete: brings the items of the copy to the newest schema.
        begins: is told the number of rows, and the space that they need, before anything is written.
        progress: is told how many more rows have been copied.

    Raises:
        StoreError: somebody uses the file, or the disk has too little space; nothing has changed.
    """
    made = path.parent / DIRECTORY
    for database in (path, made / path.name):
        _close_left(database)
    with _errors(path), _alone(path) as source:
        identity = _identity(path)
        if made.exists() and not _is_copy_of(made / path.name, identity):
            shutil.rmtree(made)
        _require_space(source, path, made, begins)
        files.make_directory(made)
        _copy(source, made / path.name, identity, progress)
        with closing(SqliteTable(made / path.name, migrating=True)) as table:
            complete(table)
            table.set_schema(SCHEMA)
        _settle(made / path.name)
        with files.locked(wal_mark.lock_of(path)):  # whoever is opening the file gives up, or gets the new one
            (made / path.name).replace(path)
            files.sync_directory(path.parent)
    shutil.rmtree(made)


def _close_left(database: Path) -> None:
    """Copy the log that a killed process left into its database."""
    if wal_mark.is_marked(database):
        left = SqliteTable(database, migrating=True)
        left.settle()
        left.close()


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"The database {path} cannot be migrated: {error}.") from error


@contextmanager
def _alone(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that nobody else uses, without a log beside it; nobody can use it meanwhile."""
    with closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
        with files.locked(wal_mark.lock_of(path)):
            wal_mark.check(path)
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        yield connection


def _identity(path: Path) -> str:
    """What differs once anybody has written to the file: each program changes its header when it opens it."""
    found = path.stat()
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _is_copy_of(target: Path, identity: str) -> bool:
    try:
        with closing(sqlite3.connect(target)) as connection:
            return bool(connection.execute("SELECT source FROM copied").fetchone() == (identity,))
    except sqlite3.Error:
        return False


def _require_space(source: sqlite3.Connection, path: Path, made: Path, begins: Callable[[int, Need], None]) -> None:
    pages, free, size = (
        source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    written = sum(each.stat().st_size for each in made.glob("*")) if made.exists() else 0
    need = Need(max((pages - free) * size - written, 0), shutil.disk_usage(path.parent).free)
    if need.free < need.at_most:
        raise StoreError(
            f"To migrate {path}, up to {_megabytes(need.at_most)} MB are needed in {path.parent}, and "
            f"{_megabytes(need.free)} MB are free."
        )
    begins(source.execute("SELECT COUNT(*) FROM items").fetchone()[0], need)


def _megabytes(size: int) -> str:
    return f"{-(-size // 10**6):,}"


def _copy(source: sqlite3.Connection, path: Path, identity: str, progress: Callable[[int], None]) -> None:
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as target:
        target.execute("PRAGMA journal_mode = WAL")
        target.execute("PRAGMA synchronous = NORMAL")  # a power cut may undo transactions, and breaks none
        target.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
        if not target.execute("PRAGMA user_version").fetchone()[0]:
            (schema,) = source.execute("PRAGMA user_version").fetchone()
            target.executescript(f"BEGIN; {sqlite_rows.CREATE_TABLES} {_STARTED}; PRAGMA user_version = {schema:d};")
            target.execute("INSERT INTO copied VALUES (?, '', '', 0)", (identity,))
            target.execute("COMMIT")
        *position, number = target.execute("SELECT pk, sk, number FROM copied").fetchone()
        progress(number)
        with closing(source.execute(_ROWS, position)) as rows:
            while batch := rows.fetchmany(BATCH):
                _insert(target, batch)
                progress(len(batch))
        target.executescript(f"BEGIN; {sqlite_rows.CREATE_INDEXES} COMMIT;")


def _insert(target: sqlite3.Connection, batch: list[tuple[Any, ...]]) -> None:
    """Write rows, and how far the copy is, in one transaction."""
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in sqlite_rows.TABLES}
    for row in batch:
        rows[sqlite_rows.table_of(row[0])].append(sqlite_rows.row_of(sqlite_rows.item_of(row)))
    target.execute("BEGIN")
    for name, packed in rows.items():
        target.executemany(f"INSERT INTO {name} ({sqlite_rows.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", packed)  # noqa: S608  one of two literals
    target.execute("UPDATE copied SET pk = ?, sk = ?, number = number + ?", (*batch[-1][:2], len(batch)))
    target.execute("COMMIT")


def _settle(path: Path) -> None:
    """Put all of the copy into its file, and that on the disk."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE copied")
        connection.execute("PRAGMA journal_mode = DELETE")
    with path.open("rb") as file:
        files.sync(file)
