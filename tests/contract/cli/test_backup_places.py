"""Backups in S3, and backups whose key KMS encrypts: made, verified, restored, and refused by whoever may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from click.testing import CliRunner, Result

from chalicelib.access import access_keys
from chalicelib.backup import BackupError
from chalicelib.cli import signet
from chalicelib.config import Settings
from chalicelib.runtime import from_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., Result]

pytestmark = pytest.mark.laptop
PLACE = "s3://backups/signet/today"
REGION = "us-east-1"


@pytest.fixture
def key_id(aws: None) -> str:
    """A key of KMS, beside the bucket."""
    boto3.client("s3", region_name=REGION).create_bucket(Bucket="backups")
    return str(boto3.client("kms", region_name=REGION).create_key()["KeyMetadata"]["KeyId"])


@pytest.fixture
def run(tmp_path: Path, key_id: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    access_keys.ensure_root_key(from_settings(Settings(data=str(tmp_path / "data"))))
    monkeypatch.setenv("SIGNET_BACKUP_KMS_KEY", key_id)

    def invoke(*words: str, data: str = "data") -> Result:
        monkeypatch.setenv("SIGNET_DATA", str(tmp_path / data))
        return CliRunner().invoke(signet, words)

    return invoke


def test_backup_in_s3_under_a_key_of_kms_is_restored(run: Run, tmp_path: Path) -> None:
    made = run("backup", PLACE)
    assert made.exit_code == 0, made.output
    stored = boto3.client("s3", region_name=REGION).get_object(Bucket="backups", Key="signet/today")["Body"].read()
    assert stored.startswith(b"signet-backup-2\n")
    assert b"SQLite" not in stored
    verified = run("backup", "verify", PLACE)
    assert verified.exit_code == 0, verified.output
    assert "SIGNET_BACKUP_KMS_KEY=" in verified.output
    restored = run("restore", PLACE, data="other")
    assert restored.exit_code == 0, restored.output
    homes = [from_settings(Settings(data=str(tmp_path / name))) for name in ("data", "other")]
    assert access_keys.ensure_root_key(homes[0]) == access_keys.ensure_root_key(homes[1])
    assert not list(tmp_path.glob("**/.signet-backup-*"))


def test_backup_in_s3_replaces_none(run: Run) -> None:
    run("backup", PLACE)
    assert "s3://backups/signet/today exists already" in str(run("backup", PLACE).exception)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("s3://nobodys/signet", "S3 refuses s3://nobodys/signet: "),
        ("s3://backups", "is not the name of an object, such as s3://bucket/key"),
        ("s3://Backups/x", "is not the name of an object, such as s3://bucket/key"),
    ],
)
def test_place_that_cannot_be_used_is_named(run: Run, place: str, reason: str) -> None:
    for words in (("backup", place), ("backup", "verify", place)):
        refused = run(*words).exception
        assert isinstance(refused, BackupError)
        assert reason in str(refused)


def test_missing_object_is_named(run: Run) -> None:
    assert str(run("backup", "verify", PLACE).exception) == f"S3 refuses {PLACE}: 404."


def test_another_key_of_kms_and_a_passphrase_open_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "backup")
    assert run("backup", file).exit_code == 0
    other = boto3.client("kms", region_name=REGION).create_key()["KeyMetadata"]["KeyId"]
    monkeypatch.setenv("SIGNET_BACKUP_KMS_KEY", other)
    assert f"KMS does not open the backup with {other}: " in str(run("backup", "verify", file).exception)
    monkeypatch.delenv("SIGNET_BACKUP_KMS_KEY")
    monkeypatch.setenv("SIGNET_BACKUP_PASSPHRASE", "correct horse battery staple")
    refused = "It is not a backup of Signet that SIGNET_BACKUP_PASSPHRASE opens."
    assert str(run("backup", "verify", file).exception) == refused
