"""Which addresses a challenge may lead to, and that no second look-up changes it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import dns.message
import dns.rrset
import pytest

from chalicelib.acme import validation
from chalicelib.acme.validation import resolving
from chalicelib.acme.validation.connecting import loopback_ports
from chalicelib.acme.validation.outcome import Attempt
from chalicelib.config import Settings
from tests.support.challenge_responder import ChallengeResponder
from tests.support.challenges import KEY_AUTHORIZATION, NAME, TOKEN, validate
from tests.support.home import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

NEVER = [
    "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fe80::1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "ff02::1", "::",
]  # fmt: skip
PRIVATE = ["10.0.0.7", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.7"]


@pytest.mark.parametrize("kind", ["http-01", "tls-alpn-01"])
@pytest.mark.parametrize("address", NEVER)
def test_forbidden_address_is_not_reached(responder: ChallengeResponder, kind: str, address: str) -> None:
    responder.set_a(NAME, address)
    by_name, by_address = validate(kind, responder), validate(kind, responder, address, "ip")
    for found in (by_name, by_address):
        assert found.problem == "connection"
        assert "has no address that may be reached at port" in found.detail
        assert not any(step.startswith("connected") for step in found.steps)


@pytest.mark.parametrize("address", [*PRIVATE, "127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_home_without_settings_for_it_reaches_no_private_address(address: str) -> None:
    on_aws = validation.vantage(Settings(state="dynamodb"))
    found = validation.validate(validation.Challenge("http-01", "ip", address, TOKEN, KEY_AUTHORIZATION), on_aws)
    assert found.detail == f"http-01 for {address}: {address} has no address that may be reached at port 80."


def test_addresses_that_may_not_be_reached_are_left_out(responder: ChallengeResponder) -> None:
    responder.set_http(TOKEN, KEY_AUTHORIZATION)
    responder.set_a(NAME, "169.254.169.254", "fe80::1", "127.0.0.1", "10.0.0.7")
    found = validate("http-01", responder, private_networks=False)
    assert found.valid
    for address in ("169.254.169.254", "fe80::1", "10.0.0.7"):
        assert f"{address} may not be reached at port {responder.http_port}" in found.steps


@pytest.fixture
def rebinding() -> Iterator[ChallengeResponder]:
    class Rebinding(ChallengeResponder):
        """Says 127.0.0.1 at first and an address of a metadata service after that."""

        def answer(self, query: dns.message.Message) -> dns.message.Message:
            response = super().answer(query)
            if len([each for each in self.asked if each.startswith("A ")]) > 1:
                response.answer = [dns.rrset.from_text(f"{NAME}.", 0, "IN", "A", "169.254.169.254")]
            return response

    with Rebinding() as made:
        yield made


@pytest.mark.parametrize("kind", ["http-01", "tls-alpn-01"])
def test_name_is_resolved_once_for_a_connection(rebinding: ChallengeResponder, kind: str) -> None:
    rebinding.set_http(TOKEN, KEY_AUTHORIZATION)
    rebinding.set_tls(NAME, KEY_AUTHORIZATION)
    assert validate(kind, rebinding).valid
    assert rebinding.asked.count(f"A {NAME}") == 1
    assert validate(kind, rebinding).problem == "connection"


def test_many_addresses_are_bounded(responder: ChallengeResponder) -> None:
    responder.set_a(NAME, *(f"169.254.1.{number}" for number in range(200)))
    found = validate("http-01", responder)
    assert len([step for step in found.steps if "may not be reached" in step]) == 16


@pytest.mark.parametrize(
    ("code", "kinds", "words"),
    [
        ("NXDOMAIN", ("AAAA", "A"), "does not exist (NXDOMAIN)"),
        ("SERVFAIL", ("AAAA", "A") * 2, "answered SERVFAIL"),
    ],
)
def test_name_that_cannot_be_resolved_is_told(
    responder: ChallengeResponder, code: str, kinds: tuple[str, ...], words: str
) -> None:
    responder.refuses[NAME] = code
    found = validate("http-01", responder)
    assert found.problem == "dns"
    assert words in found.detail
    assert sorted(responder.asked) == sorted(f"{kind} {NAME}" for kind in kinds)


def test_name_without_an_address_is_told(responder: ChallengeResponder) -> None:
    responder.set_a(NAME)
    assert validate("http-01", responder).detail == f"http-01 for {NAME}: {NAME} has no address in the DNS."


def test_source_address_is_where_connections_come_from(responder: ChallengeResponder) -> None:
    responder.set_http(TOKEN, KEY_AUTHORIZATION)
    assert validate("http-01", responder, source_address="127.0.0.3").valid
    responder.set_a(NAME, "::1")
    found = validate("http-01", responder, source_address="127.0.0.3")
    assert "::1 cannot be reached from 127.0.0.3" in found.steps
    foreign = validate("http-01", responder, "127.0.0.1", "ip", source_address="198.51.100.1")
    assert foreign.problem == "connection"
    assert "could not be reached (Cannot assign requested address)" in foreign.detail


@pytest.mark.parametrize(
    ("resolver", "source", "used"),
    [
        ("10.0.0.53", "10.0.0.7", "10.0.0.7"),
        ("fd12::53", "fd12::7", "fd12::7"),
        ("10.0.0.53", "fd12::7", None),
        ("127.0.0.1", "10.0.0.7", None),
        ("10.0.0.53", "", None),
    ],
)
def test_resolvers_are_asked_from_the_source_address_where_that_is_possible(
    resolver: str, source: str, used: str | None
) -> None:
    vantage = validation.vantage(Settings(acme_resolver=resolving.host_and_port(resolver, 53)))
    servers = resolving._servers(Attempt(vantage._replace(source_address=source)))
    assert servers == [(resolver, 53, used)]


@pytest.mark.parametrize(
    ("settings", "ports"),
    [
        ({}, set()),
        ({"acme_http_port": "5002"}, {5002}),
        ({"acme_http_port": "5002", "acme_tls_port": "5001"}, {5002, 5001}),
        ({"acme_http_port": "443"}, set()),
        ({"acme_resolver": "127.0.0.1:5353"}, {80, 443}),
        ({"acme_resolver": "[::1]:5353,127.0.0.1:5354"}, {80, 443}),
        ({"acme_resolver": "127.0.0.1:53"}, set()),
        ({"acme_resolver": "127.0.0.1:5353,10.0.0.53:53"}, set()),
        ({"acme_resolver": "localhost:5353"}, set()),
        ({"acme_resolver": "127.0.0.1:5353", "acme_tls_port": "5001"}, {80, 5001}),
    ],
)
def test_loopback_is_reached_at_ports_for_tests(settings: dict[str, str], ports: set[int]) -> None:
    assert loopback_ports(validation.vantage(Settings(**settings))) == ports


def test_private_networks_are_those_of_the_laptop_home() -> None:
    assert validation.vantage(Settings()) == validation.Vantage((), "", private_networks=True)
    assert not validation.vantage(Settings(state="dynamodb")).private_networks
    assert validation.vantage(Settings(state="dynamodb", acme_private_networks="allow")).private_networks
    assert not validation.vantage(Settings(acme_private_networks="refuse")).private_networks


def test_kinds_of_challenges() -> None:
    assert validation.challenge_kinds("dns", wildcard=False) == ("http-01", "dns-01", "tls-alpn-01")
    assert validation.challenge_kinds("dns", wildcard=True) == ("dns-01",)
    assert validation.challenge_kinds("ip", wildcard=False) == ("http-01", "tls-alpn-01")
    with pytest.raises(ValueError, match="There is no dns-01 for identifiers of type ip"):
        validation.validate(validation.Challenge("dns-01", "ip", "10.0.0.7", TOKEN, ""), validation.vantage(Settings()))


def test_dnspython_is_imported_when_a_challenge_is_validated() -> None:
    code = "import sys, chalicelib.acme.validation; print('dns' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
