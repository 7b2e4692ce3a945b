"""The directory of the laptop home: what in it would let another user of the machine read or replace state or keys."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_FILES = ("signet.db", "signet.db-wal", "signet.db-shm", "signet.db.lock", "server.lock", "ocsp.log")
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
    return ""
