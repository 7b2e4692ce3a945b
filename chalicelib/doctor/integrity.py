"""Checks of the database: a copy that was made while others wrote looks whole until its pages are compared.

A small database is checked at each start. A large one is checked where it has not been checked before. That is noted in
`signet.db.checked`, by the inode of the database and the time; a copy of the note is younger than that time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import files
from chalicelib.backup.archive import table_of
from chalicelib.doctor.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.runtime import Runtime

SMALL_BYTES = 32 << 20  # checked in 0.1 s
_SAME_SECONDS = 5.0
_REMEDY = "restore a backup; a copy by cp is torn if the server was running"
_READ_BYTES = 4 << 20


def quick(rt: Runtime) -> Iterator[Finding]:
    """Check a small database, or a large one that was not yet checked where it is."""
    database = rt.settings.data_path / "signet.db"
    if database.exists() and (database.stat().st_size <= SMALL_BYTES or not _is_known(database)):
        yield from whole(rt)


def whole(rt: Runtime) -> Iterator[Finding]:
    """Compare all pages of the database."""
    database = rt.settings.data_path / "signet.db"
    if rt.settings.state != "sqlite" or not database.exists():
        return
    _read_ahead(database)
    damage = table_of(rt).damage()
    if damage:
        yield Finding(f"{database} is damaged: {damage}.", _REMEDY)
    elif not _is_known(database):
        _remember(database)


def _read_ahead(database: Path) -> None:
    """Read the file from its beginning to its end: the check reads its pages in another order, which disks dislike."""
    with database.open("rb") as file:
        while file.read(_READ_BYTES):
            pass


def _remember(database: Path) -> None:
    """Note the file and the time, by the clock of the file system."""
    note = _note_of(database)
    files.write_atomically(note, b"")
    files.write_atomically(note, f"{database.stat().st_ino} {note.stat().st_mtime}\n".encode())


def _is_known(database: Path) -> bool:
    """Tell whether this file was checked, and not one that it is a copy of."""
    try:
        note = _note_of(database)
        inode, checked_at = note.read_text("ascii").split()
        is_original = abs(note.stat().st_ctime - float(checked_at)) < _SAME_SECONDS
        return is_original and int(inode) == database.stat().st_ino
    except (OSError, ValueError):
        return False


def _note_of(database: Path) -> Path:
    return database.with_name(database.name + ".checked")
