"""Atomic and durable file writes, and file locks that end with the process that holds them."""

from __future__ import annotations

import fcntl
import os
import secrets
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

TEMPORARY = ".tmp-"
_YOUNG_SECONDS = 60  # its writer may be about to claim it, or to give it its name


def make_directory(path: Path, mode: int = 0o700) -> None:
    """Create a directory and its parents durably; no error if it exists."""
    missing = list(takewhile(lambda directory: not directory.exists(), (path, *path.parents)))
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    for directory in missing:
        sync_directory(directory.parent)


def write_atomically(
    path: Path, content: bytes | Iterable[bytes], *, mode: int = 0o600, exclusive: bool = False
) -> None:
    """Write a file, whole or piece by piece: readers see the old or the complete new content, also after a crash.

    Raises:
        FileExistsError: `exclusive` is set and the file exists.
        OSError: it cannot be written; nothing has changed.
    """
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            claim(file)
            file.writelines([content] if isinstance(content, bytes) else content)
            sync(file)
        if exclusive:
            os.link(temporary, path)
            temporary.unlink()
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def claim(file: IO[bytes]) -> None:
    """Say that the writer of a temporary file lives, until the file is closed."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep(temporaries: Iterable[Path], now: datetime, remove: Callable[[Path], object] = Path.unlink) -> int:
    """Remove the temporary files of writers that were killed: nobody claims them, and they are a minute old."""
    return sum(map(partial(_is_swept, now.timestamp(), remove), temporaries))


def _is_swept(now: float, remove: Callable[[Path], object], path: Path) -> bool:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            if abs(now - os.fstat(file.fileno()).st_mtime) < _YOUNG_SECONDS:
                return False
            claim(file)
            remove(path)
    except OSError:  # claimed, already gone, or no file that this process may open
        return False
    return True


def remove(path: Path) -> None:
    """Remove a file durably; no error if there is none."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync_directory(path.parent)


def sync(file: IO[bytes]) -> None:
    """Flush an open file to disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Flush a directory's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class locked:  # noqa: N801  used like a function; a generator costs three times as much
    """Hold an exclusive lock on a file against other threads and processes; it ends if the process is killed.

    Raises:
        BlockingIOError: somebody else holds it, and `wait` is not set.
    """

    def __init__(self, path: Path, *, wait: bool = True) -> None:
        self._path, self._how = os.fspath(path), fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, self._how)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
