"""Buckets in S3: conditional puts with a checksum, and errors that tell the bucket's owner what to change."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import arn as arns
from chalicelib.aws import CircuitBreaker, Limits
from chalicelib.buckets import BucketError, BucketTakenError, PreconditionFailedError, StoredObject, crl_bucket
from chalicelib.buckets.crl_bucket import PRIVATE_PROBE, PROBE
from chalicelib.buckets.names import check_bucket_name, check_key, own_prefix
from chalicelib.setting_fields import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client

LIMITS = Limits(answer_seconds=5, tries=2)
_ACLS = {"PUBLIC_READ": "public-read", "BUCKET_OWNER_FULL_CONTROL": "bucket-owner-full-control"}
_PART_BYTES = 5 * 1024 * 1024  # S3's minimum
_LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "NoSuchBucketPolicy", "404"})
# What the owner has to change, by error code; and by action if the call was denied.
_REMEDIES = {
    "AccessControlListNotSupported": (
        "The bucket's Object Ownership is BucketOwnerEnforced, which allows no ACLs: set BucketOwnerPreferred."
    ),
    "NoSuchBucket": "The bucket does not exist.",
    "PermanentRedirect": "The bucket is in another region.",
    "IllegalLocationConstraintException": "The bucket is in another region.",
    "BucketAlreadyExists": "A bucket of that name belongs to another account: choose another name.",
    "BucketAlreadyOwnedByYou": "A bucket of that name already exists.",
}
_PRIVATE = (
    "Or keep the bucket private: set S3ObjectAcl to BUCKET_OWNER_FULL_CONTROL, and CustomCname to the host name of a "
    "CloudFront distribution in front of it."
)
_ACTIONS = {
    "ListBuckets": "s3:ListAllMyBuckets is not allowed.",
    "CreateBucket": (
        "s3:CreateBucket or s3:PutBucketOwnershipControls is not allowed, or a policy of the organization enforces "
        "BucketOwnerEnforced. On AWS Signet's role may create only buckets whose names begin as "
        f"{own_prefix(NAME)}, with the installation's name in place of {NAME}."
    ),
    "PutPublicAccessBlock": (
        "The bucket exists and is private: s3:PutBucketPublicAccessBlock is not allowed, so its Block Public Access "
        f"stays on. Allow the action, or turn the bucket's Block Public Access off. {_PRIVATE}"
    ),
    "PutBucketVersioning": "The bucket exists and is private: s3:PutBucketVersioning is not allowed.",
    "PutBucketLifecycleConfiguration": (
        "The bucket exists and is private: s3:PutLifecycleConfiguration is not allowed."
    ),
    "PutBucketPolicy": (
        "The bucket exists and is private: s3:PutBucketPolicy is not allowed, or the account's S3 Block Public Access "
        "(BlockPublicPolicy) forbids a policy that lets everybody read CRLs. Allow the action, or turn "
        f"BlockPublicPolicy and RestrictPublicBuckets off for the account. {_PRIVATE}"
    ),
    "GetBucketPolicy": "s3:GetBucketPolicy is not allowed.",
    "ListObjects": "s3:ListBucket is not allowed by the bucket policy.",
    "GetCallerIdentity": "sts:GetCallerIdentity is not allowed.",
    "GetBucketLocation": "s3:GetBucketLocation is not allowed by the bucket policy.",
    "GetBucketAcl": "s3:GetBucketAcl is not allowed by the bucket policy.",
    "PutObject": (
        "s3:PutObject or s3:PutObjectAcl is not allowed by the bucket policy, or S3 Block Public Access refuses "
        "the ACL {acl}: with Block Public Access use S3ObjectAcl BUCKET_OWNER_FULL_CONTROL."
    ),
    "DeleteObjects": "s3:DeleteObject is not allowed by the bucket policy.",
    "GetObject": "s3:GetObject is not allowed by the bucket policy.",
}


class S3Buckets:
    """Buckets of the account; the client is created at the first call.

    Args:
        region: of the buckets.
        name: of the installation.
        base_url: base of object URLs, followed by bucket and key; empty for AWS's URLs.
        hosts: host names in front of buckets, by the bucket's name, followed by the key.
        limits: of each call.
    """

    def __init__(
        self,
        region: str,
        *,
        name: str = NAME,
        base_url: str = "",
        hosts: Mapping[str, str] | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self._region, self._name, self._base_url, self._limits = region, name, base_url, limits
        self._hosts = hosts or {}

    @cached_property
    def _client(self) -> S3Client:
        client: S3Client = CircuitBreaker().client("s3", self._region, self._limits)
        return client

    def list_buckets(self) -> list[str]:
        """Return the names of the account's buckets in this region."""
        buckets = self._call("ListBuckets", "list_buckets", BucketRegion=self._region)["Buckets"]
        return sorted(bucket["Name"] for bucket in buckets)

    def create(self, bucket: str) -> None:
        """Create a bucket with ACLs, and its policy last: a bucket without a policy is known to be unfinished."""
        check_bucket_name(bucket)
        if bucket in self.list_buckets():
            if not self._is_unfinished(bucket):
                return
        else:
            location = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
            configuration = {} if self._region == "us-east-1" else location
            with suppress(_OwnBucketError):
                self._call(
                    "CreateBucket",
                    "create_bucket",
                    Bucket=bucket,
                    ObjectOwnership="BucketOwnerPreferred",
                    **configuration,
                )
        for action, method, parameters in crl_bucket.SETTINGS:
            self._call(action, method, Bucket=bucket, **parameters)
        self._call("PutBucketPolicy", "put_bucket_policy", Bucket=bucket, Policy=self.policy(bucket))

    def _is_unfinished(self, bucket: str) -> bool:
        try:
            self._call("GetBucketPolicy", "get_bucket_policy", Bucket=bucket)
        except _MissingError:
            return not self._call("ListObjects", "list_objects_v2", Bucket=bucket, MaxKeys=1).get("Contents")
        return False

    def policy(self, bucket: str) -> str:
        """Return the policy, which lets the caller's identity write."""
        check_bucket_name(bucket)
        return crl_bucket.policy(bucket, identity_arn=self._identity_arn, name=self._name)

    @cached_property
    def _identity_arn(self) -> str:
        client = CircuitBreaker().client("sts", self._region, self._limits)
        return str(_answer("GetCallerIdentity", client.get_caller_identity)["Arn"])

    def check(self, bucket: str, acl: str, ca_arn: str) -> None:  # noqa: ARG002  the policy may name the CA; S3 decides
        """Read location and ACL, and write the probe object with the ACL of the configuration."""
        check_bucket_name(bucket)
        self._call("GetBucketLocation", "get_bucket_location", Bucket=bucket)
        self._call("GetBucketAcl", "get_bucket_acl", Bucket=bucket)
        probe = PROBE if acl == "PUBLIC_READ" else PRIVATE_PROBE
        parameters = {"ACL": _ACLS[acl]} if acl in _ACLS else {}
        self._call("PutObject", "put_object", Bucket=bucket, Key=probe, Body=b"", **parameters)

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """Read an object."""
        try:
            answer = self._call("GetObject", "get_object", Bucket=bucket, Key=key)
        except _MissingError:
            return None
        return StoredObject(
            body=_answer("GetObject", answer["Body"].read),
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
        """Write an object with If-Match, or with If-None-Match if it must not exist."""
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
            raise PreconditionFailedError(f"The object {bucket}/{key} was removed by another writer.") from error
        return str(answer["ETag"])

    def put_pieces(self, bucket: str, key: str, pieces: Iterable[bytes], *, content_type: str) -> None:
        """Write an object in parts; the parts of an unfinished object are removed."""
        check_bucket_name(bucket)
        check_key(key)
        name = {"Bucket": bucket, "Key": key}
        upload = self._call("PutObject", "create_multipart_upload", **name, ContentType=content_type)["UploadId"]
        try:
            parts = [
                {"PartNumber": number, "ETag": self._put_part(name, upload, number, part)}
                for number, part in enumerate(_parts(pieces), 1)
            ]
            self._call(
                "PutObject", "complete_multipart_upload", **name, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            with suppress(BucketError):
                self._call("PutObject", "abort_multipart_upload", **name, UploadId=upload)
            raise

    def _put_part(self, name: dict[str, str], upload: str, number: int, part: bytes) -> str:
        answer = self._call("PutObject", "upload_part", **name, UploadId=upload, PartNumber=number, Body=part)
        return str(answer["ETag"])

    def remove_below(self, bucket: str, prefix: str) -> None:
        """Remove the objects of each page of the list; a versioned bucket keeps their versions."""
        check_bucket_name(bucket)
        check_key(prefix)
        while listed := self._call("ListObjects", "list_objects_v2", Bucket=bucket, Prefix=f"{prefix}/").get(
            "Contents"
        ):
            keys = [{"Key": each["Key"]} for each in listed]
            answer = self._call(
                "DeleteObjects", "delete_objects", Bucket=bucket, Delete={"Objects": keys, "Quiet": True}
            )
            if answer.get("Errors"):
                raise BucketError(_ACTIONS["DeleteObjects"], misconfigured=True)

    def object_url(self, bucket: str, key: str) -> str:
        """Return the URL that AWS forms; a bucket name with dots is in the path, where no TLS name has to match it."""
        if bucket in self._hosts:
            return f"http://{self._hosts[bucket]}/{key}"
        if self._base_url:
            return f"{self._base_url}/{bucket}/{key}"
        host = f"s3.{self._region}.{arns.domain_of(self._region)}"
        return f"http://{host}/{bucket}/{key}" if "." in bucket else f"http://{bucket}.{host}/{key}"

    def _call(self, action: str, method: str, **parameters: Any) -> Any:
        return _answer(action, getattr(self._client, method), **parameters)


def _answer(action: str, call: Callable[..., Any], **parameters: Any) -> Any:
    """Make a call; convert its error to a `BucketError` that says what the bucket's owner has to change."""
    try:
        return call(**parameters)
    except ClientError as error:
        raise _bucket_error(action, error, parameters) from error
    except BotoCoreError as error:
        raise BucketError(f"S3 does not answer: {type(error).__name__}.") from error


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces to parts of a multipart upload; all but the last must have at least `_PART_BYTES`."""
    part = bytearray()
    for piece in pieces:
        part += piece
        if len(part) >= _PART_BYTES:
            yield bytes(part)
            part = bytearray()
    if part:
        yield bytes(part)


class _MissingError(BucketError):
    """The object, the bucket or its policy does not exist."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, misconfigured=code == "NoSuchBucket")
        self.code = code


class _OwnBucketError(BucketError):
    """The bucket to create already exists in the account."""


_KINDS = {"BucketAlreadyExists": BucketTakenError, "BucketAlreadyOwnedByYou": _OwnBucketError}


def _bucket_error(action: str, error: ClientError, parameters: dict[str, Any]) -> BucketError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    if code in _LOST or (status in {409, 412} and "Key" in parameters):
        name = f"{parameters['Bucket']}/{parameters.get('Key')}"
        return PreconditionFailedError(f"The object {name} was changed by another writer.")
    if code in _MISSING:
        return _MissingError(code, _REMEDIES.get(code, "The object does not exist."))
    if code in _REMEDIES:
        return _KINDS.get(code, BucketError)(_REMEDIES[code], misconfigured=True)
    if status == 403:
        return BucketError(_ACTIONS[action].format(acl=parameters.get("ACL", "")), misconfigured=True)
    return BucketError(f"S3 refused {action}: {code or status}.")
