"""Buckets as directories, for the laptop home: objects are files, and puts are conditional across processes."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

from chalicelib import files
from chalicelib.buckets import BucketError, NoSuchNameError, PreconditionFailedError, StoredObject
from chalicelib.buckets.crl_bucket import PRIVATE_PROBE, PROBE
from chalicelib.buckets.names import check_bucket_name, check_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_PUBLIC = re.compile(r"(?:[^/]+/)*[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.crl", re.ASCII)
_MOST_IN_MEMORY = 256 * 1024  # of a body: however many clients read a CRL slowly, none of them holds more
_PROBE_FILE = ".probe"  # no bucket's name begins with a dot
_DEFAULTS = {"content_type": "application/octet-stream", "cache_control": ""}
_HEADERS = ".headers"  # directory of the objects' headers; no key begins with a dot


class DirectoryBuckets:
    """A directory of buckets; a bucket is created at its first use."""

    def __init__(self, path: Path, *, base_url: str) -> None:
        self._path, self._base_url = path, base_url

    def list_buckets(self) -> list[str]:
        """Return the names of all buckets."""
        with _errors("directory"):
            if not self._path.is_dir():
                return []
            return sorted(entry.name for entry in self._path.iterdir() if entry.is_dir() and not entry.is_symlink())

    def create(self, bucket: str) -> None:
        """Create the directory, of which only CRLs are served."""
        check_bucket_name(bucket)
        path = self._path / bucket
        if path.is_symlink():
            raise BucketError(f"The bucket {bucket} is a symbolic link.", misconfigured=True)
        with _errors(bucket):
            files.make_directory(path)

    def policy(self, bucket: str) -> str:  # noqa: ARG002  a directory has no policy
        """Return no policy: the permissions of the directory apply."""
        return ""

    def check(self, bucket: str, acl: str, ca_arn: str) -> None:  # noqa: ARG002  a directory has no policy
        """Write the probe object, as AWS does."""
        private = acl != "PUBLIC_READ"
        for probe in (PROBE, PRIVATE_PROBE) if private else (PROBE,):
            current = self.get(bucket, probe)
            etag = current.etag if current else None
            with suppress(PreconditionFailedError):  # another process has just written it
                self.put(bucket, probe, b"", expected_etag=etag, content_type="text/plain")

    def probe(self) -> None:
        """Write a file beside the buckets, to see that objects can be stored; raises `BucketError` if they cannot."""
        with _errors("buckets"):
            files.make_directory(self._path)
            files.write_atomically(self._path / _PROBE_FILE, b"")

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """Read an object with the headers that were stored with it."""
        return self._get(bucket, key)

    def _get(self, bucket: str, key: str, *, most: float = inf) -> StoredObject | None:
        """Read an object; a body that is longer than `most` bytes stays in its file."""
        path = self._object(bucket, key)
        with _errors(bucket):
            try:
                status = path.stat()
                large = status.st_size > most
                body = b"" if large else path.read_bytes()
                version = (status.st_ino, status.st_mtime_ns, status.st_size)
                etag = _etag_of_file(path, *version) if large else _etag(body)
            except (FileNotFoundError, NotADirectoryError):
                return None
        headers = _DEFAULTS | self._headers(bucket, key)
        return StoredObject(
            body=body,
            etag=etag,
            last_modified=datetime.fromtimestamp(int(status.st_mtime), UTC),
            content_type=headers["content_type"],
            cache_control=headers["cache_control"],
            file=path if large else None,
        )

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        *,
        expected_etag: str | None,
        content_type: str,
        cache_control: str = "",
        acl: str = "BUCKET_OWNER_FULL_CONTROL",  # noqa: ARG002  a directory has no access control lists
    ) -> str:
        """Write an object under the bucket's lock, if it still has the expected entity tag."""
        path = self._object(bucket, key)
        headers = {"content_type": content_type, "cache_control": cache_control}
        with _errors(bucket):
            files.make_directory(path.parent)
            with files.locked(self._path / bucket / ".lock"):
                current = self.get(bucket, key)
                if (current.etag if current else None) != expected_etag:
                    raise PreconditionFailedError(f"The object {bucket}/{key} is not at the expected version.")
                # Headers are the same for every version of an object: they may be written before the body, and once.
                if _DEFAULTS | self._headers(bucket, key) != headers:
                    headers_file = self._headers_file(bucket, key)
                    files.make_directory(headers_file.parent)
                    files.write_atomically(headers_file, json.dumps(headers).encode())
                files.write_atomically(path, body)
        return _etag(body)

    def put_pieces(self, bucket: str, key: str, pieces: Iterable[bytes], *, content_type: str) -> None:
        """Write an object piece by piece."""
        path, headers_file = self._object(bucket, key), self._headers_file(bucket, key)
        with _errors(bucket):
            files.make_directory(path.parent)
            files.make_directory(headers_file.parent)
            files.write_atomically(headers_file, json.dumps({"content_type": content_type}).encode())
            files.write_atomically(path, pieces)

    def remove_below(self, bucket: str, prefix: str) -> None:
        """Remove a directory with all that it has."""
        directory = self._object(bucket, prefix)
        with _errors(bucket), suppress(FileNotFoundError):
            shutil.rmtree(directory)

    def object_url(self, bucket: str, key: str) -> str:
        """Return the URL at which the laptop home serves the object, if it is a CRL."""
        return f"{self._base_url}/{bucket}/{key}"

    def public_object(self, bucket: str | None, key: str) -> StoredObject | None:
        """Read a CRL, the only kind of object that everybody may read; None if there is none.

        Args:
            bucket: its name; None for a custom host name that points here: then the newest object with this key in any
                bucket is returned.
            key: of a CRL if it ends in `{UUID}.crl`.

        Raises:
            BucketError: a bucket could not be read, so it is unknown whether the object exists.
        """
        if _PUBLIC.fullmatch(key) is None:
            return None
        crls = []
        for name in [bucket] if bucket else self.list_buckets():
            with suppress(NoSuchNameError):
                crls.append(self._get(name, key, most=_MOST_IN_MEMORY))
        return max((crl for crl in crls if crl), key=lambda crl: crl.last_modified, default=None)

    def _object(self, bucket: str, key: str) -> Path:
        check_bucket_name(bucket)
        check_key(key)
        path = self._path / bucket / key
        parents = [path, *path.parents][: len(key.split("/")) + 1]
        with _errors(bucket):
            if any(parent.is_symlink() for parent in parents):
                raise NoSuchNameError(f"The object {bucket}/{key} is behind a symbolic link.", misconfigured=True)
        return path

    def _headers_file(self, bucket: str, key: str) -> Path:
        return self._path / bucket / _HEADERS / key

    def _headers(self, bucket: str, key: str) -> dict[str, str]:
        try:
            headers: dict[str, str] = json.loads(self._headers_file(bucket, key).read_bytes())
        except (OSError, ValueError):
            return {}
        return headers


def _etag(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@lru_cache(maxsize=256)
def _etag_of_file(path: Path, *_version: int) -> str:
    """The same of a file, computed once for each version of it: files are replaced, never changed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _errors(bucket: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = NoSuchNameError if error.errno == errno.ENAMETOOLONG else BucketError
        raise kind(f"The bucket {bucket} cannot be used: {error.strerror}.", misconfigured=True) from error
