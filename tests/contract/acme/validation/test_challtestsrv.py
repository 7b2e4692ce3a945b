"""The validation with a responder that others wrote: pebble-challtestsrv, of Debian's package pebble."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme import validation
from chalicelib.config import Settings
from tests.support.challenges import DIGEST, KEY_AUTHORIZATION, NAME, TOKEN
from tests.support.home import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = shutil.which("pebble-challtestsrv")
PREFIXED = f"_acme-challenge.{NAME}."
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs pebble-challtestsrv (Debian: apt-get install pebble)")


class Responder:
    """The program, managed over HTTP."""

    def __init__(self) -> None:
        self.http, self.tls, self.dns, self.management = (free_port() for _ in range(4))
        ports = {"http01": self.http, "tlsalpn01": self.tls, "dns01": self.dns, "management": self.management}
        options = [part for name, port in ports.items() for part in (f"-{name}", f"127.0.0.1:{port}")]
        command = [str(PROGRAM), *options, "-https01", "", "-defaultIPv6", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not all(map(listens, (self.http, self.tls, self.dns, self.management))) and time.monotonic() < deadline:
            time.sleep(0.05)

    def say(self, path: str, /, **members: Any) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.management}/{path}", json.dumps(members).encode(), method="POST"
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200

    def validate(self, kind: str, value: str = NAME, kind_of_name: str = "dns") -> validation.Outcome:
        environment = {
            "SIGNET_ACME_HTTP_PORT": str(self.http),
            "SIGNET_ACME_TLS_PORT": str(self.tls),
            "SIGNET_ACME_RESOLVER": f"127.0.0.1:{self.dns}",
        }
        challenge = validation.Challenge(kind, kind_of_name, value, TOKEN, KEY_AUTHORIZATION)
        return validation.validate(challenge, validation.vantage(Settings.from_env(environment)))


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def challtestsrv() -> Iterator[Responder]:
    made = Responder()
    yield made
    made.process.terminate()
    made.process.wait(10)


def test_http_01(challtestsrv: Responder) -> None:
    assert challtestsrv.validate("http-01").problem == "incorrectResponse"
    challtestsrv.say("add-http01", token=TOKEN, content=KEY_AUTHORIZATION)
    assert challtestsrv.validate("http-01").valid
    assert challtestsrv.validate("http-01", "127.0.0.1", "ip").valid
    challtestsrv.say("add-redirect", path=f"/.well-known/acme-challenge/{TOKEN}", targetURL="/loop")
    challtestsrv.say("add-redirect", path="/loop", targetURL="/loop")
    assert "more than 10 redirects" in challtestsrv.validate("http-01").detail


def test_dns_01(challtestsrv: Responder) -> None:
    assert not challtestsrv.validate("dns-01").valid
    challtestsrv.say("set-txt", host=PREFIXED, value="other")
    challtestsrv.say("set-txt", host=PREFIXED, value=DIGEST)
    assert challtestsrv.validate("dns-01").valid
    challtestsrv.say("set-cname", host="_acme-challenge.alias.example.com.", target=PREFIXED)
    assert challtestsrv.validate("dns-01", "alias.example.com").valid
    challtestsrv.say("set-servfail", host=PREFIXED)
    assert "SERVFAIL" in challtestsrv.validate("dns-01").detail


@pytest.mark.parametrize(
    ("value", "kind", "host"), [(NAME, "dns", NAME), ("127.0.0.1", "ip", "1.0.0.127.in-addr.arpa")]
)
def test_tls_alpn_01(challtestsrv: Responder, value: str, kind: str, host: str) -> None:
    """It knows no IP addresses: its certificate of one has the reverse name, so that Signet refuses it."""
    challtestsrv.say("add-tlsalpn01", host=host, content=KEY_AUTHORIZATION)
    found = challtestsrv.validate("tls-alpn-01", value, kind)
    assert found.valid if kind == "dns" else found.detail.endswith("the certificate is not for 127.0.0.1 alone.")
