"""The bucket port: where CRLs and reports are put. Adapters lie beside this file; `runtime` alone picks one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class BucketError(Exception):
    """An object could not be read or written.

    Attributes:
        misconfigured: the owner of the bucket has to change something (policy, ownership, Block Public Access).
    """

    def __init__(self, message: str, *, misconfigured: bool = False) -> None:
        super().__init__(message)
        self.misconfigured = misconfigured


class NoSuchNameError(BucketError):
    """No object is, or will be, found by this name: it is no name, or leads over a symbolic link."""


class PreconditionFailedError(BucketError):
    """The object is not the one that the put was conditional on: look again."""


class BucketTakenError(BucketError):
    """The bucket that shall be made exists, and is somebody else's: names are of all the world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as read."""

    body: bytes
    etag: str
    last_modified: datetime
    content_type: str
    cache_control: str = ""


class Buckets(Protocol):
    """Keeps objects in named buckets."""

    def list_buckets(self) -> list[str]:
        """The names of the buckets there are, in order.

        Raises:
            BucketError: they could not be listed.
        """
        ...

    def create(self, bucket: str) -> None:
        """Make a bucket for CRLs, which everybody may read, and nothing else in it.

        One that the owner has already stays as it is, unless it is empty and without a policy, as a run that died
        leaves it.

        Raises:
            BucketTakenError: it is somebody else's.
            BucketError: with a text that names which action, Block Public Access or ownership setting stops it.
        """
        ...

    def policy(self, bucket: str) -> str:
        """The policy that a bucket for CRLs has to have, as JSON to paste; empty where buckets have none."""
        ...

    def check(self, bucket: str, acl: str, ca_arn: str) -> None:
        """See that objects can be written, as AWS does: with a probe object that stays.

        Args:
            bucket: its name.
            acl: `S3ObjectAcl` of the configuration, PUBLIC_READ or BUCKET_OWNER_FULL_CONTROL; or PRIVATE, for which
                no ACL is asked for.
            ca_arn: for the text of the error (a bucket policy may name the CA).

        Raises:
            BucketError: with a text that names which action, Block Public Access or ownership setting is missing.
        """
        ...

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """Read an object; None if there is none (or no such bucket).

        Raises:
            BucketError: it could not be read.
        """
        ...

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        *,
        expected_etag: str | None,
        content_type: str,
        cache_control: str = "",
        acl: str = "BUCKET_OWNER_FULL_CONTROL",
    ) -> str:
        """Write an object and return its entity tag.

        The put is atomic, durable when it returns, and conditional: on the object still having `expected_etag`, or on
        there being none where that is None.

        Raises:
            PreconditionFailedError: somebody else wrote or removed it meanwhile.
            BucketError: it could not be written.
        """
        ...

    def put_pieces(self, bucket: str, key: str, pieces: Iterable[bytes], *, content_type: str) -> None:
        """Write a private object of any size in bounded memory; readers see it once it is whole.

        Raises:
            BucketError: it could not be written. What `pieces` raises passes as it is; then nothing was written.
        """
        ...

    def object_url(self, bucket: str, key: str) -> str:
        """The address at which everybody can fetch the object."""
        ...
