"""tls-alpn-01 with TLS servers on loopback, and every certificate that is not the challenge's."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.acme.validation import Challenge, tls_alpn_01
from tests.support.acme_certificates import acme_identifier, key_number, validation_certificate
from tests.support.challenges import KEY_AUTHORIZATION, NAME, TOKEN, validate
from tests.support.hostile_servers import TcpServer, says, silent

if TYPE_CHECKING:
    from tests.support.challenge_responder import ChallengeResponder

OWN = x509.DNSName(NAME)


def test_certificate_of_the_challenge_is_valid(responder: ChallengeResponder) -> None:
    responder.set_tls(NAME, KEY_AUTHORIZATION)
    found = validate("tls-alpn-01", responder)
    assert found.detail == (
        f"tls-alpn-01 for {NAME}: connected to 127.0.0.1 port {responder.tls_port}, "
        "got the certificate of the challenge."
    )
    assert found.valid
    assert found.steps[-1] == "TLS handshake: protocol acme-tls/1"
    assert f"TLS {NAME}" in responder.asked


def test_ip_address_is_named_by_its_reverse_mapping(responder: ChallengeResponder) -> None:
    responder.set_tls("127.0.0.1", KEY_AUTHORIZATION)
    assert validate("tls-alpn-01", responder, "127.0.0.1", "ip").valid
    assert responder.asked == ["TLS 1.0.0.127.in-addr.arpa"]


def test_server_name_of_an_ipv6_address() -> None:
    name = tls_alpn_01._server_name(Challenge("tls-alpn-01", "ip", "2001:db8::1", TOKEN, KEY_AUTHORIZATION))
    assert name == "1.0.0.0." + "0." * 20 + "8.b.d.0.1.0.0.2.ip6.arpa"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another name": ({"names": [x509.DNSName("b.example.com")]}, f"is not for {NAME} alone"),
    "a name more": ({"names": [OWN, x509.DNSName("b.example.com")]}, f"is not for {NAME} alone"),
    "the name twice": ({"names": [OWN, OWN]}, f"is not for {NAME} alone"),
    "an address more": ({"names": [OWN, x509.IPAddress(ip_address("127.0.0.1"))]}, f"is not for {NAME} alone"),
    "the name as a URI": ({"names": [x509.UniformResourceIdentifier(NAME)]}, f"is not for {NAME} alone"),
    "the name as an email address": ({"names": [x509.RFC822Name(NAME)]}, f"is not for {NAME} alone"),
    "a wildcard": ({"names": [x509.DNSName("*.example.com")]}, f"is not for {NAME} alone"),
    "no name": ({"names": []}, "has no subject alternative name"),
    "the name as common name": ({"names": [], "subject": NAME}, "has no subject alternative name"),
    "no acmeIdentifier": ({"identifier": b""}, "has no acmeIdentifier extension"),
    "acmeIdentifier is not critical": ({"critical": False}, "has an acmeIdentifier extension that is not critical"),
    "another key authorization": ({"identifier": acme_identifier("x.y")}, "is for another key authorization"),
    "a digest without its tag": ({"identifier": acme_identifier(KEY_AUTHORIZATION)[2:]}, "another key authorization"),
    "a digest and more": ({"identifier": acme_identifier(KEY_AUTHORIZATION) + b"\0"}, "another key authorization"),
    "another issuer": ({"issuer": "Another"}, "is malformed or not self-signed"),
    "another signer": ({"signer": key_number(2)}, "is malformed or not self-signed"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_certificate_is_told(responder: ChallengeResponder, case: str) -> None:
    changes, words = WRONG[case]
    responder.set_tls_certificate(NAME, *validation_certificate(NAME, KEY_AUTHORIZATION, **changes))
    found = validate("tls-alpn-01", responder)
    assert found.problem == "incorrectResponse"
    assert words in found.detail


def test_case_of_a_name_does_not_count(responder: ChallengeResponder) -> None:
    names = [x509.DNSName(NAME.upper())]
    responder.set_tls_certificate(NAME, *validation_certificate(NAME, KEY_AUTHORIZATION, names=names))
    assert validate("tls-alpn-01", responder).valid


@pytest.mark.parametrize(
    "name", [x509.DNSName("127.0.0.1"), x509.DNSName("1.0.0.127.in-addr.arpa"), x509.IPAddress(ip_address("127.0.0.2"))]
)
def test_ip_address_is_certified_as_an_ip_address(responder: ChallengeResponder, name: x509.GeneralName) -> None:
    wrong = validation_certificate("127.0.0.1", KEY_AUTHORIZATION, names=[name])
    responder.set_tls_certificate("127.0.0.1", *wrong)
    assert "is not for 127.0.0.1 alone" in validate("tls-alpn-01", responder, "127.0.0.1", "ip").detail


@pytest.mark.parametrize("protocols", [("http/1.1",), ("h2", "http/1.1")])
def test_server_without_the_protocol_is_told(responder: ChallengeResponder, protocols: tuple[str, ...]) -> None:
    certificate = validation_certificate(NAME, KEY_AUTHORIZATION)
    responder.set_tls_certificate(NAME, *certificate, *protocols)
    found = validate("tls-alpn-01", responder)
    assert found.problem == "incorrectResponse"
    assert "does not negotiate acme-tls/1 by ALPN" in found.detail


def test_server_that_knows_no_such_name_is_told(responder: ChallengeResponder) -> None:
    found = validate("tls-alpn-01", responder)
    assert found.problem == "tls"
    assert "the handshake failed (TLSV1_UNRECOGNIZED_NAME)" in found.detail


def resets(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    ("serve", "problem"),
    [
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls"),
        (says(b""), "tls"),
        (says(b"\x16\x03\x03\xff\xff" + b"\0" * 65535), "tls"),
        (resets, "connection"),
        (silent, "connection"),
    ],
)
def test_server_without_tls_is_told(
    responder: ChallengeResponder, monkeypatch: pytest.MonkeyPatch, serve: Any, problem: str
) -> None:
    monkeypatch.setattr(tls_alpn_01, "_SECONDS", 0.5)
    with TcpServer(serve) as server:
        assert validate("tls-alpn-01", responder, tls_port=server.port).problem == problem


CERTIFICATE = x509.load_pem_x509_certificate(validation_certificate(NAME, KEY_AUTHORIZATION)[0])
DER, SIGNED = CERTIFICATE.public_bytes(Encoding.DER), CERTIFICATE.tbs_certificate_bytes
CHALLENGE = Challenge("tls-alpn-01", "dns", NAME, TOKEN, KEY_AUTHORIZATION)


def test_unchanged_certificate_is_right() -> None:
    assert tls_alpn_01._wrong(DER, CHALLENGE) == ""


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # cryptography tells of it, and reads on
@settings(max_examples=500)
@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_certificate_with_any_octet_changed_is_wrong(position: int, difference: int) -> None:
    """But for the encoding of its signature, which is not signed."""
    changed = bytearray(DER)
    changed[position] ^= difference
    start = DER.index(SIGNED)
    is_signed = start <= position < start + len(SIGNED)
    assert tls_alpn_01._wrong(bytes(changed), CHALLENGE) != "" or not is_signed


@given(st.binary(max_size=600))
def test_no_bytes_are_the_certificate(content: bytes) -> None:
    assert tls_alpn_01._wrong(content, CHALLENGE) != ""
