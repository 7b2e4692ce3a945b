"""Buckets in S3: conditional puts with a checksum, and errors that say what the owner has to change."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import arn as arns
from chalicelib.buckets import BucketError, PreconditionFailedError, StoredObject
from chalicelib.buckets.names import check_bucket_name, check_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_s3 import S3Client

PROBE = "acm-pca-permission-test-key"
PRIVATE_PROBE = "acm-pca-permission-test-key-private"
_ACLS = {"PUBLIC_READ": "public-read", "BUCKET_OWNER_FULL_CONTROL": "bucket-owner-full-control"}
_PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes
_LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "404"})
# What the owner has to change, by the error code and the call that met it.
_REMEDIES = {
    "AccessControlListNotSupported": (
        "The bucket's Object Ownership is BucketOwnerEnforced, which allows no ACLs: set BucketOwnerPreferred."
    ),
    "NoSuchBucket": "The bucket does not exist.",
    "PermanentRedirect": "The bucket is in another region.",
    "IllegalLocationConstraintException": "The bucket is in another region.",
}
_ACTIONS = {
    "GetBucketLocation": "s3:GetBucketLocation is not allowed by the bucket policy.",
    "GetBucketAcl": "s3:GetBucketAcl is not allowed by the bucket policy.",
    "PutObject": (
        "s3:PutObject or s3:PutObjectAcl is not allowed by the bucket policy, or S3 Block Public Access refuses "
        "the ACL {acl}: with Block Public Access use S3ObjectAcl BUCKET_OWNER_FULL_CONTROL."
    ),
    "GetObject": "s3:GetObject is not allowed by the bucket policy.",
}


class S3Buckets:
    """Buckets of the account; the client is made at the first call.

    Args:
        region: of the buckets.
        base_url: where else than at AWS the world finds the buckets, each as a folder.
    """

    def __init__(self, region: str, *, base_url: str = "") -> None:
        self._region, self._base_url = region, base_url

    @cached_property
    def _client(self) -> S3Client:
        config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
        return boto3.client("s3", region_name=self._region, config=config)

    def check(self, bucket: str, acl: str, ca_arn: str) -> None:  # noqa: ARG002  the policy may name the CA; S3 decides
        """Ask for location and ACL and write the probe object with the ACL of the configuration."""
        check_bucket_name(bucket)
        self._call("GetBucketLocation", "get_bucket_location", Bucket=bucket)
        self._call("GetBucketAcl", "get_bucket_acl", Bucket=bucket)
        probe = PROBE if acl == "PUBLIC_READ" else PRIVATE_PROBE
        wanted = {"ACL": _ACLS[acl]} if acl in _ACLS else {}
        self._call("PutObject", "put_object", Bucket=bucket, Key=probe, Body=b"", **wanted)

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """Read an object."""
        try:
            answer = self._call("GetObject", "get_object", Bucket=bucket, Key=key)
        except _MissingError:
            return None
        return StoredObject(
            body=answer["Body"].read(),
            etag=answer["ETag"],
            last_modified=answer["LastModified"],
            content_type=answer.get("ContentType", ""),
            cache_control=answer.get("CacheControl", ""),
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
        acl: str = "BUCKET_OWNER_FULL_CONTROL",
    ) -> str:
        """Write an object with If-Match, or If-None-Match where there must be none."""
        check_bucket_name(bucket)
        check_key(key)
        condition = {"IfNoneMatch": "*"} if expected_etag is None else {"IfMatch": expected_etag}
        try:
            answer = self._call(
                "PutObject",
                "put_object",
                Bucket=bucket,
                Key=key,
                Body=body,
                ACL=_ACLS[acl],
                ContentType=content_type,
                CacheControl=cache_control,
                ChecksumAlgorithm="SHA256",
                **condition,
            )
        except _MissingError as error:
            if error.code == "NoSuchBucket":
                raise
            raise PreconditionFailedError(f"The object {bucket}/{key} was removed meanwhile.") from error
        return str(answer["ETag"])

    def put_pieces(self, bucket: str, key: str, pieces: Iterable[bytes], *, content_type: str) -> None:
        """Write an object in parts; the parts of one that is not finished are removed."""
        check_bucket_name(bucket)
        check_key(key)
        where = {"Bucket": bucket, "Key": key}
        upload = self._call("PutObject", "create_multipart_upload", **where, ContentType=content_type)["UploadId"]
        try:
            parts = [
                {"PartNumber": number, "ETag": self._put_part(where, upload, number, part)}
                for number, part in enumerate(_parts(pieces), 1)
            ]
            self._call(
                "PutObject", "complete_multipart_upload", **where, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            with suppress(BucketError):
                self._call("PutObject", "abort_multipart_upload", **where, UploadId=upload)
            raise

    def _put_part(self, where: dict[str, str], upload: str, number: int, part: bytes) -> str:
        answer = self._call("PutObject", "upload_part", **where, UploadId=upload, PartNumber=number, Body=part)
        return str(answer["ETag"])

    def object_url(self, bucket: str, key: str) -> str:
        """The address as AWS forms it; a name with dots goes into the path, where certificates need not match it."""
        if self._base_url:
            return f"{self._base_url}/{bucket}/{key}"
        host = f"s3.{self._region}.{arns.domain_of(self._region)}"
        return f"http://{host}/{bucket}/{key}" if "." in bucket else f"http://{bucket}.{host}/{key}"

    def _call(self, action: str, method: str, **parameters: Any) -> Any:
        try:
            return getattr(self._client, method)(**parameters)
        except ClientError as error:
            raise _bucket_error(action, error, parameters) from error
        except BotoCoreError as error:
            raise BucketError(f"S3 does not answer: {type(error).__name__}.") from error


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces joined to parts of a multipart upload; all but the last have to be of that size or more."""
    part = bytearray()
    for piece in pieces:
        part += piece
        if len(part) >= _PART_BYTES:
            yield bytes(part)
            part = bytearray()
    if part:
        yield bytes(part)


class _MissingError(BucketError):
    """There is no such object, or no such bucket."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, misconfigured=code == "NoSuchBucket")
        self.code = code


def _bucket_error(action: str, error: ClientError, parameters: dict[str, Any]) -> BucketError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    if code in _LOST or status in {409, 412}:
        return PreconditionFailedError(f"The object {parameters['Bucket']}/{parameters.get('Key')} changed meanwhile.")
    if code in _MISSING:
        return _MissingError(code, _REMEDIES.get(code, "There is no such object."))
    if code in _REMEDIES:
        return BucketError(_REMEDIES[code], misconfigured=True)
    if status == 403:
        return BucketError(_ACTIONS[action].format(acl=parameters.get("ACL", "")), misconfigured=True)
    return BucketError(f"S3 refused {action}: {code or status}.")
