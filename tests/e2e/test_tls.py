"""The laptop home by https: real clients, renewal while they are connected, and strangers who never finish (ADR 21)."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from chalicelib.ca import listener
from chalicelib.config import Settings
from chalicelib.console import sessions
from chalicelib.local import tls_front
from tests.support.authority_steps import active_root, fetch, issue
from tests.support.home import Home, free_port
from tests.support.ocsp_requests import GOOD, ON, authority, request_for
from tests.support.rsgi import Key, Request
from tests.support.worker_processes import are_serving, wait_until, workers_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
OPENSSL = shutil.which("openssl")
LISTING = ("x-amz-target", "ACMPrivateCA.ListCertificateAuthorities")


class Https:
    """A home with a TLS listener, and its clients."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.port, self.root_file = free_port(), directory / "root.pem"
        self.home = Home(directory / "home", SIGNET_TLS_PORT=str(self.port), **{"SIGNET_WORKERS": "1"} | settings)
        self.url = f"https://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.home.start()
        self.root_file.write_text(self.home.signet("trust", "root").stdout)

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.root_file))

    def connection(self, name: str = "localhost") -> http.client.HTTPSConnection:
        made = http.client.HTTPSConnection(name, self.port, context=self.trusting(), timeout=20)
        made.connect()
        return made

    def shown(self) -> x509.Certificate:
        """The certificate that a new connection is shown."""
        with closing(self.connection()) as made:
            return certificate_of(made)

    def client(self) -> Any:
        return self.home.client(endpoint_url=self.url, verify=str(self.root_file))

    def s_client(self, *words: str) -> subprocess.CompletedProcess[str]:
        assert OPENSSL is not None
        return subprocess.run(
            [OPENSSL, "s_client", "-connect", f"127.0.0.1:{self.port}", *words],
            input="",
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    def identity(self) -> listener.Identity:
        found = listener.read(Settings(data=str(self.home.data)))
        assert found is not None
        return found

    def make_due(self, seconds: float) -> None:
        """Say in the file that the certificate is to be renewed in so many seconds."""
        path = listener.path_of(Settings(data=str(self.home.data)))
        written = json.loads(path.read_text())
        path.write_text(
            json.dumps(written | {"renew_at": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()})
        )


def certificate_of(connection: http.client.HTTPSConnection) -> x509.Certificate:
    return x509.load_der_x509_certificate(connection.sock.getpeercert(binary_form=True) or b"")


def status_of(connection: http.client.HTTPConnection, path: str = "/healthz") -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    made = Https(tmp_path_factory.mktemp("tls"), SIGNET_TLS_NAMES="pki.example.test,192.0.2.7,2001:db8::7")
    made.start()
    yield made
    assert made.home.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "pki.example.test", "192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_verifies_chain_and_name(served: Https, name: str, version: str) -> None:
    kind = "-verify_ip" if re.fullmatch(r"[0-9.]+|.*:.*", name) else "-verify_hostname"
    found = served.s_client("-CAfile", str(served.root_file), "-verify_return_error", kind, name, version)
    assert found.returncode == 0, found.stderr
    assert "Verify return code: 0 (ok)" in found.stdout


@pytest.mark.parametrize(
    "words",
    {
        "TLS 1.1": ("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"),
        "no forward secrecy": ("-tls1_2", "-cipher", "AES128-GCM-SHA256"),
        "no authenticated encryption": ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"),
    }.values(),
)
def test_old_ways_are_refused(served: Https, words: tuple[str, ...]) -> None:
    found = served.s_client(*words)
    assert found.returncode != 0
    assert "alert" in found.stderr


def test_name_that_the_home_does_not_have_is_not_in_the_certificate(served: Https) -> None:
    found = served.s_client("-CAfile", str(served.root_file), "-verify_return_error", "-verify_hostname", "a.test")
    assert "hostname mismatch" in found.stdout + found.stderr


def test_root_is_all_that_is_printed_and_anything_else_is_not_trusted(served: Https) -> None:
    (printed,) = x509.load_pem_x509_certificates(served.root_file.read_bytes())
    assert served.root_file.read_text().startswith("-----BEGIN CERTIFICATE-----\n")
    assert printed.issuer == printed.subject
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        closing(socket.create_connection(("127.0.0.1", served.port))) as raw,
    ):
        ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")


def test_curl_gets_health_crl_and_ocsp(served: Https, tmp_path: Path) -> None:
    curl = ("curl", "--silent", "--show-error", "--fail", "--cacert", str(served.root_file))
    health = subprocess.run([*curl, f"https://localhost:{served.port}/healthz"], capture_output=True, check=True)
    assert json.loads(health.stdout)["status"] == "ok"
    name = "11112222-3333-4444-5555-666677778888.crl"
    directory = served.home.data / "buckets" / "some-crls" / "crl"
    directory.mkdir(parents=True)
    content = random.Random(1).randbytes(3_000_000)
    (directory / name).write_bytes(content)
    file = tmp_path / "found.crl"
    subprocess.run([*curl, f"{served.url}/some-crls/crl/{name}", "--output", file], check=True)
    assert file.read_bytes() == content


def test_boto3_signs_as_ever_and_sees_its_own_cas_alone(served: Https) -> None:
    client = served.client()
    arn = active_root(client)
    assert fetch(client, arn, issue(client, arn))
    listed = client.list_certificate_authorities()["CertificateAuthorities"]
    assert [ca["Arn"] for ca in listed if listener.ACCOUNT in ca["Arn"]] == []
    assert arn in [ca["Arn"] for ca in listed]


def test_record_names_the_client_and_not_the_listener(served: Https) -> None:
    served.client().list_certificate_authorities(MaxResults=7)
    words = ("audit", "search", "--operation", "ListCertificateAuthorities", "--json")
    found = served.home.signet(*words, check=False)
    assert '"127.0.0.1"' in found.stdout, found.stderr


def test_body_that_is_sent_in_pieces_arrives_whole(served: Https) -> None:
    """The signature holds for the body as a whole, and for a head that lets the body be read at all."""
    parts = [b"{", b" " * 40_000, b"}"]
    exports, headers = served.home.exports(), [("content-type", "application/x-amz-json-1.1"), LISTING]
    key = Key(exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])
    request = Request("POST", "/", "", headers, b"".join(parts))
    signed = key.signed(request, at=datetime.now(UTC), host=f"127.0.0.1:{served.port}")
    with closing(served.connection()) as made:
        made.request("POST", "/", iter(parts), dict(signed.headers), encode_chunked=True)
        assert made.getresponse().status == 200


def test_console_s_cookie_is_for_https_alone_and_its_forms_come_from_https(served: Https) -> None:
    with closing(served.connection()) as made:
        made.request("GET", "/console/sign-in")
        answer = made.getresponse()
        page = answer.read().decode()
        cookie = answer.headers["Set-Cookie"]
        assert "; Secure" in cookie
        assert answer.headers["Strict-Transport-Security"] is None
        token = re.search(r'name="(\w+)" value="([^"]+)"', page)
        assert token is not None, page
        exports = served.home.exports()
        names = {"access_key_id": "AWS_ACCESS_KEY_ID", "secret_access_key": "AWS_SECRET_ACCESS_KEY"}
        secret = urlencode({field: exports[variable] for field, variable in names.items()})
        for scheme, is_own in (("http", False), ("https", True)):
            headers = {
                "Cookie": cookie.partition(";")[0],
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"{scheme}://localhost:{served.port}",
            }
            made.request("POST", "/console/sign-in", f"{token[1]}={token[2]}&{secret}", headers)
            answer = made.getresponse()
            answer.read()
            session = answer.headers["Set-Cookie"] or ""
            assert session.startswith(f"{sessions.COOKIE}=") is is_own, (answer.status, session)
            assert ("; Secure" in session) is is_own


def test_status_env_and_banner_name_the_endpoint(served: Https) -> None:
    assert json.loads(served.home.signet("env", "--json").stdout)["tls_endpoint"] == served.url
    status = json.loads(served.home.signet("status", "--json").stdout)["Tls"]
    assert status["Endpoint"] == served.url
    assert served.url in served.home.signet("status").stdout


def test_restart_keeps_root_and_certificate(tmp_path: Path) -> None:
    tls = Https(tmp_path)
    tls.start()
    root, shown = tls.root_file.read_text(), tls.shown()
    tls.home.stop()
    tls.start()
    assert (tls.root_file.read_text(), tls.shown()) == (root, shown)
    tls.home.environment["SIGNET_TLS_NAMES"] = "pki.example.test"
    tls.home.stop()
    tls.start()
    assert tls.root_file.read_text() == root
    assert "pki.example.test" in str(tls.shown().extensions)
    assert tls.home.stop() == 0


def test_every_worker_shows_the_renewed_certificate_and_old_connections_live(tmp_path: Path) -> None:
    tls = Https(tmp_path, SIGNET_WORKERS="2")
    tls.start()
    wait_until(lambda: are_serving(tls.home, 2), "both workers serve")
    before = tls.identity()
    with ExitStack() as opened:
        old = [opened.enter_context(closing(tls.connection())) for _ in range(12)]
        serial = {certificate_of(each).serial_number for each in old}
        assert serial == {x509.load_pem_x509_certificate(before.certificate.encode()).serial_number}
        tls.make_due(-1)
        seen: set[int] = set()

        def renewed() -> bool:
            assert {status_of(each) for each in old} == {200}
            seen.clear()
            seen.update(tls.shown().serial_number for _ in range(12))
            return not seen & serial

        wait_until(renewed, "new connections of both workers have the new certificate")
        assert len(seen) == 1
        assert {status_of(each) for each in old} == {200}
    assert tls.identity().root == before.root
    assert tls.home.stop(signal.SIGTERM) == 0


def test_killed_while_it_renews_the_home_starts_again(tmp_path: Path) -> None:
    """The start issues a certificate, and is killed anywhere on its way."""
    tls = Https(tmp_path)
    rng = random.Random(20)
    for _ in range(4):
        with suppress(FileNotFoundError):
            tls.make_due(-1)
        process = subprocess.Popen([tls.home.program, "serve"], env=tls.home.environment, stdout=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.5, 2.0))
        process.kill()
        process.wait()
    tls.start()
    with closing(tls.connection()) as made:
        assert status_of(made) == 200
    authorities = [ca for ca in tls.home.status() if ca["Status"] == "ACTIVE"]
    assert len(authorities) == 1
    assert tls.home.stop() == 0


def test_killed_worker_s_successor_serves_the_same(tmp_path: Path) -> None:
    tls = Https(tmp_path, SIGNET_WORKERS="2")
    tls.start()
    wait_until(lambda: are_serving(tls.home, 2), "both workers serve")
    shown = tls.shown()
    for worker in workers_of(tls.home):
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda worker=worker: worker not in workers_of(tls.home), "the worker ends")  # type: ignore[misc]
        wait_until(lambda: are_serving(tls.home, 2), "the worker is replaced")
    assert {tls.shown() for _ in range(8)} == {shown}
    assert tls.home.stop(signal.SIGTERM) == 0


def test_port_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    tls = Https(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", tls.port))
        taken.listen()
        found = tls.home.signet("serve", check=False)
    assert found.returncode == 1
    assert f"Port {tls.port} on 127.0.0.1 cannot be used: Address already in use. Set SIGNET_TLS_PORT." in found.stderr
    tls.home.environment["SIGNET_TLS_PORT"] = "0"
    assert "SIGNET_TLS_PORT=0 is for `signet serve --test` alone" in tls.home.signet("serve", check=False).stderr


SILENCE = {"nothing": b"", "half a hello": b"\x16\x03\x01\x02\x00\x01", "no TLS": b"GET / HTTP/1.1\r\nHost: x\r\n"}


@pytest.mark.parametrize("sent", SILENCE.values(), ids=SILENCE)
def test_handshakes_without_end_keep_nobody_out(served: Https, sent: bytes) -> None:
    idle = []
    try:
        for _ in range(tls_front.HANDSHAKES + 300):
            idle.append(socket.create_connection(("127.0.0.1", served.port), timeout=10))
            with suppress(OSError):
                idle[-1].sendall(sent)
        with urllib.request.urlopen(f"{served.home.url}/healthz", timeout=5) as answer:
            assert answer.status == 200
        with closing(served.connection()) as made:
            assert status_of(made) == 200
        assert served.home.process is not None
        held = len(list(os.scandir(f"/proc/{served.home.process.pid}/fd")))
        assert held < tls_front.HANDSHAKES + 200
    finally:
        for each in idle:
            each.close()


@pytest.mark.slow  # it takes the ten seconds that a handshake may take
def test_handshake_ends_in_time(served: Https) -> None:
    with closing(socket.create_connection(("127.0.0.1", served.port), timeout=3 * tls_front.HANDSHAKE_SECONDS)) as raw:
        raw.sendall(SILENCE["half a hello"])
        assert raw.recv(100) == b""


def test_ocsp_answers_by_https(served: Https) -> None:
    client = served.client()
    arn = active_root(client, RevocationConfiguration=ON)
    request = request_for(fetch(client, arn, issue(client, arn)), authority(client, arn))
    with closing(served.connection()) as made:
        made.request("POST", "/ocsp", request, {"Content-Type": "application/ocsp-request"})
        answer = ocsp.load_der_ocsp_response(made.getresponse().read())
    assert answer.certificate_status == GOOD
