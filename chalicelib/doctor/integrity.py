"""Checks of the database: a copy that was made while others wrote looks whole until its pages are compared.

A small database is checked at each start. A large one is checked where it has not been checked before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.backup.archive import table_of
from chalicelib.doctor.findings import Finding
from chalicelib.store import checked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.runtime import Runtime

SMALL_BYTES = 32 << 20  # checked in 0.1 s
_REMEDY = "restore a backup; a copy by cp is torn if the server was running"


def quick(rt: Runtime) -> Iterator[Finding]:
    """Check a small database, or a large one that was not yet checked where it is."""
    database = rt.settings.data_path / "signet.db"
    if database.exists() and (database.stat().st_size <= SMALL_BYTES or not checked.is_known(database)):
        yield from whole(rt)


def whole(rt: Runtime) -> Iterator[Finding]:
    """Compare all pages of the database."""
    database = rt.settings.data_path / "signet.db"
    if rt.settings.state != "sqlite" or not database.exists():
        return
    if damage := table_of(rt).damage():
        yield Finding(f"{database} is damaged: {damage}.", _REMEDY)
    else:
        checked.remember(database)
