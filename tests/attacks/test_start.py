"""A laptop home that others could read or replace does not start, and says why in one sentence."""

from __future__ import annotations

import gc
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chalicelib import cli, data_directory, runtime
from chalicelib.access import access_keys
from chalicelib.config import Settings, SettingsError
from tests.support.authority_steps import create
from tests.support.client import client_for

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.laptop
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has been used."""
    data = tmp_path_factory.mktemp("used") / "home"
    rt = runtime.from_settings(Settings.from_env({"SIGNET_DATA": str(data)}))
    rt.keys.seal(b"x", "x")
    rt.store.list_accounts()
    del rt
    gc.collect()  # SQLite removes its log where the connection is closed: not in the middle of a test
    return data


@pytest.fixture
def data(tmp_path: Path, used: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home that has been used."""
    data = shutil.copytree(used, tmp_path / "home")
    monkeypatch.setenv("SIGNET_DATA", str(data))
    return data


@pytest.mark.parametrize("passphrase", ["x", "1234567", "aaaaaaaaaaaaaaaa", "abababababab", "\u00e9" * 20])
def test_passphrase_that_is_guessed_at_once_is_refused(passphrase: str) -> None:
    with pytest.raises(SettingsError, match="SIGNET_KEY_PASSPHRASE must have at least") as caught:
        Settings.from_env({"SIGNET_KEY_PASSPHRASE": passphrase})
    assert passphrase == "x" or passphrase not in str(caught.value)


def test_longer_passphrase_is_taken() -> None:
    assert Settings.from_env({"SIGNET_KEY_PASSPHRASE": "correct horse"}).key_passphrase == "correct horse"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722, 0o702, 0o1777])
@pytest.mark.parametrize("name", ["", "keys", "signet.db", "keys/wrapping.key"])
def test_what_others_can_write_is_refused(data: Path, name: str, mode: int) -> None:
    (data / name).chmod(mode)
    with pytest.raises(SettingsError, match="can be written by others"):
        runtime.from_env()


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_what_others_can_read_at_most_is_taken(data: Path, mode: int) -> None:
    data.chmod(mode)
    runtime.from_env()


LINKED = ["signet.db", "signet.db-wal", "signet.db-shm", "signet.db.lock", "keys", "keys/wrapping.key", "server.lock"]


@pytest.mark.parametrize("name", LINKED)
@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_symbolic_link_is_refused(data: Path, tmp_path: Path, name: str, target: str) -> None:
    path, moved = data / name, tmp_path / "elsewhere"
    if path.exists():
        path.rename(moved)
    elif target == "there":
        moved.touch()
    path.symlink_to(moved if target == "there" else tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="is a symbolic link"):
        runtime.from_env()


def test_directory_may_be_elsewhere_as_a_whole(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(data)
    monkeypatch.setenv("SIGNET_DATA", str(tmp_path / "link"))
    runtime.from_env()


def test_directory_of_another_user_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    other = data.stat().st_uid not in {0, 4321}
    assert ("belongs to another user" in data_directory.problem_of(data, is_named=True)) is other


def test_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert data_directory.problem_of(tmp_path / "file", is_named=True).endswith("is no directory.")
    assert data_directory.problem_of(tmp_path / "none", is_named=True) == ""


def test_home_on_aws_asks_for_no_directory(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.chmod(0o777)
    for name, value in (("STATE", "dynamodb"), ("KEYS", "kms"), ("BUCKETS", "s3")):
        monkeypatch.setenv(f"SIGNET_{name}", value)
    runtime.from_env()
    monkeypatch.setenv("SIGNET_KEYS", "software")
    with pytest.raises(SettingsError):
        runtime.from_env()


def say_too_short(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNET_KEY_PASSPHRASE", "x")


def open_directory(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.chmod(0o777)


def link_database(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "signet.db").rename(data.parent / "elsewhere.db")
    (data / "signet.db").symlink_to(data.parent / "elsewhere.db")


@pytest.mark.parametrize("attack", [say_too_short, open_directory, link_database])
@pytest.mark.parametrize("command", [["serve"], ["env"], ["status"], ["credentials", "create"]])
def test_command_says_so_in_one_sentence(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    attack: Callable[[Path, pytest.MonkeyPatch], None],
    command: list[str],
) -> None:
    attack(data, monkeypatch)
    monkeypatch.setattr("sys.argv", ["signet", *command])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"signet: [^\n]+\.\n", said)


LOSSES = {
    "database": ["signet.db", "signet.db-wal", "signet.db-shm"],
    "database and wrapping key": ["signet.db", "signet.db-wal", "signet.db-shm", "keys/wrapping.key"],
    "wrapping key": ["keys/wrapping.key"],
    "keys": ["keys/wrapping.key", "keys/lock"],
}


@pytest.mark.parametrize("loss", LOSSES)
def test_home_that_lost_a_part_does_not_start_as_an_empty_one(data: Path, loss: str) -> None:
    rt = runtime.from_env()
    access_keys.ensure_root_key(rt)
    arn = create(client_for(rt))
    del rt
    gc.collect()
    for name in LOSSES[loss]:
        (data / name).unlink(missing_ok=True)
    before = sorted(data.rglob("*"))
    with pytest.raises(SettingsError, match=r"is lost.* restore .* from a backup, or move it away"):
        runtime.from_env()
    assert sorted(path for path in data.rglob("*") if "signet.db-" not in path.name) == [
        path for path in before if "signet.db-" not in path.name
    ]
    assert arn


def test_empty_database_beside_keys_is_a_lost_one(data: Path) -> None:
    (data / "signet.db").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"signet\.db is lost"):
        runtime.from_env()


def test_read_only_database_is_refused(data: Path) -> None:
    (data / "signet.db").chmod(0o400)
    with pytest.raises(SettingsError, match="is read-only: run chmod"):
        runtime.from_env()


def test_what_writes_the_lock_files_is_pinned() -> None:
    makefile = (ROOT / "Makefile").read_text()
    installs = [line for line in makefile.splitlines() if "pip install" in line and "PIP :=" not in line]
    for line in installs:
        assert "--require-hashes" in line or "--no-deps --no-build-isolation" in line, line
    assert "$(PIP) -r requirements/uv.txt" in makefile
    assert re.match(r"uv==[0-9.]+ \\\n    --hash=sha256:", (ROOT / "requirements/uv.txt").read_text())
