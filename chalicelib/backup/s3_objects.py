"""Backups as objects in S3: names such as `s3://bucket/key`, uploads and downloads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws import CircuitBreaker, Limits
from chalicelib.backup import BackupError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LIMITS = Limits(answer_seconds=60, tries=3)
_OBJECT = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^\x00-\x1f]{1,1024})", re.ASCII)


def check_absent(place: str, region: str) -> None:
    """Raise `BackupError` if there is such an object; the upload says what else is wrong, if something is."""
    name = _object(place)
    try:
        _client(region).head_object(**name)
    except (BotoCoreError, ClientError):
        return
    raise BackupError(f"{place} exists already.")


def upload(file: Path, place: str, region: str) -> None:
    """Make a file an object; `BackupError` if that fails."""
    name = _object(place)
    _call(place, lambda: _client(region).upload_file(str(file), **name))


def download(place: str, file: Path, region: str) -> None:
    """Write an object into a file; `BackupError` if that fails."""
    name = _object(place)
    _call(place, lambda: _client(region).download_file(**name, Filename=str(file)))


def _object(place: str) -> dict[str, str]:
    match = _OBJECT.fullmatch(place)
    if match is None:
        raise BackupError(f"{place[:200]!r} is not the name of an object, such as s3://bucket/key.")
    return {"Bucket": match[1], "Key": match[2]}


def _call(place: str, call: Callable[[], Any]) -> None:
    try:
        call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise BackupError(f"S3 refuses {place}: {code}.") from error
    except S3UploadFailedError as error:
        raise BackupError(f"S3 refuses {place}: {error}") from error
    except BotoCoreError as error:
        raise BackupError(f"S3 does not answer: {type(error).__name__}.") from error


def _client(region: str) -> Any:
    return CircuitBreaker().client("s3", region, _LIMITS)
