"""A note beside the database, `signet.db.checked`: this file was whole, and it is not a copy of the one that was.

It has the inode of the database and the time. The inode of a copy differs, or its note is younger than the time.

Nothing here opens the database: closing it would end the locks that SQLite has in this process (SQLite, "How To Corrupt
An SQLite Database File", section 2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import files

if TYPE_CHECKING:
    from pathlib import Path

_SAME_SECONDS = 5.0


def remember(database: Path) -> None:
    """Note that a database is whole; the time is that of the file system."""
    if not is_known(database):
        note = _note_of(database)
        files.write_atomically(note, b"")
        files.write_atomically(note, f"{database.stat().st_ino} {note.stat().st_mtime}\n".encode())


def is_known(database: Path) -> bool:
    """Tell whether this file was whole when somebody looked."""
    try:
        note = _note_of(database)
        inode, checked_at = note.read_text("ascii").split()
        is_original = abs(note.stat().st_ctime - float(checked_at)) < _SAME_SECONDS
        return is_original and int(inode) == database.stat().st_ino
    except (OSError, ValueError):
        return False


def _note_of(database: Path) -> Path:
    return database.with_name(database.name + ".checked")
