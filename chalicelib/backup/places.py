"""Where a backup is: a file, or an object in S3 (`s3://bucket/key`), which is a file in between."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.config import Settings


@contextmanager
def written(place: str, settings: Settings) -> Iterator[Path]:
    """Give a file to write, which becomes the object afterwards; it replaces none.

    Raises:
        BackupError: the object exists, or cannot be written.
    """
    if not place.startswith("s3:"):
        yield Path(place)
        return
    from chalicelib.backup import s3_objects

    s3_objects.check_absent(place, settings.region)
    with tempfile.TemporaryDirectory(prefix=".signet-backup-", dir=settings.data_path) as directory:
        file = Path(directory) / "backup"
        yield file
        s3_objects.upload(file, place, settings.region)


@contextmanager
def read(place: str, settings: Settings) -> Iterator[Path]:
    """Give a file to read; `BackupError` if the object cannot be read."""
    if not place.startswith("s3:"):
        yield Path(place)
        return
    from chalicelib.backup import s3_objects

    with tempfile.TemporaryDirectory(prefix=".signet-backup-") as directory:
        file = Path(directory) / "backup"
        s3_objects.download(place, file, settings.region)
        yield file
