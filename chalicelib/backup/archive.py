"""The contents of a backup: CRLs and reports, the database as of one moment, keys and the audit record, and a manifest.

Buckets come before the database, and keys and a journal in the data directory after it. So the database is never older
than a CRL in the backup, every CA that it knows has its key, and the journal has all that the database knows of it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import tarfile
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, cast

from chalicelib import __version__, files
from chalicelib.backup import BackupError
from chalicelib.backup.sealed_file import SealedReader, SealedWriter
from chalicelib.store.sqlite import FILE_SCHEMA, SqliteTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalicelib.backup.locks import Lock
    from chalicelib.runtime import Runtime

    Progress = Callable[[int], None]

MANIFEST, DATABASE = "manifest.json", "signet.db"
_BEFORE, _AFTER = ("buckets",), ("keys", "audit", "journal")
_LOCKS = frozenset({"lock"})
_PIECE_BYTES = 1 << 20


def write(rt: Runtime, target: Path, lock: Lock, progress: Progress = lambda _: None) -> dict[str, Any]:
    """Write a backup of the home while it may be in use, and return its manifest.

    Args:
        rt: the runtime; only homes with a data directory have such backups.
        target: the file; it appears once it is complete, and replaces nothing.
        lock: encrypts the file.
        progress: is told how many bytes have been read.

    Raises:
        BackupError: the file exists, or cannot be written.
    """
    data = rt.settings.data_path
    if target.exists():
        raise BackupError(f"{target} exists already.")
    temporary = target.parent / f"{files.TEMPORARY}{secrets.token_hex(8)}"
    hashes: dict[str, dict[str, Any]] = {}
    try:
        files.sweep(target.parent.glob(f"{files.TEMPORARY}*"), rt.now())
        with temporary.open("xb") as file:
            files.claim(file)
            temporary.chmod(0o600)
            sealed = SealedWriter(file, lock)
            with tarfile.open(fileobj=cast("IO[bytes]", sealed), mode="w|") as tar, _snapshot(rt) as snapshot:
                for name, path in (*_files(data, _BEFORE), (DATABASE, snapshot), *_files(data, _AFTER)):
                    with suppress(FileNotFoundError):  # removed meanwhile: a deleted CA's key, a rotated file
                        hashes[name] = _add(tar, name, path, progress)
                manifest = _manifest(rt, hashes)
                _add_bytes(tar, MANIFEST, json.dumps(manifest, indent=1).encode())
            sealed.close()
            files.sync(file)
        temporary.rename(target)
        files.sync_directory(target.parent)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return manifest


def table_of(rt: Runtime) -> SqliteTable:
    """Return the database of a home; `BackupError` if it has none."""
    table = getattr(getattr(rt.store, "table", None), "inner", None)
    if not isinstance(table, SqliteTable):
        raise BackupError("Only a home with SIGNET_STATE=sqlite is backed up to a file.")
    return table


@contextmanager
def _snapshot(rt: Runtime) -> Iterator[Path]:
    """A copy of the database as of one moment; writers go on meanwhile."""
    table = table_of(rt)
    copy = rt.settings.data_path / f"{files.TEMPORARY}{secrets.token_hex(8)}"
    try:
        table.copy_to(copy)
        with copy.open("rb") as file:
            files.claim(file)
            yield copy
    finally:
        copy.unlink(missing_ok=True)


def _files(data: Path, directories: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for directory in directories:
        for path in sorted((data / directory).rglob("*")):
            is_part = path.is_file() and not path.is_symlink() and path.name not in _LOCKS
            if is_part and not path.name.startswith(files.TEMPORARY):
                yield str(path.relative_to(data)), path


def _add(tar: tarfile.TarFile, name: str, path: Path, progress: Progress) -> dict[str, Any]:
    """Add a file as long as it was when it was opened: others may append to it meanwhile."""
    with path.open("rb") as file:
        info = tarfile.TarInfo(name)
        info.size, info.mode = os.fstat(file.fileno()).st_size, 0o600  # its name may be another file's by now
        hashing = _Hashing(file, progress)
        tar.addfile(info, hashing)
    return {"bytes": info.size, "sha256": hashing.sha256.hexdigest()}


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    tar.addfile(info, io.BytesIO(content))


class _Hashing(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._file, self._progress = file, progress
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self.sha256.update(content)
        self._progress(len(content))
        return content


def _manifest(rt: Runtime, hashes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    head = rt.store.journal_head()
    return {
        "version": __version__,
        "created_at": rt.now().isoformat(),
        "account_id": rt.settings.account_id,
        "region": rt.settings.region,
        "schema": FILE_SCHEMA,
        "settings": rt.settings.chosen(),
        "journal": {"entries": head.size, "root": head.root},
        "files": hashes,
    }


def read(source: Path, target: Path, lock: Lock, progress: Progress = lambda _: None) -> dict[str, Any]:
    """Write the contents of a backup into an empty directory, and return the manifest.

    Raises:
        BackupError: the backup cannot be opened, or is not what its manifest says.
    """
    hashes: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with source.open("rb") as file:
            sealed = SealedReader(file, lock)
            with tarfile.open(fileobj=cast("IO[bytes]", sealed), mode="r|") as tar:  # it reads, and nothing else
                for info in tar:
                    content = tar.extractfile(info)
                    if content is None or not _is_inside(info.name):
                        raise BackupError(f"The backup holds {info.name[:100]!r}, which no backup does.")
                    if info.name == MANIFEST:
                        manifest = json.load(content)
                    else:
                        hashes[info.name] = _extract(_Hashing(content, progress), target / info.name, info.size)
    except (OSError, tarfile.TarError) as error:
        raise BackupError(f"{source} cannot be read: {error}.") from error
    if manifest is None or manifest["files"] != hashes:
        raise BackupError("The backup is not what its manifest says.")
    return manifest


def _extract(content: _Hashing, path: Path, size: int) -> dict[str, Any]:
    files.make_directory(path.parent)
    files.write_atomically(path, iter(lambda: content.read(_PIECE_BYTES), b""))
    return {"bytes": size, "sha256": content.sha256.hexdigest()}


def _is_inside(name: str) -> bool:
    parts = name.split("/")
    return name in {MANIFEST, DATABASE} or (parts[0] in {*_BEFORE, *_AFTER} and not {"", ".", ".."} & set(parts))
