"""Logs in buckets of both kinds: directories, and S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.buckets.directory import DirectoryBuckets
from chalicelib.buckets.s3 import S3Buckets
from chalicelib.journal.log import Log
from tests.support.journals import BUCKET, FixedKey
from tests.support.localstack_home import make_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def s3(aws: None) -> Iterator[S3Buckets]:
    client = boto3.session.Session().client("s3", region_name="us-east-1")
    make_bucket(client, BUCKET)
    yield S3Buckets("us-east-1")
    for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=each["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def directory(tmp_path: Path) -> DirectoryBuckets:
    return DirectoryBuckets(tmp_path / "journal", base_url="")


@pytest.fixture(params=["directory", "s3"])
def buckets(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
def signer() -> FixedKey:
    return FixedKey(Ed25519PrivateKey.generate())


@pytest.fixture
def log(buckets: Any, signer: FixedKey) -> Log:
    return Log(buckets, BUCKET, signer)
