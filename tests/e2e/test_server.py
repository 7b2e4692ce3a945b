"""The laptop home's server, as a process (README, "Two commands")."""

from __future__ import annotations

import ctypes
import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from botocore.exceptions import ClientError

from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import csr
from tests.support.home import BIN, ROOT, Home
from tests.support.worker_processes import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]


def post(home: Home, headers: dict[str, str], body: bytes = b"{}") -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=10)
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


JSON = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "ACMPrivateCA.ListCertificateAuthorities"}


def test_unsigned_request_is_refused_in_aws_s_form(home: Home) -> None:
    status, body = post(home, JSON)
    assert status == 400
    assert body == {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"}


def test_wrong_secret_is_refused(home: Home) -> None:
    with pytest.raises(ClientError) as caught:
        home.client(aws_secret_access_key="x" * 40).list_certificate_authorities()
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_stale_date_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import botocore.auth

    stale = datetime.now(UTC) - timedelta(minutes=6)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: stale.replace(tzinfo=None))
    with pytest.raises(ClientError, match="Signature expired"):
        home.client().list_certificate_authorities()


PATHS = [
    ("GET", "/", 405),
    ("PUT", "/", 405),
    ("GET", "/nothing", 404),
    ("POST", "/healthz", 405),
    ("GET", "/a/b/c", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), PATHS)
def test_other_paths_and_methods_are_refused_in_aws_s_form(home: Home, method: str, path: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=10)
    connection.request(method, path, headers={"Authorization": "x"})
    answer = connection.getresponse()
    assert answer.status == status
    assert json.loads(answer.read()).keys() == {"__type", "message"}
    connection.close()


UNROUTED = [
    ("PUT", "/console", 405),
    ("DELETE", "/console/cas", 405),
    ("PUT", "/console/sign-out", 405),
    ("PATCH", "/console/cas/00000000-0000-0000-0000-000000000000/sharing/permit", 405),
    ("PATCH", "/console/none", 404),
    ("GET", "/console/a/b/c/d/e/f/g", 404),
    ("GET", "/console/a/b/c/d/e/f/", 404),
    ("HEAD", "/console/a/b/c/d/e/f", 404),
    ("HEAD", "/console/sign-in", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), UNROUTED)
def test_console_has_a_page_for_other_paths_and_methods(home: Home, method: str, path: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    assert answer.status == status
    assert (answer.headers["Allow"] is not None) == (status == 405)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    body = answer.read().decode()
    assert ("<html" in body) == (method != "HEAD")
    for style in re.findall(r'href="([^"]*console.css[^"]*)"', body):
        connection.request("GET", urljoin(path, style))
        sheet = connection.getresponse()
        assert (sheet.status, len(sheet.read()) > 0) == (200, True)
    connection.close()


def test_oversized_body_is_refused_before_it_is_read(home: Home) -> None:
    with socket.create_connection(("127.0.0.1", home.port), timeout=10) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\nx")
        assert b" 413 " in raw.recv(4096).split(b"\r\n")[0]


def test_slow_client_does_not_block_others(home: Home) -> None:
    slow = [socket.create_connection(("127.0.0.1", home.port), timeout=10) for _ in range(40)]
    for each in slow:
        each.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
    assert post(home, JSON)[0] == 400
    for each in slow:
        each.close()


def test_eight_threads_never_see_each_other_s_requests(home: Home) -> None:
    """Each thread tags its own CA with its own value, over and over, and reads it back."""
    client = home.client()
    arns = [active_root(client) for _ in range(8)]
    mixed: list[str] = []

    def work(number: int) -> None:
        own = home.client()
        for round_ in range(25):
            value = f"{number}-{round_}"
            own.tag_certificate_authority(CertificateAuthorityArn=arns[number], Tags=[{"Key": "k", "Value": value}])
            found = own.list_tags(CertificateAuthorityArn=arns[number])["Tags"]
            if found != [{"Key": "k", "Value": value}]:
                mixed.append(f"{value}: {found}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mixed == []


def test_second_server_of_a_home_is_refused(home: Home) -> None:
    found = home.signet("serve", check=False)
    assert found.returncode == 1
    assert "serves" in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def test_port_in_use_is_refused_in_one_sentence(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.environment["SIGNET_PORT"] = str(home.port)
    found = other.signet("serve", check=False)
    assert found.returncode == 1
    assert str(home.port) in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_stops_cleanly(tmp_path: Path, number: int) -> None:
    home = Home(tmp_path / "home")
    home.start()
    home.client().list_certificate_authorities()
    home.signet("status")  # another process opens and closes the database meanwhile
    assert home.stop(number) == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text()
    assert not (home.data / "signet.db.open").exists()
    (home.data / "signet.db-wal").unlink(missing_ok=True)  # the database has all of it
    assert home.signet("status", check=False).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="a signal for one thread of a process is Linux's")
def test_signal_that_another_thread_gets_ends_an_idle_server(tmp_path: Path) -> None:
    """The kernel may hand a signal to any thread, or to the main one just before it falls asleep."""
    home = Home(tmp_path / "home", SIGNET_WORKERS="1")
    home.start()
    assert home.process is not None
    process = home.process.pid
    others = {int(task.name) for task in Path(f"/proc/{process}/task").iterdir()} - {process}
    assert not ctypes.CDLL(None).tgkill(process, min(others), signal.SIGTERM)  # the oldest lives as long as the server
    assert home.process.wait(timeout=20) == 0


def test_half_sent_requests_neither_delay_the_end_nor_break_it(tmp_path: Path) -> None:
    """A head has 10 seconds to arrive, a body 10 or 30; the server waits for none of them, and ends with 0."""
    home = Home(tmp_path / "home")
    home.start()
    assert home.process is not None
    head = b"POST /ocsp HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    halves = [b"", head, head + b"Content-Length: 5000\r\n\r\nx"] * 5
    clients = [socket.create_connection(("127.0.0.1", home.port)) for _ in halves]
    for client, half in zip(clients, halves, strict=True):
        client.sendall(half)
    home.client().list_certificate_authorities()  # the server has read what came before
    home.process.send_signal(signal.SIGTERM)
    assert home.process.wait(timeout=9) == 0
    for each in (*clients, home.process.stdout):
        assert each is not None
        each.close()
    log = (tmp_path / "server.log").read_text()
    assert "panic" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize(("end", "log"), [("stuck", "stderr"), ("closed", "files")])
def test_log_that_nobody_reads_stops_no_issuing(tmp_path: Path, end: str, log: str) -> None:
    """This pipe holds 4 KB, and each certificate logs 1 to 2 KB."""
    home = Home(tmp_path / "home", SIGNET_LOG=log, SIGNET_LOG_LEVEL="DEBUG")
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    home.stderr = writer
    home.start()
    os.close(writer)
    if end == "closed":
        os.close(reader)
    client = home.client()
    arn = active_root(client)
    issued = {serial_of(issue(client, arn)) for _ in range(10)}
    assert home.stop(signal.SIGTERM) == 0
    if end == "stuck":
        os.close(reader)
    if log == "files":
        lines = [json.loads(line) for line in (tmp_path / "home" / "signet.log").read_text().splitlines()]
        signed = {line.get("serial") for line in lines if (line["event"], line.get("phase")) == ("signature", "after")}
        assert issued <= signed
    found = home.signet("audit", "verify")
    assert found.returncode == 0


def test_server_prints_lines_to_paste_that_work(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.start()
    assert home.process is not None
    assert home.process.stdout is not None
    lines = [home.process.stdout.readline() for _ in range(6)]
    script = "".join(line for line in lines if line.startswith("  "))
    environment = home.environment | {"PATH": f"{BIN}:{os.environ['PATH']}", "BROWSER": "true"}
    found = subprocess.run(
        ["bash", "-ec", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "CertificateAuthorities" in found.stdout
    home.stop()


def test_unknown_setting_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", SIGNET_BUKETS="s3")
    found = home.signet("serve", check=False)
    assert found.returncode == 2
    assert "SIGNET_BUKETS" in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def test_kills_under_writers_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Eight writers, a kill at a random moment, a restart: what was answered is there, and every record ends.

    A copy of the database from before all but the first of these learns it from the journal.
    """
    import random

    home = Home(tmp_path / "home", SIGNET_PENDING_SECONDS="30", SIGNET_JOURNAL=str(tmp_path / "journal"))
    home.start()
    arn = active_root(home.client())
    wait_until((tmp_path / "journal" / "log" / "checkpoint").exists, "the journal begins")
    issued: list[str] = []
    revoked: list[str] = []
    chance, copy = random.Random(7), b""
    for _ in range(6):
        stopping = threading.Event()
        threads = [
            threading.Thread(target=_write, args=(home.client(), arn, issued, revoked, stopping)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        wait_until_grown(issued, revoked)
        stopping.wait(chance.uniform(0, 1))
        home.stop(signal.SIGKILL)
        stopping.set()
        for thread in threads:
            thread.join()
        copy = copy or database_of(home)
        home.start()
    client = home.client()
    for certificate_arn in issued:
        answer = client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate_arn)
        assert answer["Certificate"]
    all_are_revoked(client, arn, revoked)
    assert len(set(issued)) == len(issued)
    issue(client, arn)
    home.stop()
    for name in ("signet.db-wal", "signet.db-shm"):
        (home.data / name).unlink(missing_ok=True)
    (home.data / "signet.db").write_bytes(copy)
    home.start()
    lost = 0
    for certificate_arn in issued:
        try:
            client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate_arn)
        except client.exceptions.RequestFailedException as error:
            lost += "lost with the database" in str(error)
    assert 0 < lost < len(issued)
    all_are_revoked(client, arn, revoked)
    issue(client, arn)
    home.stop()


def wait_until_grown(*lists: list[str]) -> None:
    before = [len(each) for each in lists]
    while any(len(each) == size for each, size in zip(lists, before, strict=True)):
        time.sleep(0.05)


def database_of(home: Home) -> bytes:
    """The database, as a backup has it; another program that closes the home's would look as if its log were lost."""
    with tempfile.TemporaryDirectory() as directory:
        for path in home.data.glob("signet.db*"):
            shutil.copy(path, directory)
        with closing(sqlite3.connect(Path(directory) / "signet.db")) as source:
            return source.serialize()


def all_are_revoked(client: Any, arn: str, revoked: list[str]) -> None:
    for certificate_arn in revoked:
        serial = certificate_arn.rsplit("/", 1)[1]
        with pytest.raises(client.exceptions.RequestAlreadyProcessedException):
            client.revoke_certificate(
                CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED"
            )


def _write(client: Any, arn: str, issued: list[str], revoked: list[str], stopping: threading.Event) -> None:
    request = csr()
    while not stopping.is_set():
        try:
            made = issue(client, arn, Csr=request)
            issued.append(made)
            if len(issued) % 5 == 0:
                serial = made.rsplit("/", 1)[1]
                client.revoke_certificate(
                    CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED"
                )
                revoked.append(made)
        except Exception:  # noqa: BLE001  whatever a killed server leaves of a call
            return  # the server was killed: nothing was acknowledged
