"""`signet backup` and `signet restore`: one encrypted file, made under load, verified, and restored as a whole."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.access import access_keys
from chalicelib.backup import BackupError, archive, sealed_file, verification
from chalicelib.backup.locks import Passphrase
from chalicelib.cli import signet
from chalicelib.config import Settings
from chalicelib.crl import publication
from chalicelib.runtime import Runtime, from_settings
from tests.support.authority_steps import active_root, fetch, issue, serial_of
from tests.support.client import client_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., Result]

pytestmark = pytest.mark.laptop
PASSPHRASE = "correct horse battery staple"
LOCK = Passphrase(PASSPHRASE)


@pytest.fixture(autouse=True)
def _cheap_passphrases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys at the least cost, except in one test."""
    if "restored" not in request.node.name:
        monkeypatch.setattr("chalicelib.backup.locks._SCRYPT", {"n": 2, "r": 8, "p": 1})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SIGNET_BACKUP_PASSPHRASE", PASSPHRASE)

    def invoke(*words: str, data: str = "data") -> Result:
        monkeypatch.setenv("SIGNET_DATA", str(tmp_path / data))
        return CliRunner().invoke(signet, words)

    return invoke


@pytest.fixture
def home(tmp_path: Path) -> tuple[Runtime, str, str]:
    """A home with a CA, a certificate that is revoked, a CRL and an access key."""
    rt = from_settings(Settings(data=str(tmp_path / "data")))
    access_keys.ensure_root_key(rt)
    client = client_for(rt)
    arn = active_root(client)
    certificate = issue(client, arn)
    client.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(certificate), RevocationReason="SUPERSEDED"
    )
    publication.publish_due_crls(rt, seconds=60)
    return rt, arn, certificate


def test_home_is_backed_up_verified_and_restored(home: tuple[Runtime, str, str], run: Run, tmp_path: Path) -> None:
    rt, arn, certificate = home
    file = tmp_path / "backup"
    made = run("backup", str(file))
    assert made.exit_code == 0, made.output
    assert file.stat().st_mode & 0o777 == 0o600
    verified = run("backup", "verify", str(file))
    assert (verified.exit_code, "1 CAs, " in verified.output, "1 CRLs" in verified.output) == (0, True, True)
    restored = run("restore", str(file), data="other")
    assert restored.exit_code == 0, restored.output
    other = from_settings(Settings(data=str(tmp_path / "other")))
    client = client_for(other)
    assert fetch(client, arn, certificate).serial_number == int(serial_of(certificate).replace(":", ""), 16)
    issue(client, arn)
    assert access_keys.ensure_root_key(other) == access_keys.ensure_root_key(rt)
    assert run("crl", "verify", data="other").exit_code == 0
    names = [json.loads(line)["eventName"] for line in run("audit", "tail", "--json", data="other").output.splitlines()]
    assert "RestoreBackup" in names
    assert run("audit", "verify", data="other").exit_code == 0
    assert not list(tmp_path.glob("**/.tmp-*"))
    assert not list(tmp_path.glob("**/.signet-restoring-*"))


def test_restored_home_learns_from_the_journal_of_the_lost_one(
    home: tuple[Runtime, str, str], run: Run, tmp_path: Path
) -> None:
    rt, arn, _ = home
    file = tmp_path / "backup"
    rt.journal.run(rt.now())
    assert run("backup", str(file)).exit_code == 0
    client = client_for(rt)
    serial = serial_of(issue(client, arn))
    client.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    rt.journal.run(rt.now())
    restored = run("restore", str(file), "--journal", str(rt.settings.journal_path), data="other")
    assert restored.exit_code == 0, restored.output
    assert re.search(r"The journal had [0-9]+ later entries", restored.output)
    record = from_settings(Settings(data=str(tmp_path / "other"))).store.get_certificate(
        arn, int(serial.replace(":", ""), 16)
    )
    assert record is not None
    assert record.revoked_at is not None


def test_nothing_of_the_home_is_readable_in_the_file(home: tuple[Runtime, str, str], run: Run, tmp_path: Path) -> None:
    rt, _, _ = home
    run("backup", str(tmp_path / "backup"))
    content = (tmp_path / "backup").read_bytes()
    wrapping = (rt.settings.data_path / "keys/wrapping.key").read_bytes()
    assert wrapping not in content
    assert b"certificate-authority" not in content
    assert b"SQLite" not in content


@pytest.mark.slow
def test_backup_under_load_is_consistent(home: tuple[Runtime, str, str], tmp_path: Path) -> None:
    """Writers go on meanwhile; whatever moment the copy shows, its parts fit."""
    rt, arn, _ = home
    stopping = threading.Event()
    issued: list[str] = []

    def write() -> None:
        client = client_for(rt)
        while not stopping.is_set():
            issued.append(issue(client, arn))

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for number in range(3):
            file = tmp_path / f"backup-{number}"
            archive.write(rt, file, LOCK)
            assert verification.verify(file, rt.settings, LOCK, lambda _: None).problems == ()
    finally:
        stopping.set()
        for writer in writers:
            writer.join()
    assert issued


@pytest.mark.parametrize("where", [0, 1, 4, 7])
def test_backup_that_was_altered_is_refused(
    home: tuple[Runtime, str, str], run: Run, tmp_path: Path, where: int
) -> None:
    run("backup", str(tmp_path / "backup"))
    content = bytearray((tmp_path / "backup").read_bytes())
    content[len(content) * where // 8 + where] ^= 1
    (tmp_path / "backup").write_bytes(bytes(content))
    for words in (("backup", "verify"), ("restore",)):
        found = run(*words, str(tmp_path / "backup"), data="other")
        assert isinstance(found.exception, BackupError)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("cut", [0, 10, 39, 100, 1 << 20, -1, -17])
def test_backup_that_was_cut_off_is_refused(home: tuple[Runtime, str, str], tmp_path: Path, cut: int) -> None:
    rt, _, _ = home
    (rt.settings.data_path / "buckets" / "large").write_bytes(b"x" * (3 << 20))
    archive.write(rt, tmp_path / "backup", LOCK)
    content = (tmp_path / "backup").read_bytes()
    (tmp_path / "cut").write_bytes(content[:cut])
    with pytest.raises(BackupError):
        verification.verify(tmp_path / "cut", rt.settings, LOCK, lambda _: None)


def test_whole_pieces_cannot_be_left_out_or_moved(tmp_path: Path) -> None:
    piece = sealed_file._PIECE_BYTES + 16
    with (tmp_path / "sealed").open("wb") as file:
        writer = sealed_file.SealedWriter(file, LOCK)
        for number in range(4):
            writer.write(bytes((number,)) * (1 << 20))
        writer.close()
    content = (tmp_path / "sealed").read_bytes()
    head, parts = content[:39], [content[39 + piece * number :][:piece] for number in range(4)]
    orders = [[0, 1, 2], [0, 1, 3], [1, 0, 2, 3], [0, 2, 1, 3], [3], [], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3]]
    for order in orders:
        (tmp_path / "other").write_bytes(head + b"".join(parts[number] for number in order))
        with (tmp_path / "other").open("rb") as file, pytest.raises(BackupError):
            drain(file)


def drain(file: Any) -> None:
    reader = sealed_file.SealedReader(file, LOCK)
    while reader.read(1 << 20):
        pass


def test_another_passphrase_opens_nothing(home: tuple[Runtime, str, str], run: Run, tmp_path: Path) -> None:
    rt, _, _ = home
    run("backup", str(tmp_path / "backup"))
    with pytest.raises(BackupError, match="the passphrase is wrong"):
        verification.verify(tmp_path / "backup", rt.settings, Passphrase(PASSPHRASE + "x"), lambda _: None)


def test_passphrase_is_required(home: tuple[Runtime, str, str], run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("SIGNET_BACKUP_PASSPHRASE")
    found = run("backup", str(tmp_path / "backup"))
    assert isinstance(found.exception, BackupError)
    assert not (tmp_path / "backup").exists()


def test_restore_replaces_nothing(home: tuple[Runtime, str, str], run: Run, tmp_path: Path) -> None:
    run("backup", str(tmp_path / "backup"))
    before = (tmp_path / "data/signet.db").read_bytes()
    found = run("restore", str(tmp_path / "backup"))
    assert "is not empty: move it away" in str(found.exception)
    assert (tmp_path / "data/signet.db").read_bytes() == before
    again = run("backup", str(tmp_path / "backup"))
    assert "exists already" in str(again.exception)


def test_lost_key_is_found_by_the_verification(home: tuple[Runtime, str, str], tmp_path: Path) -> None:
    rt, arn, _ = home
    (rt.settings.data_path / "keys" / f"{arn[-36:]}.key").unlink()
    archive.write(rt, tmp_path / "backup", LOCK)
    report = verification.verify(tmp_path / "backup", rt.settings, LOCK, lambda _: None)
    assert [problem for problem in report.problems if f"The key of {arn} does not open" in problem]
    with pytest.raises(BackupError, match="damaged"):
        verification.restore(tmp_path / "backup", replace(rt.settings, data=str(tmp_path / "x")), LOCK, lambda _: None)
    assert not (tmp_path / "x").exists()


def test_home_with_a_passphrase_needs_it_for_verification(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "data"), key_passphrase="correct horse")
    rt = from_settings(settings)
    active_root(client_for(rt))
    access_keys.ensure_root_key(rt)
    archive.write(rt, tmp_path / "backup", LOCK)
    assert verification.verify(tmp_path / "backup", settings, LOCK, lambda _: None).problems == ()
    other = replace(settings, key_passphrase="another horse")
    assert verification.verify(tmp_path / "backup", other, LOCK, lambda _: None).problems
