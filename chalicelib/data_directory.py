"""The directory of the laptop home: where it is, and the reasons not to use it, such as files that others can write."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_FILES = (
    "signet.db",
    "signet.db-wal",
    "signet.db-shm",
    "signet.db.lock",
    "signet.db.open",
    "signet.db.queue",
    "signet.db.turn",
    "server.lock",
    "ocsp.log",
    "signet.log",
)
_KEYS = ("keys", "keys/lock", "keys/wrapping.key", "keys/passphrase.check")
NAME = ".signet"
_PARTS = ("signet.db", "keys", "buckets", "journal", "audit")


def is_home(data: Path) -> bool:
    """Tell whether a directory has any part of a home: one whose database is lost is a home, too."""
    return any((data / part).exists() for part in _PARTS)


def above(start: Path) -> Path | None:
    """Find a home as git finds its repository: `.signet` in a directory or, if it has none, in the nearest above it."""
    return next((each / NAME for each in (start, *start.parents) if is_home(each / NAME)), None)


def of_user(environ: Mapping[str, str], platform: str) -> Path:
    """Return where a user's home is by the rule of the platform, as `sys.platform` names it; it need not exist."""
    if platform == "darwin":
        return Path.home() / "Library/Application Support/signet"
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "signet"
    base = Path(environ.get("XDG_DATA_HOME") or "")  # the XDG specification ignores a relative path
    return (base if base.is_absolute() else Path.home() / ".local/share") / "signet"


def problem_of(data: Path, *, is_named: bool) -> str:
    """Say why a directory is not to be used, in one sentence; empty if it is fine or not there yet.

    Args:
        data: the directory.
        is_named: somebody chose it. Root may choose what belongs to others; what it only finds has to be its own,
            because others can write above its working directory.
    """
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
        if status.st_uid not in {0, os.geteuid()} and not (is_named and os.geteuid() == 0):
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
