"""`signet migrate`: the records of an earlier version in the form that this one reads."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from chalicelib import data_directory, migrations, runtime
from chalicelib.cli.recorded import recording_it
from chalicelib.local import server
from chalicelib.store.sqlite import SqliteTable
from chalicelib.store.table import SCHEMA

if TYPE_CHECKING:
    from chalicelib.config import Settings


@click.command()
def migrate() -> None:
    """Bring the records of an earlier version to the form of this one, as `signet serve` does at its start.

    On AWS, run it after each deployment (SIGNET_STATE=dynamodb). A migration that was interrupted goes on.
    """
    applied: list[int] = []
    rt = runtime.from_env(prepare=lambda settings: applied.append(of_laptop(settings)))
    if rt.settings.state == "dynamodb":
        applied.append(_with_bar(rt.store.table.inner))  # type: ignore[attr-defined]  # the store over a table
    if any(applied):
        with recording_it(rt, "MigrateState", rt.settings.account_id, {"schema": str(SCHEMA)}):
            pass  # after the migration, because the record needs the state
    click.echo(f"The records are of schema {SCHEMA}: {sum(applied)} migrations were applied.")


def of_laptop(settings: Settings, *, is_locked: bool = False) -> int:
    """Migrate the database of the laptop home, if it is an earlier version's; nobody serves it meanwhile.

    Args:
        settings: of the home.
        is_locked: this process holds the server's lock of the data directory already.
    """
    if settings.state != "sqlite" or not data_directory.has_database(settings.data_path):
        return 0
    table = SqliteTable(settings.data_path / "signet.db", migrating=True)
    if table.schema == SCHEMA:
        return 0
    with nullcontext() if is_locked else server.locked(settings.data_path):
        return _with_bar(table)


def _with_bar(table: migrations.Table) -> int:
    """Migrate with a bar on a terminal, and a line for each migration elsewhere."""
    number = ""

    def show(migration: str, items: int) -> None:
        nonlocal number
        if migration != number and bar.hidden:
            click.echo(f"Migration {migration} of the records.", err=True)
        number, bar.label = migration, f"Migration {migration}"
        bar.update(items)

    length = table.size() * (SCHEMA - migrations.state_of(table).schema) if isinstance(table, SqliteTable) else None
    bar: Any
    with click.progressbar((), length=length, show_pos=True, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        return migrations.run(table, show)
