"""The schedule makes backups, keeps the newest, and says when it cannot; a backup has the settings of its home."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.access import access_keys
from chalicelib.backup import archive, schedule, verification
from chalicelib.backup.locks import Passphrase
from chalicelib.config import Settings, SettingsError
from chalicelib.doctor import records
from chalicelib.runtime import Runtime, from_settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop
PASSPHRASE = "correct horse battery staple"
LOCK = Passphrase(PASSPHRASE)


@pytest.fixture
def rt(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setattr("chalicelib.backup.locks._SCRYPT", {"n": 2, "r": 8, "p": 1})  # another test has the real cost
    settings = Settings(
        data=str(tmp_path / "data"),
        backups=str(tmp_path / "backups"),
        backup_hours="6",
        backups_kept="2",
        backup_passphrase=PASSPHRASE,
    )
    made = replace(from_settings(settings), now=clock)
    access_keys.ensure_root_key(made)
    return made


def names(rt: Runtime) -> list[str]:
    return [made.path.name for made in schedule.made(rt.settings)]


def test_backups_are_made_when_due_and_the_newest_are_kept(rt: Runtime, clock: Clock) -> None:
    first = schedule.run(rt)
    assert first is not None
    assert verification.verify(first, rt.settings, LOCK, lambda _: None).problems == ()
    clock.forward(hours=5)
    assert schedule.run(rt) is None
    (first.parent / "signet-note.backup").write_text("mine")
    made = [first]
    for _ in range(2):
        clock.forward(hours=6)
        path = schedule.run(rt)
        assert path is not None
        made.append(path)
    assert names(rt) == [path.name for path in made[1:]]
    assert (first.parent / "signet-note.backup").exists()


def test_another_process_counts_the_backups_that_are_there(rt: Runtime) -> None:
    assert schedule.run(rt) is not None
    assert schedule.run(replace(from_settings(rt.settings), now=rt.now)) is None


def test_backup_that_fails_is_logged_and_tried_again(
    rt: Runtime, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "backups").write_text("no directory")
    assert schedule.run(rt) is None
    assert "backup_failed" in caplog.text
    (tmp_path / "backups").unlink()
    assert schedule.run(rt) is None
    clock.forward(minutes=10)
    assert schedule.run(rt) is not None


def test_nothing_is_made_without_the_setting(rt: Runtime) -> None:
    assert schedule.run(replace(rt, settings=replace(rt.settings, backups=""))) is None


def test_schedule_needs_a_passphrase() -> None:
    with pytest.raises(SettingsError, match=r"SIGNET_BACKUPS is set, but not SIGNET_BACKUP_PASSPHRASE"):
        Settings.from_env({"SIGNET_BACKUPS": "/mnt/backups"})


def test_doctor_finds_late_backups_and_those_beside_the_data(rt: Runtime, clock: Clock, tmp_path: Path) -> None:
    schedule.run(rt)
    clock.forward(hours=12)
    assert list(records.backups(rt)) == []
    clock.forward(hours=1)
    assert [finding.problem for finding in records.backups(rt)] == [
        f"The last backup in {tmp_path}/backups is 13 hours old."
    ]
    beside = replace(rt, settings=replace(rt.settings, backups=str(tmp_path / "data" / "backups")))
    assert [finding.remedy for finding in records.backups(beside)] == ["set SIGNET_BACKUPS to another disk"]


def test_backup_has_the_settings_without_the_secrets(rt: Runtime, tmp_path: Path) -> None:
    manifest = archive.write(rt, tmp_path / "backup", LOCK)
    assert manifest["settings"] == {
        "SIGNET_DATA": f"{tmp_path}/data",
        "SIGNET_BACKUPS": f"{tmp_path}/backups",
        "SIGNET_BACKUP_HOURS": "6",
        "SIGNET_BACKUPS_KEPT": "2",
    }
