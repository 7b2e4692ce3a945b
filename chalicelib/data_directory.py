"""The directory of the laptop home: the reasons not to use it, such as files that others can write, or lost files."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_FILES = (
    "signet.db",
    "signet.db-wal",
    "signet.db-shm",
    "signet.db.lock",
    "signet.db.open",
    "server.lock",
    "ocsp.log",
    "signet.log",
)
_KEYS = ("keys", "keys/lock", "keys/wrapping.key", "keys/passphrase.check")


def problem_of(data: Path) -> str:
    """Say why a directory is not to be used, in one sentence; empty if it is fine or not there yet."""
    if not data.is_dir():
        return f"{data} is no directory." if data.exists() else ""
    for path in (data, *(data / name for name in (*_FILES, *_KEYS))):
        if path != data and path.is_symlink():
            return f"{path} is a symbolic link: put the file itself there, or the whole directory elsewhere."
        if not path.exists():
            continue
        status = path.stat()
        if status.st_mode & _OF_OTHERS:
            return f"{path} can be written by others: run chmod go-w {path}."
        if os.geteuid() not in {0, status.st_uid} and status.st_uid != 0:
            return f"{path} belongs to another user."
        # SQLite would make files beside a read-only database, and these would stay read-only.
        if path.name in _FILES and not status.st_mode & stat.S_IWUSR:
            return f"{path} is read-only: run chmod u+w {path}."
    return ""


def has_database(data: Path) -> bool:
    """Tell whether a directory has a database; an empty file does not count."""
    database = data / "signet.db"
    return database.exists() and bool(database.stat().st_size)


def loss_of(data: Path, holds_secrets: Callable[[], bool]) -> str:
    """Say which part of a used home is lost, in one sentence; empty if none is.

    Starting without it would make an empty home with new keys beside the CAs' own, and nobody would be told.

    Args:
        data: the directory.
        holds_secrets: tells whether the database has secrets that the wrapping key sealed.
    """
    database, keys = data / "signet.db", data / "keys"
    ca_keys = next(keys.glob("*.key"), None) if keys.is_dir() else None
    sealed = [path for path in (keys / "wrapping.key", keys / "passphrase.check") if path.exists()]
    crl = next((data / "buckets").glob("*/crl/*.crl"), None)
    remedy = f"restore {data} from a backup, or move it away to begin with an empty home"
    if not has_database(data):
        remains = next(iter([*sealed, *filter(None, (ca_keys, crl))]), None)
        return f"{database} is lost, but {remains} is there: {remedy}." if remains else ""
    if not sealed and (ca_keys or holds_secrets()):
        return f"{keys / 'wrapping.key'} is lost, and no secret opens without it: {remedy}."
    return ""
