"""What every bucket adapter promises, on a directory and on S3."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.buckets import BucketError, NoSuchNameError, PreconditionFailedError
from chalicelib.buckets.s3 import S3Buckets
from tests.support.bucket_objects import CA_ARN, CRL, KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.buckets.directory import DirectoryBuckets


def test_object_is_read_as_it_was_put(buckets: Any) -> None:
    etag = buckets.put("bucket", KEY, b"\x00one", expected_etag=None, **CRL)
    found = buckets.get("bucket", KEY)
    assert (found.body, found.etag) == (b"\x00one", etag)
    assert (found.content_type, found.cache_control) == (CRL["content_type"], CRL["cache_control"])
    assert found.last_modified.tzinfo is not None


def test_missing_object_is_none(buckets: Any) -> None:
    assert buckets.get("bucket", KEY) is None


def test_put_is_conditional_on_what_is_there(buckets: Any) -> None:
    first = buckets.put("bucket", KEY, b"one", expected_etag=None, **CRL)
    for wrong in (None, first[:-1] + "0" if first[-1] != "0" else first[:-1] + "1"):
        with pytest.raises(PreconditionFailedError):
            buckets.put("bucket", KEY, b"two", expected_etag=wrong, **CRL)
    second = buckets.put("bucket", KEY, b"two", expected_etag=first, **CRL)
    assert second != first
    with pytest.raises(PreconditionFailedError):
        buckets.put("bucket", KEY, b"three", expected_etag=first, **CRL)
    assert buckets.get("bucket", KEY).body == b"two"


def test_put_over_an_object_that_is_gone_is_refused(buckets: Any) -> None:
    with pytest.raises(PreconditionFailedError):
        buckets.put("bucket", KEY, b"one", expected_etag="0" * 64, **CRL)
    assert buckets.get("bucket", KEY) is None


@pytest.mark.parametrize("acl", ["PUBLIC_READ", "BUCKET_OWNER_FULL_CONTROL"])
def test_check_leaves_the_probe_object(buckets: Any, acl: str) -> None:
    for _ in range(2):
        buckets.check("bucket", acl, CA_ARN)
    probe = "acm-pca-permission-test-key" + ("" if acl == "PUBLIC_READ" else "-private")
    assert buckets.get("bucket", probe) is not None


BAD_NAMES = [
    "ab",
    "UPPER",
    "a..b",
    "-ab",
    "ab-",
    "a/b",
    "192.168.1.1",
    "../up",
    "a" * 64,
    "a_b",
    ".ab",
    "a b",
    "b\u00fccket",
]


@pytest.mark.wide
@pytest.mark.parametrize("name", BAD_NAMES)
def test_name_that_s3_refuses_is_refused(buckets: Any, name: str) -> None:
    with pytest.raises(BucketError) as caught:
        buckets.check(name, "PUBLIC_READ", CA_ARN)
    assert caught.value.misconfigured


@pytest.mark.parametrize("key", ["../x", "/x", "crl//x", "crl/../../x", "crl/.hidden", "", "crl/x\0", "crl/x\n"])
def test_key_that_is_not_plain_is_refused(buckets: Any, key: str) -> None:
    with pytest.raises(BucketError):
        buckets.put("bucket", key, b"x", expected_etag=None, **CRL)


# making buckets


@pytest.fixture
def fresh(buckets: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a bucket that is not there; it is removed behind the test."""
    name = f"signet-crl-own-{uuid.uuid4().hex[:8]}"
    yield name
    if isinstance(buckets, S3Buckets) and name in buckets.list_buckets():
        client = request.getfixturevalue("s3")
        for each in client.list_object_versions(Bucket=name).get("Versions", []):
            client.delete_object(Bucket=name, Key=each["Key"], VersionId=each["VersionId"])
        client.delete_bucket(Bucket=name)


def test_bucket_that_is_made_holds_crls_and_is_listed(buckets: Any, fresh: str) -> None:
    assert fresh not in buckets.list_buckets()
    buckets.create(fresh)
    assert fresh in buckets.list_buckets()
    for acl in ("PUBLIC_READ", "BUCKET_OWNER_FULL_CONTROL"):
        buckets.check(fresh, acl, CA_ARN)
    buckets.put(fresh, KEY, b"crl", expected_etag=None, acl="PUBLIC_READ", **CRL)
    buckets.create(fresh)  # it is there: nothing happens to it
    assert buckets.get(fresh, KEY).body == b"crl"


@pytest.mark.wide
@pytest.mark.parametrize("name", BAD_NAMES)
def test_bucket_with_a_bad_name_is_not_made(buckets: Any, name: str) -> None:
    with pytest.raises(BucketError):
        buckets.create(name)
    assert name not in buckets.list_buckets()


def test_buckets_in_a_directory_have_no_policy(directory: DirectoryBuckets, tmp_path: Path) -> None:
    assert directory.policy("bucket") == ""
    directory.create("bucket")
    (tmp_path / "buckets" / "link").symlink_to(tmp_path)
    with pytest.raises(BucketError):
        directory.create("link")
    assert directory.list_buckets() == ["bucket"]


REPORT = "audit-report/00000000-0000-0000-0000-000000000001/r.json"


@pytest.mark.parametrize("size", [1, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 21_000_000])
def test_object_in_pieces_is_whole(buckets: Any, size: int) -> None:
    body = b"x" * size
    pieces = (body[start : start + 999_983] for start in range(0, size, 999_983))
    buckets.put_pieces("bucket", REPORT, pieces, content_type="application/json")
    found = buckets.get("bucket", REPORT)
    assert (found.body, found.content_type) == (body, "application/json")


def test_pieces_that_fail_leave_nothing(buckets: Any, request: pytest.FixtureRequest) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * 9_000_000
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        buckets.put_pieces("bucket", REPORT, pieces(), content_type="application/json")
    assert buckets.get("bucket", REPORT) is None
    if isinstance(buckets, S3Buckets):
        client = request.getfixturevalue("s3")
        assert "Uploads" not in client.list_multipart_uploads(Bucket="bucket")


def test_objects_below_a_prefix_are_removed_and_no_others(buckets: Any) -> None:
    stay = ("tile/0/000", "tile/0/000.p2/1", "tile/0/001.p/1", "tile/0/x000.p/1")
    for key in (*stay, *(f"tile/0/000.p/{width}" for width in range(1, 6))):
        buckets.put("bucket", key, b"tile", expected_etag=None, content_type="application/octet-stream")
    buckets.remove_below("bucket", "tile/0/000.p")
    buckets.remove_below("bucket", "tile/0/000.p")
    assert [buckets.get("bucket", f"tile/0/000.p/{width}") for width in range(1, 6)] == [None] * 5
    assert all(buckets.get("bucket", key) for key in stay)


def test_nothing_is_removed_outside_of_a_bucket(buckets: Any) -> None:
    for prefix in ("", "..", "a/../..", "/", ".headers"):
        with pytest.raises(NoSuchNameError):
            buckets.remove_below("bucket", prefix)


def test_private_check_asks_for_no_acl(buckets: Any, request: pytest.FixtureRequest) -> None:
    if isinstance(buckets, S3Buckets):
        client = request.getfixturevalue("s3")
        client.put_bucket_ownership_controls(
            Bucket="bucket", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )
    buckets.check("bucket", "PRIVATE", CA_ARN)
    assert buckets.get("bucket", "acm-pca-permission-test-key-private") is not None
