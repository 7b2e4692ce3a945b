"""Verification of a restored copy: the database is whole, secrets open, keys fit their CAs, CRLs match the records."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib import migrations, runtime
from chalicelib.access import access_keys
from chalicelib.backup import BackupError, archive
from chalicelib.ca import iterate
from chalicelib.crl import verification as crl_verification
from chalicelib.frozen import dataclass
from chalicelib.keystore import KeyStoreError
from chalicelib.pki.x509 import keys
from chalicelib.store import StoreError, checked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.backup.locks import Lock
    from chalicelib.config import Settings
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a backup holds, and what is wrong with it; nothing if `problems` is empty."""

    manifest: dict[str, Any]
    authorities: int
    access_keys: int
    crls: int
    problems: tuple[str, ...]


def verify(source: Path, settings: Settings, lock: Lock, progress: archive.Progress) -> Report:
    """Open a backup in a directory of its own, which is removed afterwards, and check what it holds.

    Raises:
        BackupError: it cannot be opened.
    """
    with _scratch(None) as directory:
        return _restored(source, directory, settings, lock, progress)


def restore(source: Path, settings: Settings, lock: Lock, progress: archive.Progress) -> Report:
    """Restore a backup as the data directory of the settings, which must not exist, or must be empty.

    Raises:
        BackupError: the directory is in use, or the backup cannot be opened, or a part of it is damaged.
    """
    data = settings.data_path.absolute()
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise BackupError(
            f"{data} is not empty: move it away, and keep it until you have seen that nothing is missing."
        )
    data.parent.mkdir(parents=True, exist_ok=True)
    with _scratch(data.parent) as directory:
        report = _restored(source, directory, settings, lock, progress)
        if report.problems:
            raise BackupError(f"The backup is damaged: {report.problems[0]}")
        if data.exists():
            data.rmdir()
        directory.rename(data)
    return report


@contextmanager
def _scratch(parent: Path | None) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix=".signet-restoring-", dir=parent))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _restored(source: Path, directory: Path, settings: Settings, lock: Lock, progress: archive.Progress) -> Report:
    manifest = archive.read(source, directory, lock, progress)
    problems = list(_database(directory / archive.DATABASE))
    if problems:
        return Report(manifest=manifest, authorities=0, access_keys=0, crls=0, problems=tuple(problems))
    checked.remember(directory / archive.DATABASE)
    try:
        migrations.of_file(directory / archive.DATABASE)
    except StoreError as error:
        raise BackupError(f"The database in the backup cannot be read: {error}") from error
    rt = runtime.from_settings(replace(settings, data=str(directory), state="sqlite", buckets="directory"))
    try:
        known, authorities = rt.store.list_access_keys(), list(iterate.every_authority(rt))
        verdicts = list(crl_verification.verify_crls(rt))
    except (StoreError, ValueError) as error:
        raise BackupError(f"The database in the backup cannot be read: {error}") from error
    for key in known:
        try:
            access_keys.secret_of(rt, key)
        except KeyStoreError as error:
            problems.append(f"The secret of access key {key.access_key_id} does not open: {error}")
    problems += [problem for ca in authorities for problem in _key(rt, ca)]
    problems += [f"{verdict.object_name}: {verdict.problem}" for verdict in verdicts if verdict.problem]
    archive.table_of(rt).close()  # before the directory gets another name
    return Report(
        manifest=manifest,
        authorities=len(authorities),
        access_keys=len(known),
        crls=len(verdicts),
        problems=tuple(problems),
    )


def _database(path: Path) -> Iterator[str]:
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = [row for (row,) in connection.execute("PRAGMA integrity_check(3)")]
    except sqlite3.Error as error:
        found = [str(error)]
    if found != ["ok"]:
        yield f"The database is damaged: {'; '.join(found)}"


def _key(rt: Runtime, ca: CertificateAuthority) -> Iterator[str]:
    """See that a CA's key opens, and is the one on record."""
    if ca.key_id is None or ca.status == "DELETED":
        return
    try:
        public_key = rt.keys.private_key(ca.key_id, ca.arn).public_key()
    except KeyStoreError as error:
        yield f"The key of {ca.arn} does not open: {error}"
        return
    if ca.key_sha256 not in {None, keys.key_sha256(public_key)}:
        yield f"The key of {ca.arn} is another one than on record."
