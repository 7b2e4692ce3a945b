"""The responder that other tests use says what was set, to clients that are not Signet's."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request

import dns.message
import dns.query
import dns.rcode
import pytest
from cryptography import x509

from tests.support.acme_certificates import ACME_IDENTIFIER, ACME_TLS_1, acme_identifier
from tests.support.challenge_responder import ChallengeResponder


def test_http_serves_the_key_authorization_of_a_token(responder: ChallengeResponder) -> None:
    responder.set_http("token", "token.thumbprint")
    base = f"http://127.0.0.1:{responder.http_port}/.well-known/acme-challenge/"
    with urllib.request.urlopen(base + "token") as answer:
        assert answer.read() == b"token.thumbprint"
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        urllib.request.urlopen(base + "other")
    caught.value.close()
    assert responder.asked[0] == f"GET 127.0.0.1:{responder.http_port} /.well-known/acme-challenge/token"


@pytest.mark.parametrize("over", [dns.query.udp, dns.query.tcp])
def test_dns_answers_by_udp_and_tcp(responder: ChallengeResponder, over: object) -> None:
    responder.set_cname("_acme-challenge.a.test", "b.test")
    responder.set_txt("B.test", "one", "two")
    responder.refuses["c.test"] = "SERVFAIL"

    def asked(name: str, kind: str) -> dns.message.Message:
        query = dns.message.make_query(name, kind)
        return over(query, "127.0.0.1", port=responder.dns_port, timeout=5)  # type: ignore[operator,no-any-return]

    alias, texts = asked("_ACME-challenge.a.test.", "TXT").answer
    assert str(alias).lower() == "_acme-challenge.a.test. 0 in cname b.test."
    assert {str(each) for each in texts} == {'"one"', '"two"'}
    assert str(asked("any.test.", "A").answer[0]) == "any.test. 0 IN A 127.0.0.1"
    assert asked("any.test.", "AAAA").answer == []
    assert asked("c.test.", "A").rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize(("name", "asked_for"), [("a.test", "a.test"), ("127.0.0.1", "1.0.0.127.in-addr.arpa")])
def test_tls_has_the_certificate_of_the_name(responder: ChallengeResponder, name: str, asked_for: str) -> None:
    responder.set_tls(name, "token.thumbprint")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([ACME_TLS_1])
    plain = socket.create_connection(("127.0.0.1", responder.tls_port))
    with context.wrap_socket(plain, server_hostname=asked_for) as sock:
        assert sock.selected_alpn_protocol() == ACME_TLS_1
        der = sock.getpeercert(binary_form=True)
    assert der
    found = x509.load_der_x509_certificate(der).extensions.get_extension_for_oid(ACME_IDENTIFIER)
    assert found.critical
    assert found.value.public_bytes() == acme_identifier("token.thumbprint")
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", responder.tls_port)) as plain:
        context.wrap_socket(plain, server_hostname="other.test")


def test_end_frees_the_ports() -> None:
    with ChallengeResponder() as responder:
        ports = (responder.http_port, responder.tls_port, responder.dns_port)
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
