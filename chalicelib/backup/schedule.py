"""Backups of the laptop home by schedule: into a directory, every few hours, the newest so many are kept.

The names of the files have the time, and only files with such names are counted and removed.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import files, logs
from chalicelib.backup import BackupError, archive
from chalicelib.backup.locks import lock_of

if TYPE_CHECKING:
    from chalicelib.config import Settings
    from chalicelib.runtime import Runtime

_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"signet-([0-9]{8}T[0-9]{6}Z)\.backup", re.ASCII)
_RETRY = timedelta(minutes=10)
_TRIED = ("backup",)


class Made(NamedTuple):
    """A backup that the schedule has made."""

    at: datetime
    path: Path


def made(settings: Settings) -> list[Made]:
    """List the backups in the directory of the schedule, the oldest first."""
    directory = Path(settings.backups)
    if not settings.backups or not directory.is_dir():
        return []
    names = [(match, path) for path in directory.iterdir() if (match := _NAME.fullmatch(path.name))]
    return sorted(Made(datetime.strptime(match[1], _TIME).replace(tzinfo=UTC), path) for match, path in names)


def run(rt: Runtime) -> Path | None:
    """Make a backup if one is due, and remove those that are too many; returns its path.

    A failure is logged and tried again after ten minutes.
    """
    settings, now = rt.settings, rt.now()
    if not settings.backups or not _is_due(rt, now):
        return None
    rt.known[_TRIED] = (None, now)
    path = Path(settings.backups) / f"signet-{now.strftime(_TIME)}.backup"
    try:
        files.make_directory(path.parent)
        manifest = archive.write(rt, path, lock_of(settings))
        too_many = made(settings)[: -int(settings.backups_kept)]
        for old in too_many:
            files.remove(old.path)
    except (BackupError, OSError) as error:
        logs.log("backup_failed", logging.ERROR, path=str(path), problem=str(error))
        return None
    logs.log("backup_made", path=str(path), files=len(manifest["files"]), removed=[old.path.name for old in too_many])
    return path


def age(settings: Settings, now: datetime) -> timedelta | None:
    """Return how old the newest backup is, if there is one."""
    backups = made(settings)
    return now - backups[-1].at if backups else None


def _is_due(rt: Runtime, now: datetime) -> bool:
    _, tried_at = rt.known.get(_TRIED, (None, None))
    if tried_at is not None and abs(now - tried_at) < _RETRY:
        return False
    newest = age(rt.settings, now)
    return newest is None or abs(newest) >= timedelta(hours=int(rt.settings.backup_hours))
