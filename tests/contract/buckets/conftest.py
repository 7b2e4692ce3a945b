"""Buckets of both kinds: directories, and S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from chalicelib.buckets.directory import DirectoryBuckets
from chalicelib.buckets.s3 import S3Buckets
from tests.support.localstack_home import make_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> DirectoryBuckets:
    return DirectoryBuckets(tmp_path / "buckets", base_url="http://127.0.0.1:8000")


@pytest.fixture
def s3(aws: None) -> Iterator[Any]:
    client = boto3.session.Session().client("s3", region_name="us-east-1")
    make_bucket(client, "bucket")
    yield client
    for each in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=each["Key"])
    client.delete_bucket(Bucket="bucket")


@pytest.fixture(params=["directory", "s3"])
def buckets(request: pytest.FixtureRequest, directory: DirectoryBuckets) -> Any:
    if request.param == "directory":
        return directory
    request.getfixturevalue("s3")
    return S3Buckets("us-east-1")
