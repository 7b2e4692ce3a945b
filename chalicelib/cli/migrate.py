"""`signet migrate`: the records of an earlier version in the form that this one reads."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from chalicelib import data_directory, migrations, runtime
from chalicelib.cli.recorded import recording_it
from chalicelib.migrations import m0006_packed_rows
from chalicelib.store.sqlite import FILE_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from chalicelib.config import Settings
    from chalicelib.migrations.m0006_packed_rows import Need

    Begins = Callable[[int, Need], None]


@click.command()
def migrate() -> None:
    """Bring the records of an earlier version to the form of this one, as `signet serve` does at its start.

    On AWS, run it after each deployment (SIGNET_STATE=dynamodb). A migration that was interrupted goes on.
    """
    applied: list[int] = []
    rt = runtime.from_env(prepare=lambda settings: applied.append(of_laptop(settings)))
    table = rt.store.table.inner  # type: ignore[attr-defined]  # the store over a table
    if rt.settings.state == "dynamodb":
        with _bar() as (progress, _):
            applied.append(migrations.run(table, progress))
    schema = migrations.newest(table)
    if any(applied):
        with recording_it(rt, "MigrateState", rt.settings.account_id, {"schema": str(schema)}):
            pass  # after the migration, because the record needs the state
    click.echo(f"The records are of schema {schema}: {sum(applied)} migrations were applied.")


def _lock(settings: Settings) -> AbstractContextManager[object]:
    from chalicelib.local import server  # only an old database is locked

    return server.locked(settings.data_path)


def of_laptop(settings: Settings, *, is_locked: bool = False) -> int:
    """Migrate the database of the laptop home, if it is an earlier version's; nobody serves it meanwhile.

    Args:
        settings: of the home.
        is_locked: this process holds the server's lock of the data directory already.
    """
    if settings.state != "sqlite" or not data_directory.has_database(settings.data_path):
        return 0
    database = settings.data_path / "signet.db"
    if m0006_packed_rows.schema_of(database) == FILE_SCHEMA:
        return 0
    lock = nullcontext() if is_locked else _lock(settings)
    with lock, _bar() as (progress, begins):
        return migrations.of_file(database, progress, begins)


@contextmanager
def _bar() -> Iterator[tuple[migrations.Progress, Begins]]:
    """A bar on a terminal, and a line for each migration elsewhere."""
    number = ""

    def show(migration: str, items: int) -> None:
        nonlocal number
        if migration != number and bar.hidden:
            click.echo(f"Migration {migration} of the records.", err=True)
        number, bar.label = migration, f"Migration {migration}"
        bar.update(items)

    def begins(items: int, need: Need) -> None:
        most, free = (-(-size // 10**6) for size in need)
        text = f"{items:,} rows are written to a new file; that needs up to {most:,} MB, and {free:,} MB are free."
        click.echo(text, err=True)
        bar.length = items

    bar: Any
    with click.progressbar((), show_pos=True, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield show, begins
