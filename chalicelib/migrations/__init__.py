"""Migrations bring the records of earlier versions to the schema of this one.

A migration of items is a module with a function `writes(item, read)`: the writes that one item needs, none for most.
`run` applies the migrations in order to all items, in transactions that also record how far it is. A run that was
killed goes on from there; an item that comes twice needs nothing the second time, or the same. `of_file` brings a
SQLite file to the newest schema; number 6 is a migration of the file alone.

The module of a migration never changes once a release has it. A new one gets the next number, raises
`chalicelib.store.table.SCHEMA` and `chalicelib.store.sqlite.FILE_SCHEMA`, and comes with a home of the schema before it
in `tests/data/versions`.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.migrations import (
    m0002_crl_arns,
    m0003_search_entries,
    m0004_keys_and_subjects,
    m0005_versions,
    m0006_packed_rows,
)
from chalicelib.store import RecordError, items
from chalicelib.store.sqlite import FILE_SCHEMA, SqliteTable
from chalicelib.store.table import SCHEMA, ConditionFailedError, Key, Put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from chalicelib.store.dynamodb import DynamoTable
    from chalicelib.store.table import Item, Write

    Table = SqliteTable | DynamoTable
    Read = Callable[[Key], Item | None]
    Progress = Callable[[str, int], None]

MIGRATIONS: dict[int, Callable[[Item, Read], Iterable[Write]]] = {
    2: m0002_crl_arns.writes,
    3: m0003_search_entries.writes,
    4: m0004_keys_and_subjects.writes,
    5: m0005_versions.writes,
}
MARKER = Key("SCHEMA", "SCHEMA")


class State(NamedTuple):
    """The schema that all items have, and the last item that the next migration has seen; None: it has not begun."""

    schema: int
    after: Key | None = None


def state_of(table: Table) -> State:
    """Read how far the migrations of a database are; DynamoDB's table has the marker alone, SQLite's file a number too.

    Raises:
        RecordError: a later version has migrated it.
    """
    marker = table.get(MARKER) or {}
    recorded = int(str(marker.get("schema", 1)))
    schema = max(recorded, table.schema) if isinstance(table, SqliteTable) else recorded
    if schema > newest(table):
        raise RecordError(
            f"The records are of schema {schema}, and this version of Signet reads schema {newest(table)}."
        )
    if "after_pk" not in marker or recorded != schema:
        return State(schema)
    return State(schema, Key(str(marker["after_pk"]), str(marker["after_sk"])))


def newest(table: Table) -> int:
    """The schema that this version writes to a table."""
    return FILE_SCHEMA if isinstance(table, SqliteTable) else SCHEMA


def of_file(
    path: Path,
    progress: Progress = lambda *_: None,
    begins: Callable[[int, m0006_packed_rows.Need], None] = lambda *_: None,
) -> int:
    """Bring a SQLite file to the newest schema, and return how many migrations that took.

    Args:
        path: the file; nobody uses it meanwhile.
        progress: as for `run`.
        begins: is told the number of items, and the space that the disk needs, if the file is written again.

    Raises:
        StoreError: somebody uses the file, or the disk has too little space; nothing has changed.
        RecordError: an item cannot be understood, or the file is of a later version.
    """
    before = m0006_packed_rows.schema_of(path)
    if before >= m0006_packed_rows.SCHEMA:
        with closing(SqliteTable(path, migrating=True)) as table:
            return run(table, progress)
    number = f"{m0006_packed_rows.SCHEMA:04d}"
    m0006_packed_rows.replace(
        path,
        lambda table: _complete(table, progress),
        begins=begins,
        progress=lambda rows: progress(number, rows),
    )
    return FILE_SCHEMA - before


def _complete(table: SqliteTable, progress: Progress) -> None:
    """Apply the migrations of items; one that was under way in the earlier file begins again: the order differs."""
    state = state_of(table)
    if state.after is not None:
        table.write(_marked(State(state.schema)))
    run(table, progress)


def run(table: Table, progress: Progress = lambda *_: None) -> int:
    """Apply the migrations that are missing, and return how many those were.

    Args:
        table: no earlier version of Signet writes to it meanwhile.
        progress: is told the number of the migration, and how many more items it has seen.

    Raises:
        RecordError: an item cannot be understood, or is of a later version.
    """
    before = state = state_of(table)
    while state.schema < SCHEMA:
        state = _migrate(table, state, progress)
    return state.schema - before.schema


def _migrate(table: Table, state: State, progress: Progress) -> State:
    """Apply the next migration to the items that it has not seen."""
    number = min(each for each in MIGRATIONS if each > state.schema)
    for page in table.scan(state.after):
        after = items.key_of(page[-1])
        writes = [write for item in page for write in MIGRATIONS[number](item, table.get)]
        for batch in _batches([*writes, _marked(State(state.schema, after))], table.MOST_WRITES):
            _write(table, batch)
        progress(f"{number:04d}", len(page))
    table.write(_marked(State(number)))
    if isinstance(table, SqliteTable):
        table.set_schema(number)
    return State(number)


def _marked(state: State) -> Put:
    position: dict[str, str] = {} if state.after is None else {"after_pk": state.after.pk, "after_sk": state.after.sk}
    return Put({"pk": MARKER.pk, "sk": MARKER.sk, "schema": state.schema, **position})


def _batches(writes: list[Write], most: int) -> Iterator[list[Write]]:
    """Divide writes into transactions; two that meet at one key are never in the same one."""
    batch: dict[Key, Write] = {}
    for write in writes:
        if write.key in batch or len(batch) == most:
            yield list(batch.values())
            batch = {}
        batch[write.key] = write
    yield list(batch.values())


def _write(table: Table, batch: list[Write]) -> None:
    """Make the writes whose conditions hold; the others are those of an item that has its new form already."""
    try:
        table.write(*batch)
    except ConditionFailedError:
        for write in batch:
            with suppress(ConditionFailedError):
                table.write(write)
