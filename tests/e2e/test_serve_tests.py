"""`signet serve --test`: a server that other processes' tests use, and control at `/_signet/`."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509

from chalicelib.testing import authorities
from tests.support.authority_steps import fetch, issue
from tests.support.home import BIN, START_SECONDS, Home, signed_get
from tests.support.hostile_csrs import HOSTILE
from tests.support.worker_processes import listening_at, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]


class Server:
    """A server for tests in a process of its own, with a free port."""

    def __init__(self, work: Path, *words: str, **environment: str) -> None:
        self.work, self.ready_file = work, work / "ready.json"
        self.ready_file.unlink(missing_ok=True)
        self.environment = {"PATH": os.environ["PATH"], "SIGNET_PORT": "0", "TMPDIR": str(work)} | environment
        self.process = subprocess.Popen(
            [BIN / "signet", "serve", "--test", "--ready-file", self.ready_file, *words],
            cwd=work,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.ready_file.exists():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.ready: dict[str, str] = json.loads(self.ready_file.read_text())

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        with self.process:
            return self.process.wait(timeout=20)

    def client(self, region: str = "us-east-1", account: str = "111122223333", secret: str = "any") -> Any:
        return boto3.client(
            "acm-pca",
            region_name=region,
            endpoint_url=self.ready["endpoint"],
            aws_access_key_id=account,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def control(self, method: str, name: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.ready["control"] + name, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server"))
    try:
        yield made
    finally:
        assert made.stop(signal.SIGTERM) == 0


@pytest.fixture
def server(served: Server) -> Server:
    assert served.control("POST", "reset")[0] == 200
    return served


def test_ready_file_says_how_to_call(server: Server) -> None:
    assert server.process.stdout is not None
    assert server.ready["endpoint"] in server.process.stdout.readline()
    assert server.ready_file.stat().st_mode & 0o777 == 0o600
    client = boto3.client(
        "acm-pca",
        region_name=server.ready["region"],
        endpoint_url=server.ready["endpoint"],
        aws_access_key_id=server.ready["accessKeyId"],
        aws_secret_access_key=server.ready["secretAccessKey"],
    )
    assert f":{server.ready['accountId']}:" in authorities.root(client).arn


@pytest.fixture(scope="module")
def with_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("tls"), SIGNET_TLS_PORT="0")
    try:
        yield made
    finally:
        assert made.stop(signal.SIGTERM) == 0


def connected(server: Server, *, is_verified: bool = True) -> http.client.HTTPSConnection:
    """A connection by https; at a time that is not the machine's, certificates cannot be verified."""
    context = ssl.create_default_context(cadata=server.ready["tls_root"])
    if not is_verified:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made = http.client.HTTPSConnection(urlsplit(server.ready["tls_endpoint"]).netloc, context=context, timeout=20)
    made.connect()
    return made


def healthy(connection: http.client.HTTPSConnection) -> bytes:
    """The certificate of a connection, on which the server still answers."""
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    assert json.load(answer)["status"] == "ok"
    return connection.sock.getpeercert(binary_form=True) or b""


def test_https_of_a_server_for_tests_survives_reset_and_is_renewed_by_its_clock(with_tls: Server) -> None:
    old = connected(with_tls)
    first = healthy(old)
    client = boto3.client(
        "acm-pca",
        region_name="us-east-1",
        endpoint_url=with_tls.ready["tls_endpoint"],
        verify=str(write(with_tls.work / "root.pem", with_tls.ready["tls_root"])),
        aws_access_key_id="111122223333",
        aws_secret_access_key="any",
    )
    assert client.list_certificate_authorities()["CertificateAuthorities"] == []
    authorities.root(client)
    assert with_tls.control("POST", "reset")[0] == 200
    assert not any(with_tls.control("GET", "state")[1]["certificateAuthorities"].values())
    with closing(connected(with_tls)) as made:
        assert healthy(made) == first
    assert with_tls.control("POST", "clock", {"advance": "21d"})[0] == 200

    def is_renewed() -> bool:
        assert healthy(old) == first
        with closing(connected(with_tls, is_verified=False)) as made:
            return healthy(made) != first

    wait_until(is_renewed, "new connections have the new certificate")
    assert healthy(old) == first
    old.close()
    client.close()


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_csr_that_aws_takes_is_taken(server: Server) -> None:
    client = server.client()
    arn = authorities.root(client).arn
    issued = issue(client, arn, Csr=HOSTILE["dn-country-3"]())
    assert fetch(client, arn, issued).serial_number == int(issued.rpartition("/")[2], 16)


def test_accounts_and_regions_are_apart(server: Server) -> None:
    there = server.client("eu-west-1")
    arn = authorities.root(there).arn
    assert arn.startswith("arn:aws:acm-pca:eu-west-1:111122223333:")
    for other in (server.client(), server.client("eu-west-1", "444455556666")):
        assert other.list_certificate_authorities()["CertificateAuthorities"] == []
    assert server.control("GET", "state")[1]["certificateAuthorities"]["eu-west-1"] == [arn]


def test_clock_publishes_what_is_due_before_it_answers(server: Server) -> None:
    root = authorities.root(server.client("eu-west-1"), crl_bucket="my-crls")
    issued = root.issue("www.example.com", days=100)
    root.revoke(issued)
    before = server.control("GET", "clock")[1]["time"]
    status, answer = server.control("POST", "clock", {"advance": "4d"})
    assert (status, before < answer["time"]) == (200, True)
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (name,) = next(iter(points)).full_name or []
    assert name.value.startswith(server.ready["endpoint"])
    with urllib.request.urlopen(name.value) as served:
        crl = x509.load_der_x509_crl(served.read())
    assert crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
    assert crl.last_update_utc.isoformat() > before
    assert root.issue("later.example.com").certificate


def test_faults_are_added_and_cleared(server: Server) -> None:
    wanted = {"name": "throttle", "operation": "ListCertificateAuthorities", "call": 2}
    assert server.control("POST", "faults", wanted)[0] == 200
    client = server.client()
    client.list_certificate_authorities()
    with pytest.raises(ClientError, match="ThrottlingException"):
        client.list_certificate_authorities()
    assert server.control("GET", "faults")[1]["faults"][0]["calls"] == 2
    assert server.control("DELETE", "faults") == (200, {"faults": []})
    assert client.list_certificate_authorities()["CertificateAuthorities"] == []


@pytest.mark.parametrize(
    ("method", "name", "body", "status"),
    [
        ("POST", "clock", {"advance": "-4d"}, 400),
        ("POST", "clock", {"advance": 4}, 400),
        ("POST", "clock", {"ahead": "4d"}, 400),
        ("POST", "clock", ["4d"], 400),
        ("POST", "faults", {"name": "rain"}, 400),
        ("POST", "faults", {"operation": "ListTags"}, 400),
        ("POST", "faults", {"name": "throttle", "call": "2"}, 400),
        ("POST", "faults", {"name": "throttle", "self": 1}, 400),
        ("GET", "reset", None, 405),
        ("GET", "secrets", None, 404),
        ("GET", "", None, 404),
    ],
)
def test_wrong_control_is_refused(server: Server, method: str, name: str, body: Any, status: int) -> None:
    found, answer = server.control(method, name, body)
    assert found == status
    assert answer["message"]


def test_page_of_a_browser_cannot_control_it(server: Server) -> None:
    arn = authorities.root(server.client()).arn
    assert server.control("POST", "reset", Origin="http://127.0.0.1:9")[0] == 403
    assert arn in server.control("GET", "state")[1]["certificateAuthorities"]["us-east-1"]


def test_health_console_and_extensions_answer(server: Server) -> None:
    assert server.control("GET", "health")[1]["status"] == "ok"
    for path in ("/healthz", "/console/"):
        with urllib.request.urlopen(server.ready["endpoint"] + path) as answer:
            assert answer.status == 200
    root = authorities.root(server.client("eu-west-1"))
    root.issue("www.example.com")
    path = f"/certificate-authorities/{root.arn.rsplit('/', 1)[1]}/certificates?maxResults=10"
    found = signed_get(server.ready["endpoint"] + path, "111122223333", "any", "eu-west-1")
    assert len(found["Certificates"]) == 2


def test_server_has_the_address_of_its_setting_alone(tmp_path: Path) -> None:
    server = Server(tmp_path, SIGNET_HOST="127.0.0.2")
    try:
        assert server.ready["endpoint"].startswith("http://127.0.0.2:")
        assert authorities.root(server.client()).certificate
        assert listening_at(server.process.pid) == {"127.0.0.2"}  # another server may have its port elsewhere
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(
                urllib.request.Request(server.ready["control"] + "state", headers={"Host": "signet.example"})
            )
        with caught.value as error:
            assert error.code == 421
    finally:
        assert server.stop(signal.SIGTERM) == 0


def test_end_of_the_server_leaves_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path)
    authorities.root(server.client())
    assert list(tmp_path.glob("signet-test-*/us-east-1/signet.db"))
    assert server.stop(signal.SIGINT) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["ready.json"]


def test_start_removes_what_a_killed_server_left(tmp_path: Path) -> None:
    killed = Server(tmp_path)
    authorities.root(killed.client())
    killed.stop(signal.SIGKILL)
    (left,) = tmp_path.glob("signet-test-*")
    killed.ready_file.unlink()
    alive = Server(tmp_path)
    assert left in tmp_path.iterdir()  # it is young: somebody may be about to claim it
    killed.ready_file.unlink()
    for path in tmp_path.glob("signet-test-*/owner"):
        os.utime(path, (0, 0))
    last = Server(tmp_path)
    assert left not in tmp_path.iterdir()
    assert authorities.root(alive.client()).certificate
    assert [alive.stop(signal.SIGTERM), last.stop(signal.SIGTERM)] == [0, 0]
    assert not list(tmp_path.glob("signet-test-*"))


def test_seed_and_access_key_are_the_same_on_every_run(tmp_path: Path) -> None:
    key = {"SIGNET_TEST_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "SIGNET_TEST_SECRET_ACCESS_KEY": "of/the+tests"}
    found = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        server = Server(tmp_path / name, "--seed", "7", **key)
        try:
            named = [server.ready["accessKeyId"], server.ready["secretAccessKey"]]
            client, wrong = server.client(account=named[0], secret=named[1]), server.client(account=named[0])
            with pytest.raises(ClientError, match="UnrecognizedClientException"):
                wrong.list_certificate_authorities()
            ca = authorities.root(client)
            assert server.control("POST", "reset")[0] == 200
            assert authorities.root(client).arn == ca.arn
            assert server.client().list_certificate_authorities()["CertificateAuthorities"] == []
            found.append((named, ca.arn))
        finally:
            server.stop(signal.SIGTERM)
    assert found[0] == found[1]
    assert found[0][0] == list(key.values())


def test_directory_of_its_own_keeps_the_state_until_reset(tmp_path: Path) -> None:
    data = tmp_path / "kept"
    server = Server(tmp_path, SIGNET_DATA=str(data))
    root = authorities.root(server.client("eu-west-1"), crl_bucket="my-crls")
    command = [str(BIN / "signet"), "serve", "--test"]
    second = subprocess.run(command, env=server.environment, capture_output=True, text=True, check=False, timeout=60)
    assert (second.returncode, "is in use by another server" in second.stderr) == (2, True)
    assert server.stop(signal.SIGTERM) == 0

    server = Server(tmp_path, SIGNET_DATA=str(data))
    kept = {
        region: arns for region, arns in server.control("GET", "state")[1]["certificateAuthorities"].items() if arns
    }
    assert kept == {"eu-west-1": [root.arn]}
    client = server.client("eu-west-1")
    assert fetch(client, root.arn, issue(client, root.arn)).issuer.rfc4514_string() == "CN=Test Root"
    assert server.control("POST", "reset")[0] == 200
    assert client.list_certificate_authorities()["CertificateAuthorities"] == []
    later = authorities.root(client)
    assert server.stop(signal.SIGTERM) == 0

    server = Server(tmp_path, SIGNET_DATA=str(data))
    assert server.control("GET", "state")[1]["certificateAuthorities"]["eu-west-1"] == [later.arn]
    assert server.stop(signal.SIGTERM) == 0
    assert len(list(data.glob("state-*"))) == 1


def test_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/signet.db").touch()
    given = {"PATH": os.environ["PATH"], "SIGNET_DATA": "home"}
    command = [str(BIN / "signet"), "serve", "--test"]
    found = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 2
    assert "home has something else than the state of tests" in found.stderr
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["signet.db"]


@pytest.mark.parametrize(
    ("words", "environment", "code", "said"),
    [
        (["--test"], {"SIGNET_BUCKETS": "s3"}, 2, "SIGNET_BUCKETS needs AWS_ENDPOINT_URL"),
        (["--test"], {"SIGNET_EVENTS": "eventbridge"}, 2, "SIGNET_EVENTS needs AWS_ENDPOINT_URL"),
        (["--test"], {"SIGNET_STATE": "dynamodb"}, 2, "SIGNET_STATE names a home"),
        (["--ready-file", "ready.json"], {}, 2, "--ready-file is for --test"),
        (["--seed", "7"], {}, 2, "--seed is for --test"),
        (["--test"], {"SIGNET_HOST": "0.0.0.0"}, 2, "SIGNET_ALLOW_PLAIN_HTTP=yes"),
        ([], {"SIGNET_HOST": "0.0.0.0"}, 2, "SIGNET_ALLOW_PLAIN_HTTP=yes"),
        ([], {"SIGNET_PORT": "0"}, 1, "SIGNET_PORT=0 is for"),
    ],
)
def test_what_does_not_go_together_is_refused(
    words: list[str], environment: dict[str, str], code: int, said: str, tmp_path: Path
) -> None:
    command = [str(BIN / "signet"), "serve", *words]
    given = {"PATH": os.environ["PATH"]} | environment
    found = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == code
    assert said in found.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["", "health", "state", "reset", "clock", "faults"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_home_has_no_such_control(home: Home, method: str, name: str) -> None:
    request = urllib.request.Request(f"{home.url}/_signet/{name}", b"{}" if method == "POST" else None, method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as error:
        assert error.code == 404
