"""A tenant's host names lead the monitor to no forbidden address, and keep it from nothing for long."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import app as signet_app
from chalicelib import fetching
from chalicelib.config import Settings
from chalicelib.identities import ADMINISTRATOR
from chalicelib.local.scheduler import scheduled_event
from chalicelib.monitor import crl_watch, ocsp_watch, rounds
from chalicelib.monitor.sightings import Sighting
from chalicelib.records import DistributionPoint, OcspUrl
from chalicelib.runtime import Caller
from tests.support.console_steps import arn_of, root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.laptop
HTTP_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ANYWHERE = fetching.Allowed(anywhere=True)


class Server:
    """Listens on loopback, counts who comes, and does with them what a test says."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.came: list[bytes] = []
        self._serve, self._listening = serve, socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self.came.append(connection.recv(65536))
            self._serve(connection)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[Server]:
    server = Server(serve)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def canary() -> Iterator[Server]:
    with serving(lambda connection: connection.sendall(HTTP_OK)) as server:
        yield server


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Which addresses names have, and how often they were looked up."""
    found: dict[str, Any] = {"asked": []}

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        found["asked"].append(host)
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(families[":" in each], socket.SOCK_STREAM, 6, "", (each, port)) for each in found[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return found


def get(url: str, may: fetching.Allowed, seconds: float = 5, most: int = 1_000_000) -> bytes:
    return fetching.fetch(url, may, fetching.Deadline(seconds), most=most)


# where


FORBIDDEN = [
    "127.0.0.1",
    "::1",
    "::ffff:127.0.0.1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "fe80::1",
    "0.0.0.0",
    "224.0.0.1",
    "100.100.100.200",
    "fd00:ec2::254",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_name_leads_to_no_forbidden_address(canary: Server, resolves: dict[str, Any], address: str) -> None:
    resolves["evil.example"] = [address]
    may = fetching.allowed_by(Settings())
    with pytest.raises(fetching.FetchError, match="no address that may be reached"):
        get(f"http://evil.example:{canary.port}/crl", may)
    assert canary.came == []


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost"])
def test_address_that_was_on_record_is_not_asked(canary: Server, host: str) -> None:
    """Names that were taken by earlier versions."""
    with pytest.raises(OSError, match=r"no address that may be reached|cannot be resolved"):
        get(f"http://{host}:{canary.port}/", fetching.allowed_by(Settings()))
    assert canary.came == []


def test_this_server_is_asked_at_its_own_port_alone(canary: Server, resolves: dict[str, Any]) -> None:
    resolves["crl.example"] = ["127.0.0.1"]
    own = Settings(port=str(canary.port))
    assert get(f"http://crl.example:{canary.port}/x", fetching.allowed_by(own)) == b"ok"
    assert f"Host: crl.example:{canary.port}\r\n".encode() in canary.came[0]
    on_aws = replace(own, state="dynamodb")
    with pytest.raises(fetching.FetchError, match="no address"):
        get(f"http://crl.example:{canary.port}/x", fetching.allowed_by(on_aws))


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        ({}, True),
        ({"state": "dynamodb"}, False),
        ({"private_networks": "refuse"}, False),
        ({"state": "dynamodb", "private_networks": "allow"}, True),
    ],
)
def test_private_networks_are_a_setting(settings: dict[str, str], taken: bool) -> None:
    may = fetching.allowed_by(Settings(**settings))
    assert may.takes("10.0.0.1", 80) is taken
    assert may.takes("fd12::1", 80) is taken
    assert may.takes("8.8.8.8", 80)
    assert not may.takes("169.254.169.254", 80)


def test_name_is_resolved_once(canary: Server, resolves: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: what was judged is what is connected to."""
    resolves["crl.example"] = ["127.0.0.1"]
    connected: list[Any] = []
    connect = socket.socket.connect

    def recorded(self: socket.socket, address: Any) -> None:
        connected.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", recorded)
    get(f"http://crl.example:{canary.port}/", fetching.allowed_by(Settings(port=str(canary.port))))
    assert resolves["asked"] == ["crl.example"]
    assert connected == [("127.0.0.1", canary.port)]


def test_forbidden_address_beside_a_good_one_is_skipped(canary: Server, resolves: dict[str, Any]) -> None:
    resolves["crl.example"] = ["169.254.169.254", "::ffff:169.254.169.254", "127.0.0.1"]
    assert get(f"http://crl.example:{canary.port}/", fetching.allowed_by(Settings(port=str(canary.port)))) == b"ok"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_lead_nowhere(canary: Server, status: int) -> None:
    answer = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{canary.port}/\r\nContent-Length: 0\r\n\r\n".encode()
    with (
        serving(lambda connection: connection.sendall(answer)) as server,
        pytest.raises(fetching.FetchError, match=str(status)),
    ):
        get(f"http://127.0.0.1:{server.port}/", ANYWHERE)
    assert canary.came == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "http:///x", "//x", ""]
)
def test_other_schemes_are_not_fetched(url: str) -> None:
    with pytest.raises(ValueError, match="no http or https URL"):
        get(url, ANYWHERE)


def test_proxy_of_the_environment_is_not_asked(canary: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{canary.port}")
    with serving(lambda connection: connection.sendall(HTTP_OK)) as server:
        assert get(f"http://127.0.0.1:{server.port}/", ANYWHERE) == b"ok"
    assert canary.came == []


def of_tenant(rt: Any, url: str) -> Any:
    """A CA whose certificates name a URL that a tenant wrote."""
    ca = rt.store.get_certificate_authority(arn_of(root(rt)))
    point = DistributionPoint(bucket="crl-bucket", key="crl/x.crl", url=f"{url}/crl/x.crl")
    rt.store.update_certificate_authority(ca, replace(ca, distribution_points=(point,), ocsp_urls=(OcspUrl(url=url),)))
    return rt


def test_watches_ask_no_port_of_this_machine(rt: Any, canary: Server) -> None:
    of_tenant(rt, f"http://127.0.0.1:{canary.port}")
    crls = [sighting for sighting in crl_watch.watch_crls(rt) if str(canary.port) in sighting.url]
    responders = [sighting for sighting in ocsp_watch.watch_ocsp(rt) if str(canary.port) in sighting.url]
    assert [sighting.problem for sighting in (*crls, *responders)] == [
        "127.0.0.1 has no address that may be reached."
    ] * 2
    assert canary.came == []


# how long


def drip(connection: socket.socket, head: bytes = b"", octet: bytes = b"x") -> None:
    connection.sendall(head)
    while True:
        connection.sendall(octet)
        time.sleep(0.02)


SLOW: dict[str, Callable[[socket.socket], None]] = {
    "nothing": lambda _: time.sleep(5),
    "status line": partial(drip, octet=b"H"),
    "header": partial(drip, head=b"HTTP/1.1 200 OK\r\nX: "),
    "headers": partial(drip, head=b"HTTP/1.1 200 OK\r\n", octet=b"X: y\r\n"),
    "continue": partial(drip, octet=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": partial(drip, head=b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
    "body without length": partial(drip, head=b"HTTP/1.1 200 OK\r\n\r\n"),
    "chunks": partial(drip, head=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", octet=b"1\r\nx\r\n"),
    "chunk size": partial(drip, head=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", octet=b"0"),
}


@pytest.mark.parametrize("serve", SLOW.values(), ids=SLOW)
def test_deadline_holds_for_the_whole(serve: Callable[[socket.socket], None]) -> None:
    with serving(serve) as server:
        deadline = fetching.Deadline(0.3)
        with pytest.raises((OSError, http.client.HTTPException)):
            fetching.fetch(f"http://127.0.0.1:{server.port}/", ANYWHERE, deadline, most=1_000_000)
        assert deadline.seconds > -2


def test_resolver_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: go.wait(10))
    with pytest.raises(TimeoutError, match="in time"):
        get("http://slow.example/", ANYWHERE, seconds=0.1)
    go.set()


@pytest.mark.parametrize("head", [b"Content-Length: 99999999999\r\n\r\n", b"\r\n"])
def test_answer_is_limited(head: bytes) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head)
        while True:
            connection.sendall(b"x" * 65536)

    with serving(endless) as server, pytest.raises(ValueError, match="longer than 100000 bytes"):
        get(f"http://127.0.0.1:{server.port}/", ANYWHERE, most=100_000)


def test_answer_that_breaks_off_is_none() -> None:
    def short(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")

    with serving(short) as server, pytest.raises(OSError, match="too early"):
        get(f"http://127.0.0.1:{server.port}/", ANYWHERE)


def test_budget_of_a_ca_holds_for_all_its_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = count(step=150)
    monkeypatch.setattr(rounds, "AUTHORITY_SECONDS", 200.0)
    monkeypatch.setattr(rounds, "time", SimpleNamespace(monotonic=seconds.__next__))  # each fetch takes 150 seconds
    budget = rounds.Budget()
    given: list[float] = []

    def fetch(deadline: fetching.Deadline) -> bytes:
        given.append(deadline.seconds)
        return b""

    budget.spend(1000, fetch)
    budget.spend(1000, fetch)
    with pytest.raises(TimeoutError, match="the time for its CA is over"):
        budget.spend(1000, fetch)
    assert given[1] <= 50 < given[0] <= 200


def test_slow_account_takes_no_other_s_time(rt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = [root(rt) for _ in range(12)]
    other = Caller(account_id="111122223333", access_key_id="AKIATEST", principal=ADMINISTRATOR)
    monkeypatch.setattr("tests.support.console_steps.CALLER", other)
    monkeypatch.setattr(
        "tests.support.console_steps.arn_of",
        lambda ca_id: f"arn:aws:acm-pca:us-east-1:{other.account_id}:certificate-authority/{ca_id}",
    )
    own_bucket = {"CrlConfiguration": {"Enabled": True, "S3BucketName": "bucket-of-another-account"}}
    quick = [root(rt, RevocationConfiguration=own_bucket) for _ in range(12)]

    turn, seconds, left = threading.Condition(), [0.0], set[str]()
    for module in (rounds, fetching):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: seconds[0]))

    def sleep(_: fetching.Deadline) -> bytes:
        """Take half a second, in which the others are looked at."""
        with turn:
            assert turn.wait_for(lambda: not left, 10), f"{len(left)} wait for the slow ones"
            seconds[0] += 0.5
        return b""

    def watch(ca: Any, budget: rounds.Budget) -> Iterator[Any]:
        ca_id = ca.arn.rsplit("/", 1)[1]
        if ca_id in slow:
            budget.spend(0.5, sleep)
        with turn:
            left.discard(ca_id)
            turn.notify_all()
        yield Sighting(ca.arn, ca.arn)

    def looked_at() -> set[str]:
        left.update(quick)
        return {each.ca_arn.rsplit("/", 1)[1] for each in rounds.watch_all(rt, watch, "test", seconds=0.8)}

    first, again = looked_at(), looked_at()
    assert {*quick} < first < {*slow, *quick}
    assert again > {*quick}
    assert first & again == {*quick}  # the next round begins where this one ended


def test_ocsp_is_watched_while_crls_hang(rt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def watch_ocsp(_: Any, **__: Any) -> list[Sighting]:
        asked.set()
        return []

    monkeypatch.setattr(
        crl_watch, "watch_crls", lambda _, **__: [] if asked.wait(10) else pytest.fail("OCSP was not asked")
    )
    monkeypatch.setattr(ocsp_watch, "watch_ocsp", watch_ocsp)
    signet_app.use_runtime(rt)
    handler: Any = signet_app.app.handler_map["monitor"]
    assert handler(scheduled_event(rt, "monitor"), None) == {"crls": 0, "responders": 0, "problems": 0, "damaged": 0}
