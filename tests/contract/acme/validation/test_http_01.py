"""http-01 with servers on loopback: redirects, bodies, hosts, and what leads elsewhere."""

from __future__ import annotations

import itertools
import socket
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.acme.validation import http_01, outcome
from tests.support.acme_certificates import validation_certificate
from tests.support.challenge_responder import ChallengeResponder, server_context
from tests.support.challenges import KEY_AUTHORIZATION, NAME, TOKEN, validate
from tests.support.hostile_servers import TcpServer, says, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Serving = Callable[[Callable[[socket.socket], None]], TcpServer]

PATH = f"/.well-known/acme-challenge/{TOKEN}"


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(b"", status, f"Location: {location}")


GOOD = answer(KEY_AUTHORIZATION.encode())


@pytest.fixture
def serving() -> Iterator[Serving]:
    with ExitStack() as stack:
        yield lambda serve: stack.enter_context(TcpServer(serve))


def test_key_authorization_at_the_name_is_valid(responder: ChallengeResponder) -> None:
    responder.set_http(TOKEN, KEY_AUTHORIZATION)
    found = validate("http-01", responder)
    place = f"127.0.0.1 port {responder.http_port}"
    assert found == (
        True,
        "",
        f"http-01 for {NAME}: connected to {place}, got the key authorization.",
        (
            f"asked {responder.resolver} for AAAA of {NAME}.: no records",
            f"asked {responder.resolver} for A of {NAME}.: 1 record",
            f"connected to {place}",
            f"GET http://{NAME}:{responder.http_port}{PATH}: status 200",
        ),
    )


def test_missing_file_is_told_with_address_and_status(responder: ChallengeResponder) -> None:
    found = validate("http-01", responder)
    assert found.problem == "incorrectResponse"
    assert found.detail == (f"http-01 for {NAME}: connected to 127.0.0.1 port {responder.http_port}, got status 404.")


@pytest.mark.parametrize(
    ("content", "valid"),
    [
        (GOOD, True),
        (answer(KEY_AUTHORIZATION.encode() + b" \r\n\t\n"), True),
        (answer(b" " + KEY_AUTHORIZATION.encode()), False),
        (answer(KEY_AUTHORIZATION.encode() + b"x"), False),
        (answer(KEY_AUTHORIZATION.encode()[:-1]), False),
        (answer(KEY_AUTHORIZATION.upper().encode()), False),
        (answer(b""), False),
        (answer(KEY_AUTHORIZATION.encode() + b" " * 600), False),
        (answer(KEY_AUTHORIZATION.encode(), "404 Not Found"), False),
        (answer(KEY_AUTHORIZATION.encode(), "201 Created"), False),
        (b"HTTP/1.0 200 OK\r\n\r\n" + KEY_AUTHORIZATION.encode(), True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
         % (len(KEY_AUTHORIZATION), KEY_AUTHORIZATION.encode()), True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", False),
        (KEY_AUTHORIZATION.encode(), False),
        (b"\0" * 1000, False),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, False),
    ],
)  # fmt: skip
def test_body_is_the_key_authorization_and_white_space(
    responder: ChallengeResponder, serving: Serving, content: bytes, valid: bool
) -> None:
    found = validate("http-01", responder, http_port=serving(says(content)).port)
    assert (found.valid, found.problem) == ((True, "") if valid else (False, "incorrectResponse"))


def test_nothing_of_a_body_is_repeated(responder: ChallengeResponder, serving: Serving) -> None:
    found = validate("http-01", responder, http_port=serving(says(answer(b"secret of another server"))).port)
    assert "got other content than the key authorization" in found.detail
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536), (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)],
)
def test_endless_answer_is_left(
    responder: ChallengeResponder, serving: Serving, begins: bytes, goes_on: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "_SECONDS", 30)
    left = threading.Event()

    def endless(connection: socket.socket) -> None:
        connection.recv(65536)
        try:
            connection.sendall(begins)
            while True:
                connection.sendall(goes_on)
        except OSError:
            left.set()

    found = validate("http-01", responder, http_port=serving(endless).port)
    assert found.problem == "incorrectResponse"
    assert left.wait(30)


def test_slow_answer_ends_with_the_deadline(
    responder: ChallengeResponder, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "_SECONDS", 0.5)
    stopped = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not stopped.wait(0.05):
            connection.sendall(b"H")

    for serve in (silent, drip):
        server = serving(serve)
        found = validate("http-01", responder, http_port=server.port)
        assert found.problem == "connection"
        assert "did not answer in time" in found.detail or "got no HTTP answer" in found.detail
    stopped.set()


def test_host_is_the_identifier_with_a_port_that_is_not_the_default(
    responder: ChallengeResponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    responder.set_http(TOKEN, KEY_AUTHORIZATION)
    assert validate("http-01", responder).valid
    assert validate("http-01", responder, "127.0.0.1", "ip").valid
    monkeypatch.setitem(http_01._PORTS, "http", responder.http_port)
    assert validate("http-01", responder).valid
    hosts = [line.split()[1] for line in responder.asked if line.startswith("GET")]
    assert hosts == [f"{NAME}:{responder.http_port}", f"127.0.0.1:{responder.http_port}", NAME]


def test_ipv6_address_is_in_brackets(responder: ChallengeResponder) -> None:
    heads: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heads.append(connection.recv(65536))
        connection.sendall(GOOD)

    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with TcpServer(serve, "::1") as server:
        assert validate("http-01", responder, "::1", "ip", http_port=server.port).valid
    assert f"Host: [::1]:{server.port}\r\n".encode() in heads[0]


def test_ipv4_follows_where_ipv6_does_not_answer(responder: ChallengeResponder) -> None:
    responder.set_http(TOKEN, KEY_AUTHORIZATION)
    responder.set_a(NAME, "127.0.0.1", "::1")
    found = validate("http-01", responder)
    assert found.valid
    assert found.steps[2].startswith(f"::1 port {responder.http_port} ")
    assert found.steps[3] == f"connected to 127.0.0.1 port {responder.http_port}"


def test_nobody_listens(responder: ChallengeResponder) -> None:
    with TcpServer(silent) as server:
        pass
    found = validate("http-01", responder, http_port=server.port)
    assert found.problem == "connection"
    assert found.detail == f"http-01 for {NAME}: 127.0.0.1 port {server.port} refused the connection."


# redirects


@pytest.mark.parametrize(("redirects", "valid"), [(1, True), (10, True), (11, False)])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"])
def test_ten_redirects_are_followed(
    responder: ChallengeResponder, serving: Serving, redirects: int, valid: bool, status: str
) -> None:
    number = itertools.count()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        done = next(number)
        connection.sendall(GOOD if done == redirects else redirect(f"/{done}", status))

    server = serving(serve)
    found = validate("http-01", responder, http_port=server.port)
    assert (found.valid, found.problem) == ((True, "") if valid else (False, "connection"))
    assert server.connections == min(redirects, 10) + 1


def test_redirect_to_itself_ends(responder: ChallengeResponder, serving: Serving) -> None:
    server = serving(says(redirect("?")))
    found = validate("http-01", responder, http_port=server.port)
    assert "more than 10 redirects" in found.detail
    assert server.connections == 11


def test_redirect_to_https_is_followed_with_any_certificate(responder: ChallengeResponder, serving: Serving) -> None:
    context, named = server_context(*validation_certificate("other.example", "x")), list[str | None]()
    context.sni_callback = lambda _, name, __: named.append(name)

    def secured(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as sock:
            sock.recv(65536)
            sock.sendall(GOOD)

    https, plain = serving(secured), serving(silent)
    for host, expected in ((f"b.example:{https.port}", ""), (f"b.example.:{https.port}", ""),
                           (f"127.0.0.1:{https.port}", ""), (f"b.example:{plain.port}", "connection")):  # fmt: skip
        first = serving(says(redirect(f"https://{host}/x")))
        tls_port = plain.port if expected else https.port
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outcome, "_SECONDS", 10 if not expected else 0.5)
            assert validate("http-01", responder, http_port=first.port, tls_port=tls_port).problem == expected
    assert named == ["b.example", "b.example", None]


def test_redirect_to_what_is_no_tls_is_told(responder: ChallengeResponder, serving: Serving) -> None:
    other = serving(says(GOOD))
    first = serving(says(redirect(f"https://b.example:{other.port}/")))
    found = validate("http-01", responder, http_port=first.port, tls_port=other.port)
    assert found.problem == "tls"
    assert "TLS failed" in found.detail


def test_redirect_to_another_port_is_not_followed(responder: ChallengeResponder, serving: Serving) -> None:
    other = serving(says(GOOD))
    for location in (f"http://b.example:{other.port}/", f"https://127.0.0.1:{other.port}/"):
        found = validate("http-01", responder, http_port=serving(says(redirect(location))).port)
        assert found.problem == "connection"
        assert f"redirected to port {other.port}, which is not followed" in found.detail
    assert other.connections == 0


@pytest.mark.parametrize(
    "location",
    [
        "", "ftp://b.example/", "file:///etc/passwd", "gopher://b.example/", "javascript:alert(1)",
        "http://user@b.example/", "http://user:secret@b.example/", "http://0x7f.1/",
        "http://2130706433/", "http://0177.0.0.1/", "http://[::1/", "http://b.example:99999/", "http://b.example:x/",
        "http://b_\xe9.example/", "http://b.example/\xe9", "http://b.example/a b", "http://b.example\\@c.example/",
        "http://b.example/" + "x" * 2000, "http://b..example/", "http://%62.example/",
    ],
)  # fmt: skip
def test_redirect_to_no_url_of_a_host_is_told(responder: ChallengeResponder, serving: Serving, location: str) -> None:
    server = serving(says(redirect(location)))
    found = validate("http-01", responder, http_port=server.port)
    assert (found.problem, server.connections) == ("incorrectResponse", 1)
    assert "redirected to an invalid URL" in found.detail


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://127.0.0.1/", "http://[::1]/",
        "http://[::ffff:169.254.169.254]/", "http://0.0.0.0/", "http://10.0.0.7/", "https://metadata.example/",
        "http://mixed.example/",
    ],
)  # fmt: skip
def test_redirect_to_a_forbidden_address_is_not_followed(
    responder: ChallengeResponder, serving: Serving, location: str
) -> None:
    responder.set_a("metadata.example", "169.254.169.254")
    responder.set_a("mixed.example", "10.0.0.7", "fe80::1", "127.0.0.1")
    server = serving(says(redirect(location)))
    found = validate("http-01", responder, http_port=server.port, private_networks=False)
    assert found.problem == "connection"
    assert "has no address that may be reached at port" in found.detail


def test_no_location_leads_elsewhere_or_fails(responder: ChallengeResponder) -> None:
    """A redirect can lead to the server itself alone; all else ends with a problem."""
    responder.records = {}
    responder.set_a(NAME, "127.0.0.1")

    @settings(max_examples=100)
    @given(st.one_of(st.text(max_size=60), st.from_regex(r"https?://[0-9a-fx.:\[\]@%]{0,30}/?", fullmatch=True)))
    def leads(location: str) -> None:
        line = location.encode("latin-1", "replace").decode("latin-1").replace("\r", "").replace("\n", "")
        with TcpServer(says(redirect(line))) as server:
            found = validate("http-01", responder, http_port=server.port, private_networks=False)
        assert found.problem in {"incorrectResponse", "connection", "dns", "tls"}
        assert {step for step in found.steps if step.startswith("connected to ")} == {
            f"connected to 127.0.0.1 port {server.port}"
        }

    leads()


def test_no_answer_of_a_server_fails(responder: ChallengeResponder) -> None:
    @settings(max_examples=100)
    @given(st.binary(max_size=300), st.booleans())
    def answers(content: bytes, has_status: bool) -> None:
        with TcpServer(says((b"HTTP/1.1 200 OK\r\n" if has_status else b"") + content)) as server:
            assert not validate("http-01", responder, http_port=server.port).valid

    answers()


def test_abrupt_end_is_told(responder: ChallengeResponder, serving: Serving) -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    found = validate("http-01", responder, http_port=serving(reset).port)
    assert found.problem == "connection"
    assert found.detail.endswith(", which closed the connection.")
