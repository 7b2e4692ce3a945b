"""What the `signet` command prints about a home (docs/runbook.md)."""

from __future__ import annotations

import json
import re
import shutil
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from chalicelib.cli import signet
from chalicelib.config import Settings
from chalicelib.console import sessions
from chalicelib.runtime import Runtime, from_settings
from tests.support.authority_steps import active_root, create, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION
from tests.support.client import client_for
from tests.support.home import free_port, make_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.laptop


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def home(data: Path) -> Runtime:
    """A home whose clock is the machine's, as the command's is."""
    return from_settings(Settings(data=str(data)))


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("SIGNET_DATA", str(data))
    make_home(data)
    return lambda *words: CliRunner().invoke(signet, words)


def test_status_of_an_empty_home(run: Callable[..., Result]) -> None:
    assert run("status").output == "There is no CA yet.\n"
    assert json.loads(run("status", "--json").output) == {
        "Clock": "",
        "Journal": {"Entries": 0, "PublishedAt": None},
        "CertificateAuthorities": [],
    }


def test_status_shows_each_ca_and_its_crl(run: Callable[..., Result], home: Runtime) -> None:
    client = client_for(home)
    root = active_root(client, Tags=[{"Key": "Name", "Value": "first\u2028line"}])
    waiting = create(client, RevocationConfiguration={"CrlConfiguration": {"Enabled": False}})
    issue(client, root)
    bad = serial_of(issue(client, root))
    client.revoke_certificate(CertificateAuthorityArn=root, CertificateSerial=bad, RevocationReason="SUPERSEDED")
    assert run("crl", "publish").output.startswith(f"published: {root}: number ")
    assert run("crl", "publish").output == "No CRL is due.\n"
    assert "as recorded" in run("crl", "verify").output
    assert run("crl", "rebuild", root).exit_code == 0
    assert run("crl", "publish").output.startswith(f"published: {root}: number ")
    assert "There is no CRL" in run("crl", "rebuild", f"{root[:-4]}0000").output
    assert "is not the ARN of a certificate authority" in run("crl", "rebuild", "x").output
    heading, first, second, journal = run("status").output.splitlines()
    assert re.fullmatch(r"Journal: [0-9]+ entries, last checkpoint .*", journal)
    assert heading.split()[:4] == ["Name", "Type", "Status", "Issued"]
    assert first.startswith("first\\u{2028}line")  # hidden characters do not reach the terminal
    assert first.split()[1:5] == ["ROOT", "ACTIVE", "3", "0"]
    assert re.fullmatch(r"[0-9]+ms", first.split()[5])
    assert first.split()[6:8] == ["1", "fresh"]
    assert first.endswith(root)
    assert second.split()[-8:-1] == ["0", "0", "-", "0", "off", "-", "-"]
    assert second.endswith(waiting)
    shown = json.loads(run("status", "--json").output)["CertificateAuthorities"]
    assert [each["Arn"] for each in shown] == [root, waiting]
    assert (shown[0]["Crl"]["Entries"], shown[0]["Crl"]["Fresh"]) == (1, True)
    records = list(home.store.list_certificates(root))
    times = [1000 * (each.issued_at - each.reserved_at).total_seconds() for each in records if each.issued_at]
    assert shown[0]["Metrics"] == {"Success": 3, "Failure": 0, "Time": round(sum(times) / 3, 1)}
    assert shown[1]["Metrics"] == {"Success": 0, "Failure": 0, "Time": None}
    assert shown[1]["Crl"] is None


def test_crl_that_is_not_what_is_recorded_is_told(run: Callable[..., Result], home: Runtime, data: Path) -> None:
    assert run("crl", "verify").output == "There is no CRL to verify.\n"
    client = client_for(home)
    issue(client, active_root(client))
    (stored,) = (each for each in (data / "buckets").rglob("*.crl") if ".headers" not in each.parts)
    stored.unlink()
    found = run("crl", "verify")
    assert found.exit_code == 1
    assert "It is not published." in found.output


def test_spoiled_record_of_a_ca_is_told_with_its_arn_beside_the_crls_of_others(
    run: Callable[..., Result], home: Runtime
) -> None:
    client = client_for(home)
    spoiled, right = (active_root(client) for _ in range(2))
    for each in (spoiled, right):
        issue(client, each)
    ca = home.store.get_certificate_authority(spoiled)
    assert ca is not None
    home.store.update_certificate_authority(ca, replace(ca, certificate_der=b"\x30\x00"))
    found = run("crl", "verify")
    assert found.exit_code == 1
    rows = found.stdout.splitlines()[1:]
    assert len(rows) == 2
    assert [row.split()[-1] for row in rows if "as recorded" not in row] == [spoiled]


def test_crl_that_cannot_be_published_is_told_with_its_reason(
    run: Callable[..., Result], home: Runtime, data: Path
) -> None:
    client = client_for(home)
    root = active_root(client)
    serial = serial_of(issue(client, root))
    client.revoke_certificate(CertificateAuthorityArn=root, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    bucket = data / "buckets" / CRL_CONFIGURATION["CrlConfiguration"]["S3BucketName"]
    shutil.rmtree(bucket)
    bucket.write_text("no directory")
    failed = run("crl", "publish")
    assert failed.exit_code == 1
    assert failed.stderr.startswith(f"failed: {root}: ")
    *_, last = run("status").output.splitlines()
    assert last.startswith(f"{root}: CRL failed 1 times: ")
    assert " failing " in run("status").output


def test_access_keys_are_listed_without_their_secrets(run: Callable[..., Result]) -> None:
    made = dict(line.split("=") for line in run("credentials", "create", "--description", "mine").output.split())
    listed = run("credentials", "list").output
    assert made["AWS_ACCESS_KEY_ID"] in listed
    assert made["AWS_SECRET_ACCESS_KEY"] not in listed
    assert run("credentials", "delete", made["AWS_ACCESS_KEY_ID"]).exit_code == 0
    assert run("credentials", "delete", made["AWS_ACCESS_KEY_ID"]).exit_code == 1
    refused = run("credentials", "create", "--account-id", "12")
    assert (refused.exit_code, "must be 12 digits" in refused.stderr) == (2, True)


def test_monitor_fetches_what_strangers_fetch(
    run: Callable[..., Result], home: Runtime, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("monitor").output == "There is no CRL and no OCSP responder to watch.\n"
    files = partial(SimpleHTTPRequestHandler, directory=str(data / "buckets"))
    with ThreadingHTTPServer(("127.0.0.1", 0), files) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setenv("SIGNET_PUBLIC_URL", f"http://127.0.0.1:{server.server_port}")
        client = client_for(from_settings(Settings.from_env()))
        issue(client, active_root(client))
        found = run("monitor")
        server.shutdown()
        thread.join()
    dead = run("monitor")
    assert dead.exit_code == 1
    assert "Connection refused" in dead.output
    assert found.exit_code == 0, found.output
    number, *_, freshness, url = found.output.splitlines()[1].split()
    assert (len(number), freshness, url[:17]) == (13, "fresh", "http://127.0.0.1:")


def test_console_needs_a_home_that_runs(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNET_PORT", str(free_port()))
    found = run("console", "--no-browser")
    assert found.exit_code == 1
    assert "start Signet with `signet serve`" in found.output
    monkeypatch.setenv("SIGNET_STATE", "dynamodb")
    assert "Links work only on a laptop" in run("console").output


def test_console_prints_a_link_that_signs_in_once(
    run: Callable[..., Result], home: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Healthy(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("SIGNET_PORT", str(server.server_port))
    try:
        link = run("console", "--no-browser").output.strip()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    address, _, once = link.partition("?once=")
    assert address == f"http://127.0.0.1:{server.server_port}/console/link"
    assert sessions.follow_link(home, once) is not None
    assert sessions.follow_link(home, once) is None
