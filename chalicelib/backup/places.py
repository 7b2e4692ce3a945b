"""Where a backup is: a file, or an object in S3 (`s3://bucket/key`), which is a file in between."""

from __future__ import annotations

import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws import CircuitBreaker, Limits
from chalicelib.backup import BackupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.config import Settings

_LIMITS = Limits(answer_seconds=60, tries=3)
_OBJECT = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^\x00-\x1f]{1,1024})", re.ASCII)


@contextmanager
def written(place: str, settings: Settings) -> Iterator[Path]:
    """Give a file to write, which becomes the object afterwards; it replaces none.

    Raises:
        BackupError: the object exists, or cannot be written.
    """
    if not place.startswith("s3:"):
        yield Path(place)
        return
    name = _object(place)
    if _exists(name, settings):
        raise BackupError(f"{place} exists already.")
    with tempfile.TemporaryDirectory(prefix=".signet-backup-", dir=settings.data_path) as directory:
        file = Path(directory) / "backup"
        yield file
        _call(place, settings, lambda s3: s3.upload_file(str(file), **name))


@contextmanager
def read(place: str, settings: Settings) -> Iterator[Path]:
    """Give a file to read; `BackupError` if the object cannot be read."""
    if not place.startswith("s3:"):
        yield Path(place)
        return
    name = _object(place)
    with tempfile.TemporaryDirectory(prefix=".signet-backup-") as directory:
        file = Path(directory) / "backup"
        _call(place, settings, lambda s3: s3.download_file(**name, Filename=str(file)))
        yield file


def _object(place: str) -> dict[str, str]:
    match = _OBJECT.fullmatch(place)
    if match is None:
        raise BackupError(f"{place[:200]!r} is not the name of an object, such as s3://bucket/key.")
    return {"Bucket": match[1], "Key": match[2]}


def _exists(name: dict[str, str], settings: Settings) -> bool:
    try:
        _client(settings).head_object(**name)
    except (BotoCoreError, ClientError):  # the upload says what is wrong, if something is
        return False
    return True


def _call(place: str, settings: Settings, call: Callable[[Any], Any]) -> None:
    try:
        call(_client(settings))
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise BackupError(f"S3 refuses {place}: {code}.") from error
    except S3UploadFailedError as error:
        raise BackupError(f"S3 refuses {place}: {error}") from error
    except BotoCoreError as error:
        raise BackupError(f"S3 does not answer: {type(error).__name__}.") from error


def _client(settings: Settings) -> Any:
    return CircuitBreaker().client("s3", settings.region, _LIMITS)
