"""Files that are whole or not there, durable when a call returns, and locks that end with their holder."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

TEMPORARY = ".tmp-"


def make_directory(path: Path, mode: int = 0o700) -> None:
    """Make a directory and its parents; no error if it is there."""
    path.mkdir(mode=mode, parents=True, exist_ok=True)


def write_atomically(
    path: Path, content: bytes | Iterable[bytes], *, mode: int = 0o600, exclusive: bool = False
) -> None:
    """Write a file, whole or piece by piece: a reader sees the old one or the whole new one, also after a crash.

    Raises:
        FileExistsError: `exclusive` is set and the file is there.
        OSError: it cannot be written; nothing changed.
    """
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        if exclusive:
            os.link(temporary, path)
            temporary.unlink()
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def remove(path: Path) -> None:
    """Remove a file for good; no error where there is none."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, among threads and processes; a killed holder lets go."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
