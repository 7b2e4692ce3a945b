"""The parts of the suite for ACME servers: its signatures, its responder, and that every case names a sentence."""

from __future__ import annotations

import ast
import base64
import hashlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dns.message
import dns.query
import dns.rdatatype
import pytest
from cryptography import x509
from joserfc import jwk, jws

from tests.acme_conformance import conftest, jose
from tests.acme_conformance.acme import parse_binding
from tests.acme_conformance.certificates import ACME_IDENTIFIER, certificate_id, self_signed
from tests.acme_conformance.report import Result, summary, write
from tests.acme_conformance.responder import LOOPBACK, Responder
from tests.acme_conformance.rfc import TITLES
from tests.acme_conformance.wire import Answer
from tools import acme_conformance

if TYPE_CHECKING:
    from collections.abc import Iterator

# The header of ACME has members that the library does not know.
_LENIENT = jws.JWSRegistry(algorithms=["ES256", "ES384", "ES512", "RS256", "EdDSA", "HS256"], strict_check_header=False)
ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / "tests/acme_conformance"
LEAF = """-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
"""  # RFC 9773, appendix A


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # RFC 8555 wants this name of Ed25519
@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "RS256", "EdDSA"])
def test_signature_is_what_a_library_verifies(alg: str) -> None:
    key = jose.generate(alg)
    public: Any = key.jwk
    request = jose.Request("https://ca.test/", key, {"alg": alg, "url": "https://ca.test/"}, b'{"a":1}')
    made: Any = request.jws()
    found = jws.deserialize_json(made, jwk.import_key(public), registry=_LENIENT)
    assert found.payload == b'{"a":1}'


@pytest.mark.parametrize("alg", ["ES256", "ES512", "RS256", "EdDSA"])
def test_thumbprint_is_rfc_7638_s(alg: str) -> None:
    key = jose.generate(alg)
    public: Any = key.jwk
    assert key.thumbprint == jwk.import_key(public).thumbprint()


def test_binding_is_what_a_library_verifies() -> None:
    secret, key = bytes(range(32)), jose.generate()
    made: Any = jose.binding("kid-1", secret, key.jwk, "https://ca.test/new-account")
    found = jws.deserialize_json(made, jwk.OctKey.import_key(secret), registry=_LENIENT)
    assert json.loads(found.payload) == key.jwk


def test_replaced_step_changes_only_its_part() -> None:
    request = jose.Request("https://ca.test/", jose.generate(), {"alg": "ES256", "nonce": "a"}, b"")
    assert json.loads(jose.unb64(request.but(nonce=None).jws()["protected"])) == {"alg": "ES256"}
    assert request.header["nonce"] == "a"


def test_binding_of_an_option_is_split_at_its_last_colon() -> None:
    assert parse_binding("https://ca.test/eab/1:AAEC") == ("https://ca.test/eab/1", b"\0\1\2")


def test_identifier_is_that_of_rfc_9773() -> None:
    assert certificate_id(x509.load_pem_x509_certificate(LEAF.encode())) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


def test_links_are_found_by_relation() -> None:
    answer = Answer(200, (("Link", '<https://a.test/>;rel="index", <https://b.test/>; rel=up'), ("link", "x")), b"")
    assert (answer.links("index"), answer.links("up"), answer.links("next")) == (
        ["https://a.test/"],
        ["https://b.test/"],
        [],
    )


@pytest.fixture(scope="module")
def responder() -> Iterator[Responder]:
    made = Responder(0, 0, 0)
    yield made
    made.close()


def test_page_is_served_and_seen(responder: Responder) -> None:
    responder.put_page("token", b"token.thumbprint")
    connection = http.client.HTTPConnection(LOOPBACK, responder.http_port, timeout=5)
    connection.request("GET", "/.well-known/acme-challenge/token", headers={"Host": "a.example.test"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"token.thumbprint")
    connection.request("GET", "/.well-known/acme-challenge/other")
    assert connection.getresponse().status == 404
    connection.close()
    assert responder.seen.http[0] == ("a.example.test", "/.well-known/acme-challenge/token")


@pytest.mark.parametrize("transport", [dns.query.udp, dns.query.tcp])
def test_names_have_addresses_and_records(responder: Responder, transport: Any) -> None:
    def answer(name: str, kind: str) -> list[str]:
        found = transport(dns.message.make_query(name, kind), LOOPBACK, port=responder.dns_port, timeout=5)
        return [item.to_text() for rrset in found.answer for item in rrset]

    responder.put_txt("a.example.test", "token.thumbprint")
    responder.records["_acme-challenge.b.example.test.", "CNAME"] = ["_acme-challenge.a.example.test."]
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"token.thumbprint").digest()).rstrip(b"=").decode()
    assert answer("Any.example.test", "A") == [LOOPBACK]
    assert answer("any.example.test", "AAAA") == []
    assert answer("_acme-challenge.a.example.test", "TXT") == [f'"{digest}"']
    assert answer("_acme-challenge.b.example.test", "TXT") == ["_acme-challenge.a.example.test.", f'"{digest}"']


def test_certificate_is_chosen_by_server_name(responder: Responder) -> None:
    responder.put_certificate("a.example.test", *self_signed("a.example.test", authorization="token.thumbprint"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["acme-tls/1"])
    with (
        socket.create_connection((LOOPBACK, responder.tls_port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="a.example.test") as connection,
    ):
        assert connection.selected_alpn_protocol() == "acme-tls/1"
        leaf = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    extension = leaf.extensions.get_extension_for_oid(ACME_IDENTIFIER)
    assert extension.critical
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    assert extension.value.value[2:] == hashlib.sha256(b"token.thumbprint").digest()


@pytest.mark.slow  # pytest collects the cases, as it does for whoever runs the suite
def test_suite_has_its_cases_and_each_names_a_sentence() -> None:
    command = [sys.executable, "-m", "pytest", str(SUITE), "--collect-only", "-q", "-p", "no:cacheprovider"]
    command += ["--acme-directory", "https://ca.test/"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stderr
    cases = [line for line in found.stdout.splitlines() if "::" in line]
    assert len(set(cases)) == len(cases) >= 150
    hostile = [each for each in cases if re.search(r"test_(header|request|key|nonce)_is_refused\[", each)]
    assert len(hostile) >= 60


@pytest.mark.parametrize(("directory", "is_ignored"), [(None, True), ("https://ca.test/", None)])
def test_cases_are_collected_only_for_a_server(directory: str | None, is_ignored: bool | None) -> None:
    config: Any = SimpleNamespace(getoption=lambda *_: directory)
    assert conftest.pytest_ignore_collect(SUITE / "test_orders.py", config) is is_ignored
    assert conftest.pytest_ignore_collect(SUITE / "acme.py", config) is None


def test_suite_imports_nothing_of_signet() -> None:
    for path in SUITE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert not name.startswith("chalicelib"), (path, name)
                assert not name.startswith("tests.") or name.startswith("tests.acme_conformance"), (path, name)


def _result(**more: str) -> Result:
    about = {
        "case": "test_a.py::test_a[b]",
        "group": "RFC 8555 6.2",
        "level": "MUST",
        "sentence": "It MUST.",
        "outcome": "failed",
        "why": "x | y",
    }
    return Result(**about | more)


def test_report_has_counts_and_failures(tmp_path: Path) -> None:
    found = [_result(), _result(case="test_a.py::test_c", outcome="passed", why="")]
    assert "acme, MUST: 2 cases, 1 passed, 1 failed, 0 skipped" in summary(found)
    write(str(tmp_path / "report.md"), "https://ca.test/", found)
    text = (tmp_path / "report.md").read_text()
    assert "| RFC 8555 6.2 Request authentication | 1 | 1 | 0 |" in text
    assert r"- `test_a.py::test_a[b]`: x \| y (RFC 8555 6.2, MUST: It MUST.)" in text


def test_results_stand_side_by_side() -> None:
    results = {"one": [_result()], "two": [_result(outcome="skipped", why="needs more")]}
    text = acme_conformance.tables(results)
    assert "| RFC 8555 6.2 Request authentication | 1 | 0 (1 failed) | 0 (1 skipped) |" in text
    assert "“It MUST.” x \\| y (a: b)" in text
    assert "- needs more: 1 case\n" in text


def test_document_has_every_section_that_cases_judge() -> None:
    document = (ROOT / "docs/conformance-acme.md").read_text()
    assert [group for group, title in TITLES.items() if f"| {group} {title} |" not in document] == []
