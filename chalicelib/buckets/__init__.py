"""The bucket port: storage of CRLs and audit reports. `runtime` chooses an adapter from this package.

Here are the port, its adapters (directories and S3), the rules for names, and the settings of a bucket for CRLs. What
is written into an object, and when, is decided in `crl` and `reports`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chalicelib.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path


class BucketError(Exception):
    """An object could not be read or written.

    Attributes:
        misconfigured: the bucket's owner has to change its policy, ownership or Block Public Access.
    """

    def __init__(self, message: str, *, misconfigured: bool = False) -> None:
        super().__init__(message)
        self.misconfigured = misconfigured


class NoSuchNameError(BucketError):
    """No object can have this name: it is invalid, or leads through a symbolic link."""


class PreconditionFailedError(BucketError):
    """The object is not at the version that the put was conditional on: read it again."""


class BucketTakenError(BucketError):
    """The bucket to create exists and belongs to another account: bucket names are globally unique."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as read.

    Attributes:
        file: where the body is instead of in `body`: large public objects are sent from their files.
    """

    body: bytes
    etag: str
    last_modified: datetime
    content_type: str
    cache_control: str = ""
    file: Path | None = None


class Buckets(Protocol):
    """Stores objects in named buckets."""

    def list_buckets(self) -> list[str]:
        """Return the names of all buckets, sorted.

        Raises:
            BucketError: they could not be listed.
        """
        ...

    def create(self, bucket: str) -> None:
        """Create a bucket for CRLs, in which CRLs and nothing else can be read by everybody.

        An existing bucket of the account stays unchanged, unless it is empty and has no policy, as an interrupted call
        leaves it.

        Raises:
            BucketTakenError: it belongs to another account.
            BucketError: the text names the action, Block Public Access or ownership setting that prevents it.
        """
        ...

    def policy(self, bucket: str) -> str:
        """Return the policy that a bucket for CRLs needs, as JSON to paste; empty if buckets have no policies."""
        ...

    def check(self, bucket: str, acl: str, ca_arn: str) -> None:
        """Verify that objects can be written, as AWS does: by writing a probe object, which stays.

        Args:
            bucket: its name.
            acl: `S3ObjectAcl` of the configuration, PUBLIC_READ or BUCKET_OWNER_FULL_CONTROL; or PRIVATE, to write
                without an ACL.
            ca_arn: the CA, which a bucket policy may name.

        Raises:
            BucketError: the text names the action, Block Public Access or ownership setting to change.
        """
        ...

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """Read an object; None if the object or the bucket does not exist.

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

        The put is atomic, durable when it returns, and conditional: the object must still have `expected_etag`, or must
        not exist if that is None.

        Raises:
            PreconditionFailedError: another writer has written or removed it.
            BucketError: it could not be written.
        """
        ...

    def put_pieces(self, bucket: str, key: str, pieces: Iterable[bytes], *, content_type: str) -> None:
        """Write a private object of any size in bounded memory; readers see only the complete object.

        Raises:
            BucketError: it could not be written. Exceptions of `pieces` pass through, and nothing is written then.
        """
        ...

    def remove_below(self, bucket: str, prefix: str) -> None:
        """Remove the objects whose keys begin with a prefix and a slash; none need be there.

        Raises:
            BucketError: some could not be removed.
        """
        ...

    def object_url(self, bucket: str, key: str) -> str:
        """Return the URL at which everybody can fetch the object."""
        ...
