"""`signet log`: the journal verified, certificates proved to whoever asks, and other journals witnessed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.config import Settings
from chalicelib.journal import checkpoints, notes
from chalicelib.runtime import Runtime, from_settings
from tests.support.authority_steps import active_root, fetch, issue, serial_of
from tests.support.client import client_for
from tests.support.home import make_home
from tools import verify_journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Run = Callable[..., Result]

pytestmark = pytest.mark.laptop
TOOL = Path(verify_journal.__file__)


class Home(NamedTuple):
    """A home with a certificate, whose journal is published."""

    rt: Runtime
    arn: str
    serial: str
    pem: Path
    journal: Path


@pytest.fixture
def home(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    rt = from_settings(Settings(data=str(tmp_path / "data")))
    client = client_for(rt)
    arn = active_root(client)
    certificate = issue(client, arn)
    (tmp_path / "certificate.pem").write_bytes(fetch(client, arn, certificate).public_bytes(Encoding.PEM))
    (tmp_path / "other.pem").write_bytes(fetch(client, arn, issue(client, arn)).public_bytes(Encoding.PEM))
    rt.journal.run(rt.now())
    return Home(rt, arn, serial_of(certificate), tmp_path / "certificate.pem", tmp_path / "data" / "journal" / "log")


def more(home: Home) -> None:
    issue(client_for(home.rt), home.arn)
    home.rt.journal.run(home.rt.now())


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def key_of(run: Run, *options: str) -> str:
    return run("log", "key", *options).stdout.strip()


def test_journal_is_verified_again_and_again(home: Home, run: Run) -> None:
    for _ in range(2):
        result = run("log", "verify")
        assert (result.exit_code, result.stderr) == (0, "")
        size = checkpoints.parse((home.journal / "checkpoint").read_bytes(), home.rt.journal.log.verifier_key).size
        assert result.stdout == f"{size} entries are as they were signed.\n"
        more(home)
    verified = home.rt.store.get_journal_verification()
    assert verified is not None
    assert (verified.size, verified.problems) == (size, 0)


def test_damaged_journal_is_told(home: Home, run: Run) -> None:
    damage(next((home.journal / "tile" / "entries" / "000.p").iterdir()))
    result = run("log", "verify")
    assert result.exit_code == 1
    assert "does not have the entries that were signed" in result.stderr
    verified = home.rt.store.get_journal_verification()
    assert verified is not None
    assert verified.problems == 1


def test_journal_that_was_put_back_is_told(home: Home, run: Run, tmp_path: Path) -> None:
    shutil.copytree(home.journal, tmp_path / "copy")
    more(home)
    assert run("log", "verify").exit_code == 0
    shutil.rmtree(home.journal)
    shutil.copytree(tmp_path / "copy", home.journal)
    result = run("log", "verify")
    assert result.exit_code == 1
    assert "The journal was cut off" in result.stderr
    assert "the database knows of" in result.stderr


def test_copy_is_verified_with_the_key_alone(
    home: Home, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(run)
    copy = tmp_path / "copy"
    shutil.copytree(home.journal, copy)
    monkeypatch.setenv("SIGNET_DATA", str(tmp_path / "nothing"))
    assert run("log", "verify", str(copy), "--key", key, "--since", "seen").exit_code == 0
    assert (tmp_path / "seen").read_bytes() == (copy / "checkpoint").read_bytes()
    more(home)
    assert run("log", "verify", str(home.journal), "--key", key, "--since", "seen").exit_code == 0
    result = run("log", "verify", str(copy), "--key", key, "--since", "seen")
    assert result.exit_code == 1
    assert "cut off" in result.stderr
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "key").write_text(key)
    assert run("log", "verify", str(copy), "--key", "key").exit_code == 0


def test_copy_needs_its_key(home: Home, run: Run, tmp_path: Path) -> None:
    for words in ([str(home.journal)], ["--key", key_of(run)]):
        result = run("log", "verify", *words)
        assert result.exit_code == 2
        assert "PATH and --key go together" in result.output
    result = run("log", "verify", str(home.journal), "--key", "nonsense+1+2")
    assert result.exit_code == 2
    assert "verifier key" in result.output
    (tmp_path / "empty").mkdir()
    result = run("log", "verify", "empty", "--key", key_of(run))
    assert result.exit_code == 1
    assert "no copy of a journal" in str(result.exception)


def test_huge_file_of_somebody_else_is_not_read(home: Home, run: Run) -> None:
    with (home.journal / "checkpoint").open("ab") as file:
        file.truncate(1 << 40)
    result = run("log", "verify", str(home.journal), "--key", key_of(run))
    assert result.exit_code == 1
    assert "has more than" in str(result.exception)


def test_home_without_journal_has_nothing_to_verify(run: Run) -> None:
    result = run("log", "verify")
    assert result.exit_code == 1
    assert "no journal yet" in str(result.exception)


@pytest.mark.parametrize("with_ca", [True, False])
def test_certificate_is_proved_to_whoever_has_the_key(
    home: Home, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, with_ca: bool
) -> None:
    key, ca = key_of(run), ["--ca", home.arn] if with_ca else []
    result = run("log", "prove", home.serial, *ca, "--out", "proof")
    assert result.stdout.startswith("Wrote proof: entry ")
    assert run("log", "check", "proof", str(home.pem)).exit_code == 0  # in the home, whose key it has
    monkeypatch.setenv("SIGNET_DATA", str(tmp_path / "nothing"))
    result = run("log", "check", "proof", str(home.pem), "--key", key)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"in the journal {key.split('+')[0]}." in result.stdout
    assert not (tmp_path / "nothing").exists()

    result = run("log", "check", "proof", "other.pem", "--key", key)
    assert result.exit_code == 1
    assert "of another certificate" in str(result.exception)
    result = run("log", "check", "proof", str(home.pem))
    assert result.exit_code == 1
    assert f"the key of its log is {key}" in str(result.exception)


def test_third_party_checks_with_a_program_that_shares_nothing(home: Home, run: Run) -> None:
    key = key_of(run)
    run("log", "prove", home.serial, "--out", "proof")

    def tool(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, TOOL, *words], capture_output=True, text=True, check=False)

    done = tool("proof", "proof", key, str(home.pem))
    assert (done.returncode, done.stderr) == (0, "")
    assert home.serial.replace(":", "") in done.stdout
    assert "another certificate" in tool("proof", "proof", key, "other.pem").stderr
    assert "entries are as they were signed" in tool("log", str(home.journal), key).stdout
    damage(next((home.journal / "tile" / "0" / "000.p").iterdir()))
    assert tool("log", str(home.journal), key).returncode == 1


def test_certificate_that_the_journal_lacks_is_not_proved(home: Home, run: Run) -> None:
    result = run("log", "prove", "1234")
    assert result.exit_code == 1
    assert "no certificate with the serial number" in str(result.exception)
    assert run("log", "prove", "not hex").exit_code == 2
    assert run("log", "prove", home.serial, "--ca", "not an ARN").exit_code == 2
    other = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/00000000-0000-0000-0000-000000000000"
    assert run("log", "prove", home.serial, "--ca", other).exit_code == 1


def test_other_home_witnesses_the_journal(
    home: Home, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The witness is another installation; its cosigned checkpoint goes back to the owner, and into proofs."""
    key = key_of(run)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("SIGNET_DATA", str(tmp_path / "witness"))
        make_home(tmp_path / "witness")
        (tmp_path / "witness-key").write_text(key_of(run, "--witness"))
        assert "first one of this witness" in run("log", "witness", str(home.journal), "cosigned", "--key", key).stdout
        more(home)
        result = run("log", "witness", str(home.journal), "cosigned", "--key", key)
        assert "continues the last one" in result.stdout
        shutil.copy("cosigned", "by-witness")
        assert "CosignJournal" in (tmp_path / "witness" / "audit" / "audit.jsonl").read_text()
    more(home)
    assert run("log", "verify", "--since", "cosigned").exit_code == 0
    result = run("log", "witness", str(home.journal), "cosigned", "--key", key)
    assert "no witness of itself" in str(result.exception)

    checked = ("log", "check", "proof", str(home.pem), "--key", key, "--witness", "witness-key")
    run("log", "prove", home.serial, "--out", "proof")
    assert "has not cosigned" in str(run(*checked).exception)
    run("log", "prove", home.serial, "--out", "proof", "--checkpoint", "by-witness")
    assert " cosigned it at 20" in run(*checked).stdout


def test_witness_without_a_copy_gets_a_request(home: Home, run: Run, tmp_path: Path) -> None:
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "witness.key"], check=True, cwd=tmp_path)
    cosign = ("log", "witness", "request", "cosigned", "--key", key_of(run), "--key-file", "witness.key")
    assert run("log", "request", "request").exit_code == 0
    assert "first one of this witness" in run(*cosign).stdout
    more(home)
    assert run("log", "request", "request", "--since", "cosigned").exit_code == 0
    assert "continues the last one" in run(*cosign).stdout
    result = run(*cosign)  # the same request, which continues the checkpoint before
    assert result.exit_code == 1
    assert "It is not cosigned" in str(result.exception)
    result = run("log", "witness", "certificate.pem", *cosign[3:])
    assert "neither a copy of a journal nor a request" in str(result.exception)


def test_proof_leads_to_a_cosigned_checkpoint(home: Home, run: Run, tmp_path: Path) -> None:
    key = key_of(run)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "witness.key"], check=True, cwd=tmp_path)
    words = ("log", "witness", str(home.journal), "cosigned", "--key", key, "--key-file", "witness.key")
    assert run(*words).exit_code == 0
    note = notes.parse((tmp_path / "cosigned").read_bytes())
    more(home)
    assert run("log", "prove", home.serial, "--checkpoint", "cosigned", "--out", "proof").exit_code == 0
    assert notes.parse((tmp_path / "proof").read_bytes().partition(b"\n\n")[2]) == note
    result = run("log", "check", "proof", str(home.pem), "--key", key, "--witness", key_of(run, "--witness"))
    assert "own key is no witness" in str(result.exception)

    assert "no unencrypted Ed25519 key" in str(run(*words[:-1], str(home.pem)).exception)
    shutil.rmtree(home.journal / "tile")
    assert run(*words).exit_code == 1
    assert notes.parse((tmp_path / "cosigned").read_bytes()) == note
