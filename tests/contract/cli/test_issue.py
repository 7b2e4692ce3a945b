"""`signet issue`: a key with its certificate in one go (docs/issuance.md)."""

from __future__ import annotations

import stat
import subprocess
from ipaddress import ip_address
from typing import TYPE_CHECKING

import click
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from chalicelib.cli import issued_files
from chalicelib.config import Settings
from chalicelib.errors import ServiceUnavailable
from chalicelib.identities import IssuingPreset
from chalicelib.operations import issuing_presets
from chalicelib.pki.x509 import summary
from chalicelib.runtime import Runtime, from_settings
from tests.contract.audit.conftest import ends
from tests.support import console_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]

pytestmark = pytest.mark.laptop


@pytest.fixture
def home(tmp_path: Path) -> Runtime:
    return from_settings(Settings(data=str(tmp_path / "data")))


@pytest.fixture
def root(home: Runtime) -> str:
    return console_steps.root(home)


def issued(out: Path, stem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((out / f"{stem}.pem").read_bytes())


def names(certificate: x509.Certificate) -> list[object]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [name.value for name in extension.value]


@pytest.mark.usefixtures("root")
def test_key_csr_certificate_chain_and_p12_are_made_at_once(run: Run, home: Runtime, tmp_path: Path) -> None:
    out = tmp_path / "made"
    made = run("issue", "www.example.com", "--out", str(out), "--p12-password-file", "-", input="secret words\n")
    assert made.exit_code == 0, made.output
    stem = "www.example.com"
    endings = ["-chain.pem", "-csr.pem", "-fullchain.pem", "-key.pem", ".p12", ".pem"]
    assert sorted(path.name for path in out.iterdir()) == [stem + ending for ending in endings]
    modes = {path.name.removeprefix(stem): stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()}
    assert {ending for ending, mode in modes.items() if mode == 0o600} == {"-key.pem", ".p12"}
    verified = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", f"{stem}-chain.pem", "-verify_hostname", stem, f"{stem}.pem"],
        cwd=out,
        capture_output=True,
        check=False,
    )
    assert verified.stdout == b"www.example.com.pem: OK\n"
    certificate = issued(out, stem)
    key = load_pem_private_key((out / f"{stem}-key.pem").read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    bundle = pkcs12.load_pkcs12((out / f"{stem}.p12").read_bytes(), b"secret words")
    assert bundle.key is not None
    assert bundle.cert is not None
    assert (bundle.cert.certificate, len(bundle.additional_certs)) == (certificate, 1)
    full = x509.load_pem_x509_certificates((out / f"{stem}-fullchain.pem").read_bytes())
    assert full == [certificate, bundle.additional_certs[0].certificate]
    found = ends(home)[-3:]
    assert [event["eventName"] for event in found] == ["IssueCertificate", "GetCertificate", "IssueWithNewKey"]
    assert found[2]["requestParameters"]["name"] == stem
    assert found[2]["userIdentity"]["type"] == "OperatingSystemUser"


@pytest.mark.usefixtures("root")
def test_each_name_is_of_the_kind_that_it_looks_like(run: Run, tmp_path: Path) -> None:
    others = ["*.example.com", "192.0.2.1", "2001:db8::1", "a@example.com", "spiffe://example.com/x", "urn:a:b"]
    words = [word for other in others for word in ("--san", other)]
    assert run("issue", "www.example.com", *words, "--out", str(tmp_path)).exit_code == 0
    extension = issued(tmp_path, "www.example.com").extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [(type(name).__name__, name.value) for name in extension.value] == [
        ("DNSName", "www.example.com"),
        ("DNSName", "*.example.com"),
        ("IPAddress", ip_address("192.0.2.1")),
        ("IPAddress", ip_address("2001:db8::1")),
        ("RFC822Name", "a@example.com"),
        ("UniformResourceIdentifier", "spiffe://example.com/x"),
        ("UniformResourceIdentifier", "urn:a:b"),
    ]


@pytest.mark.usefixtures("root")
def test_name_that_is_no_host_is_warned_about_where_the_certificate_is_a_servers(run: Run, tmp_path: Path) -> None:
    made = run("issue", "Web Server", "--out", str(tmp_path))
    assert "warning: the certificate has no subject alternative name" in made.stderr
    client = run("issue", "robot", "--template", "EndEntityClientAuthCertificate", "--out", str(tmp_path))
    assert (client.exit_code, client.stderr) == (0, "")
    for stem in ("Web_Server", "robot"):
        with pytest.raises(x509.ExtensionNotFound):
            names(issued(tmp_path, stem))
    long = f"{'a' * 60}.example.com"
    assert run("issue", long, "--out", str(tmp_path)).exit_code == 0
    certificate = issued(tmp_path, long)
    assert (names(certificate), list(certificate.subject)) == ([long], [])


@pytest.mark.usefixtures("root")
def test_files_are_replaced_only_by_force_and_nothing_stays_of_a_refusal(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("issue", "a.example.com", "--out", str(out), "--key-algorithm", "EC_secp384r1")
    assert run(*words).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    refused = run(*words)
    assert (refused.exit_code, {path.name: path.read_bytes() for path in out.iterdir()}) == (1, before)
    assert "a.example.com-key.pem exists already: use --force to replace it." in refused.output
    assert run(*words, "--days", "99999").exit_code == 1
    too_long = run("issue", "b.example.com", "--out", str(out), "--days", "99999")
    assert too_long.exit_code == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run(*words, "--force").exit_code == 0
    assert {path.name for path in out.iterdir() if path.read_bytes() == before[path.name]} == {
        "a.example.com-chain.pem"
    }


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("a.example.com", "--san", "two words"), "'two words' is refused as a DNS name."),
        (("a.example.com", "--san", "a@b@c"), "'a@b@c' is refused as an email address."),
        (("a.example.com", "--template", "Nothing"), "There is no template 'Nothing'."),
        (("a.example.com", "--ca", "Another"), "No CA of this home is called 'Another'."),
        (("a.example.com", "--p12"), "use --p12-password-file"),
        (("a" * 65 + " b",), "refused as a common name"),
    ],
)
@pytest.mark.usefixtures("root")
def test_what_cannot_be_issued_is_refused_in_words(run: Run, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    refused = run("issue", *words, "--out", str(tmp_path / "out"))
    assert refused.exit_code != 0
    assert why in refused.output
    assert not (tmp_path / "out").exists()


def test_the_only_ca_that_is_above_no_other_issues(run: Run, home: Runtime, tmp_path: Path) -> None:
    nobody = run("issue", "a.example.com", "--out", str(tmp_path))
    assert "No CA of this home can issue certificates yet." in nobody.output
    top = console_steps.root(home, {"CommonName": "Top"})
    servers = console_steps.subordinate(home, top, {"CommonName": "Servers"})
    arn = console_steps.arn_of(servers)
    assert f"Servers issued {arn}/certificate/" in run("issue", "a.example.com", "--out", str(tmp_path)).output
    devices = console_steps.subordinate(home, top, {"CommonName": "Devices"})
    two = run("issue", "b.example.com", "--out", str(tmp_path))
    assert "More than one CA can issue certificates. Choose one with --ca:" in two.output
    assert f"  Servers  {arn}" in two.output
    for name in ("Devices", devices, console_steps.arn_of(devices)):
        assert run("issue", "b.example.com", "--ca", name, "--force", "--out", str(tmp_path)).exit_code == 0


def write_beside_another(directory: Path) -> None:
    """Write two files, the second of which appears meanwhile."""
    with (
        issued_files.staged(directory, ["a.pem", "b.pem"], replace=False) as files,
        issued_files.complaining_of("arn:x"),
    ):
        files.add("a.pem", b"a", secret=True)
        files.add("b.pem", b"b")
        (directory / "b.pem").write_text("appeared meanwhile")
        files.publish()


def test_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=r"the key is gone: revoke arn:x\."):
        write_beside_another(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b.pem": "appeared meanwhile"}


def test_certificate_that_cannot_be_fetched_is_named() -> None:
    outage = ServiceUnavailable("A part of the service does not answer.")
    with (
        pytest.raises(click.ClickException, match=r"fetched \(A part .* answer\), and the key is gone: revoke arn:x\."),
        issued_files.complaining_of("arn:x"),
    ):
        raise outage


def test_directory_that_cannot_be_written_is_refused_before_anything_is_issued(
    run: Run, home: Runtime, root: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    before = len(list(home.store.list_certificates(console_steps.arn_of(root))))
    refused = run("issue", "a.example.com", "--out", str(tmp_path / "file/below"))
    assert (refused.exit_code, "cannot be written: Not a directory." in refused.output) == (1, True)
    assert len(list(home.store.list_certificates(console_steps.arn_of(root)))) == before


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("www.example.com", "www.example.com"),
        ("*.example.com", "_wildcard.example.com"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "certificate"),
        ("::1", "_1"),
        ("a\r\nb\u202e", "a_b_"),
        ("x" * 300, "x" * 100),
    ],
)
def test_names_of_files_are_safe(name: str, stem: str) -> None:
    assert summary.file_stem(name) == stem


@pytest.mark.usefixtures("root")
def test_preset_gives_template_and_days_and_refuses_other_names(home: Runtime, run: Run, tmp_path: Path) -> None:
    account_id = home.settings.account_id
    preset = IssuingPreset(
        account_id=account_id,
        name="web",
        template="EndEntityServerAuthCertificate",
        days=20,
        names=("*.example.com",),
        created_at=home.now(),
    )
    issuing_presets.save(home, preset)
    result = run("issue", "www.example.com", "--preset", "web", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    certificate = issued(tmp_path / "out", "www.example.com")
    assert (certificate.not_valid_after_utc - home.now()).days in {19, 20}
    refused = run("issue", "www.example.net", "--preset", "web", "--out", str(tmp_path / "out"))
    assert refused.exit_code != 0
    assert "does not allow the name 'www.example.net'" in str(refused.exception)
    assert run("issue", "a.example.com", "--preset", "none").exit_code == 2
    assert run("issue", "a.example.com", "--preset", "web", "--template", "EndEntityCertificate").exit_code == 2
