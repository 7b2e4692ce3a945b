"""`signet trust`: commands are shown, run by consent only, and undone (docs/trust.md)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from chalicelib import trust
from chalicelib.config import Settings
from chalicelib.local.listener_certificate import ensured
from chalicelib.runtime import Runtime, from_settings
from tests.contract.audit.conftest import ends
from tests.support import console_steps
from tests.support.builders import pem, root_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Run = Callable[..., Result]

pytestmark = pytest.mark.laptop
SIGNET = Path(sys.executable).parent / "signet"
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
# The system's stores, without other roots, and writable for the processes of the test alone.
STAGE = (
    "mkdir -p certs/java",
    "cp /etc/ssl/certs/java/cacerts certs/java || true",
    "mount --bind certs /etc/ssl/certs",
    "mount -t tmpfs t /usr/share/ca-certificates",
    "mount -t tmpfs t /usr/local/share/ca-certificates",
    "mount -t tmpfs t /etc/ca-certificates/update.d",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setenv("HOME", str(tmp_path))
    return from_settings(Settings(data=str(tmp_path / "data")))


def has_namespaces() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*NAMESPACE, "true"], check=False).returncode == 0


def test_root_of_any_ca_is_printed(run: Run, home: Runtime) -> None:
    assert "No CA of this home is active yet." in run("trust", "root").output
    top = console_steps.root(home, {"CommonName": "Top"})
    console_steps.subordinate(home, top, {"CommonName": "Servers"})
    printed = [run("trust", "root", *words).output for words in ((), ("--ca", "Servers"), ("--ca", top))]
    certificate = x509.load_pem_x509_certificate(printed[0].encode())
    assert certificate.subject.rfc4514_string() == "CN=Top"
    assert printed == [printed[0]] * 3
    console_steps.root(home, {"CommonName": "Another"})
    assert "Choose one with --ca:" in run("trust", "root").output


def test_nothing_is_run_without_consent(run: Run, home: Runtime) -> None:
    console_steps.root(home)
    shown = run("trust", "install", "--print", "--store", "java")
    assert shown.exit_code == 0
    assert re.search(
        r"^(sudo )?keytool -importcert .* -alias signet-([0-9a-f]{16}) -file signet-\2.pem$", shown.stdout, re.MULTILINE
    )
    assert run("trust", "install", "--store", "java").exit_code == 2
    assert "not trusted" in run("trust", "list").output
    assert [event["eventName"] for event in ends(home)[-2:]] == ["InstallTrust", "InstallTrust"]


def test_database_that_is_none_is_refused(run: Run, home: Runtime, tmp_path: Path) -> None:
    console_steps.root(home)
    refused = run("trust", "install", "--yes", "--store", "nss", "--nss", str(tmp_path))
    assert (refused.exit_code, "is no NSS database" in refused.output) == (1, True)


@pytest.mark.skipif(not shutil.which("certutil"), reason="NSS's certutil is not installed")
def test_browser_database_trusts_the_root_until_it_is_removed(run: Run, home: Runtime, tmp_path: Path) -> None:
    console_steps.root(home)
    database = tmp_path / ".mozilla/firefox/x.default"
    database.mkdir(parents=True)
    subprocess.run(["certutil", "-N", "-d", f"sql:{database}", "--empty-password"], check=True)
    assert run("trust", "install", "--yes", "--store", "nss").exit_code == 0
    listed = subprocess.run(["certutil", "-L", "-d", f"sql:{database}"], capture_output=True, text=True, check=True)
    assert re.search(r"signet-[0-9a-f]{16} +C,, ", listed.stdout)
    assert "Nothing has to change" in run("trust", "install", "--yes", "--store", "nss").output
    assert f"nss {database}  trusted\n" in run("trust", "list").output
    assert run("trust", "remove", "--yes", "--store", "nss").exit_code == 0
    assert f"nss {database}  not trusted\n" in run("trust", "list").output


@pytest.mark.slow
@pytest.mark.skipif(not has_namespaces(), reason="this user cannot make namespaces")
@pytest.mark.skipif(not shutil.which("update-ca-certificates"), reason="the system has another store")
def test_system_trusts_the_root_until_it_is_removed(
    run: Run, home: Runtime, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In a namespace of mounts of its own, so that this machine stays as it is; Java, too, with --whole."""
    console_steps.root(home)
    assert run("issue", "www.example.com", "--out", str(tmp_path)).exit_code == 0
    (tmp_path / "other.crt").write_bytes(pem(root_certificate()))
    java = " --store java" if request.config.getoption("--whole") and shutil.which("keytool") else ""
    verify = f"openssl verify -CApath /etc/ssl/certs {tmp_path}/www.example.com.pem"
    steps = [
        *STAGE,
        "cp other.crt /usr/local/share/ca-certificates",
        f"{SIGNET} trust install --yes --store system{java}",
        verify,
        f"{SIGNET} trust list >listed" if java else "true",
        f"{SIGNET} trust remove --yes --store system{java}",
        f"! {verify}",
        f"{SIGNET} trust list >>listed" if java else "true",
    ]
    environment = {**os.environ, "SIGNET_DATA": str(tmp_path / "data"), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [*NAMESPACE, "sh", "-ec", "\n".join(steps)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("www.example.com.pem: OK") == 1
    assert "unable to get local issuer certificate" in ended.stderr
    if java:
        words = re.findall(r"^(?:ca-certificates|java) +(.*)$", (tmp_path / "listed").read_text(), re.MULTILINE)
        assert words == ["trusted", "trusted", "not trusted", "not trusted"]


def test_every_command_is_complete() -> None:
    root = trust.Root(b"certificate")
    for store in trust.STORES.values():
        for words in (*store.install, *store.remove, store.find):
            filled = trust.filled(words, root, file="/f", database="/d")
            assert not [word for word in filled if "{" in word]


def test_root_of_the_listener_is_printed_unless_a_ca_is_named(run: Run, home: Runtime) -> None:
    assert "SIGNET_TLS_PORT=8443 signet serve" in run("trust", "root", "--listener").output
    top = console_steps.root(home, {"CommonName": "Top"})
    printed = ensured(home).root + "\n"
    assert [run("trust", "root", *words).stdout for words in ((), ("--listener",))] == [printed, printed]
    named = x509.load_pem_x509_certificate(run("trust", "root", "--ca", top).stdout.encode())
    assert named.subject.rfc4514_string() == "CN=Top"
    assert "Give --ca or --listener" in run("trust", "root", "--listener", "--ca", top).output
    assert "TLS listener" in run("trust", "list", "--listener").stdout


def test_trust_in_the_root_of_the_listener_is_recorded_as_that(run: Run, home: Runtime) -> None:
    ensured(home)
    assert "TLS listener" in run("trust", "install", "--listener", "--print").stdout
    (call,) = (each for each in ends(home) if each["eventName"] == "InstallTrust")
    assert call["requestParameters"] == {"is_listener": True}
