"""Buckets in a directory: what is public, links, and writers that are killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib import files
from chalicelib.buckets import BucketError, PreconditionFailedError
from chalicelib.buckets.directory import DirectoryBuckets
from tests.support.bucket_objects import CA_ARN, CRL, KEY

ROOT = Path(__file__).resolve().parents[3]


def test_only_crls_are_public(directory: DirectoryBuckets) -> None:
    directory.put("bucket", KEY, b"crl", expected_etag=None, **CRL)
    directory.put("bucket", "audit-report/x.json", b"x", expected_etag=None, content_type="application/json")
    found = directory.public_object("bucket", KEY)
    assert found is not None
    assert found.body == b"crl"
    assert directory.public_object(None, KEY) == found
    for key in ("audit-report/x.json", "acm-pca-permission-test-key", "crl/x.crl", "crl/../" + KEY, KEY + "\n"):
        assert directory.public_object("bucket", key) is None
    assert directory.public_object("../bucket", KEY) is None
    assert directory.object_url("bucket", KEY) == f"http://127.0.0.1:8000/bucket/{KEY}"


def test_symbolic_links_are_not_followed(directory: DirectoryBuckets, tmp_path: Path) -> None:
    directory.check("bucket", "PUBLIC_READ", CA_ARN)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / Path(KEY).name).write_text("secret")
    (tmp_path / "buckets" / "bucket" / "crl").symlink_to(outside)
    assert directory.public_object("bucket", KEY) is None
    with pytest.raises(BucketError):
        directory.put("bucket", KEY, b"x", expected_etag=None, **CRL)


def test_object_that_cannot_be_read_is_not_said_to_be_missing(directory: DirectoryBuckets, tmp_path: Path) -> None:
    directory.put("bucket", KEY, b"crl", expected_etag=None, **CRL)
    stored = tmp_path / "buckets" / "bucket" / KEY
    stored.unlink()
    assert directory.public_object("bucket", KEY) is None
    stored.mkdir()  # reading it is EISDIR, for root too
    for bucket in ("bucket", None):
        with pytest.raises(BucketError, match="cannot be used: Is a directory"):
            directory.public_object(bucket, KEY)


def test_headers_are_written_once(directory: DirectoryBuckets, tmp_path: Path) -> None:
    etag = directory.put("bucket", KEY, b"crl", expected_etag=None, **CRL)
    written = (tmp_path / "buckets" / "bucket" / ".headers" / KEY).stat()
    directory.put("bucket", KEY, b"another", expected_etag=etag, **CRL)
    assert (tmp_path / "buckets" / "bucket" / ".headers" / KEY).stat() == written
    directory.put("bucket", "tile", b"tile", expected_etag=None, content_type="application/octet-stream")
    assert not (tmp_path / "buckets" / "bucket" / ".headers" / "tile").exists()
    found = directory.get("bucket", "tile")
    assert found is not None
    assert (found.content_type, found.cache_control) == ("application/octet-stream", "")


def test_new_directories_are_on_the_disk(
    directory: DirectoryBuckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    sync = files.sync_directory

    def noting(path: Path) -> None:
        synced.append(path)
        sync(path)

    monkeypatch.setattr(files, "sync_directory", noting)
    directory.put("bucket", "tile/0/000", b"tile", expected_etag=None, content_type="application/octet-stream")
    bucket = tmp_path / "buckets" / "bucket"
    assert {tmp_path, tmp_path / "buckets", bucket, bucket / "tile", bucket / "tile" / "0"} <= set(synced)


def test_names_that_no_file_has_are_missing(directory: DirectoryBuckets) -> None:
    directory.put("bucket", KEY, b"crl", expected_etag=None, **CRL)
    assert directory.public_object("bucket", "a" * 300 + "/" + KEY) is None
    assert directory.public_object("bucket", "/".join(["a" * 200] * 3) + "/" + KEY) is None


def test_link_in_one_bucket_hides_no_crl_of_another(directory: DirectoryBuckets, tmp_path: Path) -> None:
    directory.put("bucket", KEY, b"crl", expected_etag=None, **CRL)
    (tmp_path / "buckets" / "other").mkdir()
    (tmp_path / "buckets" / "other" / "crl").symlink_to(tmp_path)
    (tmp_path / "buckets" / "No.Bucket").mkdir()
    found = directory.public_object(None, KEY)
    assert found is not None
    assert found.body == b"crl"


def test_directory_that_cannot_be_written_is_a_bucket_error(tmp_path: Path) -> None:
    (tmp_path / "buckets").write_text("a file")
    with pytest.raises(BucketError) as caught:
        DirectoryBuckets(tmp_path / "buckets", base_url="x").check("bucket", "PUBLIC_READ", CA_ARN)
    assert caught.value.misconfigured


def test_of_simultaneous_checks_none_fails(directory: DirectoryBuckets) -> None:
    """Several CAs may be created at once, with a bucket that is new."""
    for number in range(20):
        barrier = threading.Barrier(6)

        def check(bucket: str = f"bucket-{number}", barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            directory.check(bucket, "PUBLIC_READ", CA_ARN)

        with ThreadPoolExecutor(6) as pool:
            for each in [pool.submit(check) for _ in range(6)]:
                each.result()


def test_of_simultaneous_puts_one_wins(directory: DirectoryBuckets) -> None:
    etag = directory.put("bucket", KEY, b"start", expected_etag=None, **CRL)
    for round_ in range(10):
        won: list[str] = []
        gate = threading.Barrier(8)

        def put(
            number: int,
            gate: threading.Barrier = gate,
            won: list[str] = won,
            expected: str = etag,
            round_: int = round_,
        ) -> None:
            gate.wait()
            try:
                won.append(directory.put("bucket", KEY, f"{round_}-{number}".encode(), expected_etag=expected, **CRL))
            except PreconditionFailedError:
                return

        threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (etag,) = won


CHILD = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from chalicelib.buckets.directory import DirectoryBuckets
buckets = DirectoryBuckets(Path({path!r}), base_url="x")
found = buckets.get("bucket", {key!r})
etag = found.etag if found else None
for number in range(100000):
    body = bytes([number % 256]) * 100000
    etag = buckets.put("bucket", {key!r}, body, expected_etag=etag, content_type="application/pkix-crl")
    print(number, flush=True)
"""


def test_reader_sees_whole_objects_though_the_writer_is_killed(directory: DirectoryBuckets, tmp_path: Path) -> None:
    for _ in range(3):
        code = CHILD.format(root=str(ROOT), path=str(tmp_path / "buckets"), key=KEY)
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(10):
            written = child.stdout.readline()
            found = directory.get("bucket", KEY)
            assert found is not None
            assert len(found.body) == 100000
            assert len(set(found.body)) == 1
        child.kill()
        last = int((written + child.communicate()[0]).split()[-1])
        found = directory.get("bucket", KEY)
        assert found is not None
        assert found.body[0] in {last % 256, (last + 1) % 256}
