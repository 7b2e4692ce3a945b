"""What every bucket adapter promises, on a directory and on S3."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml

from chalicelib.buckets import BucketError, BucketTakenError, PreconditionFailedError, crl_bucket
from chalicelib.buckets.directory import DirectoryBuckets
from chalicelib.buckets.s3 import S3Buckets
from tests.support.localstack_home import make_bucket
from tests.support.s3_refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
CA_ARN = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/00000000-0000-0000-0000-000000000001"
KEY = "crl/00000000-0000-0000-0000-000000000001.crl"
CRL = {"content_type": "application/pkix-crl", "cache_control": "public, max-age=60"}


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


def settings_of(client: Any, bucket: str) -> dict[str, Any]:
    """What decides who may read a bucket, and what becomes of its old objects."""
    ownership = client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    block = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    (rule,) = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return {
        "ownership": [each["ObjectOwnership"] for each in ownership],
        "blocked": [name for name, on in block.items() if on],
        "versioning": client.get_bucket_versioning(Bucket=bucket)["Status"],
        "old": (rule["ID"], rule["Status"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]),
    }


def test_bucket_in_s3_is_that_of_the_stack(s3: Any) -> None:
    """`infrastructure/state.yaml` says the same in CloudFormation's words."""
    buckets, name = S3Buckets("us-east-1"), f"signet-crl-own-{uuid.uuid4().hex[:8]}"
    buckets.create(name)
    policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
    assert policy == json.loads(buckets.policy(name))
    resources = yaml.safe_load((ROOT / "infrastructure" / "state.yaml").read_text())["Resources"]
    text = json.dumps(resources["CrlBucketPolicy"]["Properties"]["PolicyDocument"])
    text = re.sub(r'\{"Fn::Sub": "\$\{CrlBucket\.Arn\}([^"]*)"\}', rf'"arn:aws:s3:::{name}\1"', text)
    assert [each for each in policy["Statement"] if not each["Sid"].startswith("Signet")] == json.loads(text)[
        "Statement"
    ]
    bucket = resources["CrlBucket"]["Properties"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert settings_of(s3, name) == {
        "ownership": [each["ObjectOwnership"] for each in bucket["OwnershipControls"]["Rules"]],
        "blocked": [key for key, on in bucket["PublicAccessBlockConfiguration"].items() if on],
        "versioning": bucket["VersioningConfiguration"]["Status"],
        "old": (rule["Id"], rule["Status"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]),
    }
    s3.delete_bucket(Bucket=name)


IDENTITIES = {
    "user": ("arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:user/bob"),
    "root": ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"),
    "stack": (
        "arn:aws-cn:sts::111122223333:assumed-role/signet-APIHandlerRole-X/signet",
        "arn:aws-cn:iam::111122223333:role/signet-*",
    ),
    "role": ("arn:aws:sts::111122223333:assumed-role/dev-ops/bob", "arn:aws:iam::111122223333:role/dev-ops"),
}


@pytest.mark.parametrize("case", IDENTITIES)
def test_policy_lets_those_write_who_run_signet(case: str) -> None:
    identity, writer = IDENTITIES[case]
    statements = json.loads(crl_bucket.policy("bucket", identity_arn=identity))["Statement"]
    writing = [each for each in statements if each["Effect"] == "Allow" and each["Action"] != "s3:GetObject"]
    assert [each["Condition"] for each in writing] == [{"ArnLike": {"aws:PrincipalArn": writer}}] * 2
    assert {action for each in writing for action in each["Action"]} == {
        *("s3:GetBucketAcl", "s3:GetBucketLocation", "s3:ListBucket", "s3:PutObject", "s3:PutObjectAcl")
    }
    resources = re.findall(r"arn:[^:]+:s3:::[^\"]+", json.dumps(statements))
    assert {each.split("/")[0] for each in resources} == {f"arn:{identity.split(':')[1]}:s3:::bucket"}


def test_bucket_of_the_owner_is_finished_only_if_it_is_untouched(s3: Any) -> None:
    buckets = S3Buckets("us-east-1")
    s3.put_object(Bucket="bucket", Key="data", Body=b"private")
    buckets.create("bucket")
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="bucket")
    s3.delete_object(Bucket="bucket", Key="data")
    buckets.create("bucket")
    assert s3.get_bucket_policy(Bucket="bucket")["Policy"]
    statements = json.loads(buckets.policy("bucket"))["Statement"]
    own = json.dumps({"Version": "2012-10-17", "Statement": statements[2:]})
    s3.put_bucket_policy(Bucket="bucket", Policy=own)
    buckets.create("bucket")
    assert s3.get_bucket_policy(Bucket="bucket")["Policy"] == own


# directories


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
        child.stdout.readline()
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            found = directory.get("bucket", KEY)
            assert found is not None
            assert len(found.body) == 100000
            assert len(set(found.body)) == 1
        os.kill(child.pid, signal.SIGKILL)
        last = int(child.communicate()[0].split()[-1])
        found = directory.get("bucket", KEY)
        assert found is not None
        assert found.body[0] in {last % 256, (last + 1) % 256}


# S3


def test_s3_addresses_are_formed_as_aws_forms_them() -> None:
    assert S3Buckets("eu-west-1").object_url("bucket", KEY) == f"http://bucket.s3.eu-west-1.amazonaws.com/{KEY}"
    assert S3Buckets("eu-west-1").object_url("a.b", KEY) == f"http://s3.eu-west-1.amazonaws.com/a.b/{KEY}"
    assert S3Buckets("cn-north-1").object_url("bucket", KEY) == f"http://bucket.s3.cn-north-1.amazonaws.com.cn/{KEY}"


@pytest.mark.usefixtures("s3")
def test_s3_bucket_that_does_not_exist_is_named() -> None:
    with pytest.raises(BucketError, match="does not exist") as caught:
        S3Buckets("us-east-1").check("no-such-bucket", "PUBLIC_READ", CA_ARN)
    assert caught.value.misconfigured


REFUSALS = {
    "location": ("GetBucketLocation", "AccessDenied", 403, "s3:GetBucketLocation"),
    "acl": ("GetBucketAcl", "AccessDenied", 403, "s3:GetBucketAcl"),
    "put": ("PutObject", "AccessDenied", 403, "Block Public Access"),
    "ownership": ("PutObject", "AccessControlListNotSupported", 400, "BucketOwnerEnforced"),
}


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("case", REFUSALS)
def test_s3_check_says_what_is_missing(case: str) -> None:
    """The answers are S3's own documents, given by the HTTP layer of the real client."""
    operation, code, status, text = REFUSALS[case]
    buckets = S3Buckets("us-east-1")
    buckets._client.meta.events.register(f"before-send.s3.{operation}", refusal(code, status))
    with pytest.raises(BucketError, match=text) as caught:
        buckets.check("bucket", "PUBLIC_READ", CA_ARN)
    assert caught.value.misconfigured


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(("code", "status"), [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409)])
def test_s3_conflict_means_look_again(code: str, status: int) -> None:
    buckets = S3Buckets("us-east-1")
    buckets._client.meta.events.register("before-send.s3.PutObject", refusal(code, status))
    with pytest.raises(PreconditionFailedError):
        buckets.put("bucket", KEY, b"x", expected_etag="x", **CRL)


def test_s3_that_does_not_answer_is_a_bucket_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(BucketError, match="does not answer") as caught:
        S3Buckets("us-east-1").get("bucket", KEY)
    assert not caught.value.misconfigured


STOPS = {
    "create": ("CreateBucket", "AccessDenied", 403, BucketError, "signet-crl-own-"),
    "ownership": ("CreateBucket", "AccessDenied", 403, BucketError, "BucketOwnerEnforced"),
    "taken": ("CreateBucket", "BucketAlreadyExists", 409, BucketTakenError, "somebody else's"),
    "block": ("PutPublicAccessBlock", "AccessDenied", 403, BucketError, "s3:PutBucketPublicAccessBlock is not allowed"),
    "policy": ("PutBucketPolicy", "AccessDenied", 403, BucketError, "BlockPublicPolicy"),
    "versions": ("PutBucketVersioning", "AccessDenied", 403, BucketError, "s3:PutBucketVersioning"),
    "list": ("ListBuckets", "AccessDenied", 403, BucketError, "s3:ListAllMyBuckets"),
}


@pytest.mark.parametrize("case", STOPS)
def test_s3_bucket_that_cannot_be_made_says_which_setting_stops_it(s3: Any, case: str) -> None:
    operation, code, status, kind, text = STOPS[case]
    buckets, name = S3Buckets("us-east-1"), f"signet-crl-own-{uuid.uuid4().hex[:8]}"
    refuse = refusal(code, status)
    buckets._client.meta.events.register(f"before-send.s3.{operation}", refuse)
    with pytest.raises(BucketError, match=text) as caught:
        buckets.create(name)
    assert type(caught.value) is kind
    assert caught.value.misconfigured
    buckets._client.meta.events.unregister(f"before-send.s3.{operation}", refuse)
    buckets.create(name)  # once it is allowed, the same call finishes what was begun
    assert s3.get_bucket_policy(Bucket=name)["Policy"]
    s3.delete_bucket(Bucket=name)


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


def test_private_check_asks_for_no_acl(buckets: Any, request: pytest.FixtureRequest) -> None:
    if isinstance(buckets, S3Buckets):
        client = request.getfixturevalue("s3")
        client.put_bucket_ownership_controls(
            Bucket="bucket", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )
    buckets.check("bucket", "PRIVATE", CA_ARN)
    assert buckets.get("bucket", "acm-pca-permission-test-key-private") is not None
