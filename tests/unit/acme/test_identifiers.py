"""Identifiers of requests and CSRs, and what the patterns of an external account grant."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from chalicelib.acme import identifiers
from chalicelib.acme.problems import AcmeProblem
from chalicelib.acme_records import Identifier
from chalicelib.pki.asn1 import der, oids
from tests.support.pki_forge import alternative_names, common, csr, dns, name, spki


def ip(text: str) -> bytes:
    return der.tlv(0x87, ip_address(text).packed)


@pytest.mark.parametrize(
    ("kind", "value", "canonical"),
    [
        ("dns", "a.example.test", "a.example.test"),
        ("dns", "WWW.Example.TEST", "www.example.test"),
        ("dns", "printer", "printer"),
        ("dns", "_sip.example.test", "_sip.example.test"),
        ("dns", "*.example.test", "*.example.test"),
        ("dns", "xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("dns", "XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example"),
        ("dns", "r3--lab.example", "r3--lab.example"),
        ("dns", ".".join(["a" * 63] * 3 + ["b" * 61]), ".".join(["a" * 63] * 3 + ["b" * 61])),
        ("ip", "192.0.2.1", "192.0.2.1"),
        ("ip", "2001:db8::1", "2001:db8::1"),
        ("ip", "127.0.0.1", "127.0.0.1"),
        ("ip", "::1", "::1"),
    ],
)
def test_identifier_is_read(kind: str, value: str, canonical: str) -> None:
    assert identifiers.parse({"type": kind, "value": value}) == Identifier(kind, canonical)


REFUSED = [
    ("dns", "", "malformed", "not a DNS name"),
    ("dns", ".", "malformed", "dot"),
    ("dns", "example.test.", "malformed", "dot"),
    ("dns", ".example.test", "malformed", "not a DNS name"),
    ("dns", "a..test", "malformed", "not a DNS name"),
    ("dns", "-a.test", "malformed", "not a DNS name"),
    ("dns", "a-.test", "malformed", "not a DNS name"),
    ("dns", "a b.test", "malformed", "not a DNS name"),
    ("dns", "a.test\n", "malformed", "not a DNS name"),
    ("dns", "a\0.test", "malformed", "not a DNS name"),
    ("dns", "a.test:443", "malformed", "not a DNS name"),
    ("dns", "http://a.test", "malformed", "not a DNS name"),
    ("dns", "a" * 64 + ".test", "malformed", "not a DNS name"),
    ("dns", ".".join(["a" * 63] * 4), "malformed", "not a DNS name"),
    ("dns", "*." + ".".join(["a" * 63] * 3 + ["b" * 60]), "malformed", "not a DNS name"),
    ("dns", "a" * 5000, "malformed", "253"),
    ("dns", "*", "malformed", "wildcard"),
    ("dns", "*.", "malformed", "dot"),
    ("dns", "*.*.test", "malformed", "wildcard"),
    ("dns", "a.*.test", "malformed", "wildcard"),
    ("dns", "a*.test", "malformed", "wildcard"),
    ("dns", "**.test", "malformed", "wildcard"),
    ("dns", "192.0.2.1", "malformed", "type ip"),
    ("dns", "*.192.0.2.1", "malformed", "type ip"),
    ("dns", "::1", "malformed", "type ip"),
    ("dns", "a.0x7f", "malformed", "not a DNS name"),
    ("dns", "127.1", "malformed", "not a DNS name"),
    ("dns", "münchen.example", "malformed", "xn--mnchen-3ya.example"),
    ("dns", "MÜNCHEN.example", "malformed", "xn--mnchen-3ya.example"),
    ("dns", "mu\u0308nchen.example", "malformed", "xn--mnchen-3ya.example"),
    ("dns", "straße.example", "malformed", "xn--strae-oqa.example"),
    ("dns", "münchen\u3002example", "malformed", "xn--mnchen-3ya.example"),
    ("dns", "\ud800.example", "malformed", "A-labels"),
    ("dns", "ü" * 100, "malformed", "A-labels."),
    ("dns", "a\x1b[2Jb.test", "malformed", r"'a\u{1b}[2Jb.test'"),
    ("dns", "xn--.example", "malformed", "not a DNS name"),
    ("dns", "xn--abc-.example", "malformed", "DNS name"),
    ("dns", "xn--99999999.example", "malformed", "A-label"),
    ("dns", "xn--" + "m\u00dcnchen".encode("punycode").decode(), "malformed", "A-label"),
    ("dns", "xn--" + "mu\u0308nchen".encode("punycode").decode(), "malformed", "A-label"),
    ("dns", "xn--" + "a\u2028b".encode("punycode").decode(), "malformed", "A-label"),
    ("dns", "xn---tda.example", "malformed", "A-label"),
    ("dns", "xn--a.example", "malformed", "A-label"),
    ("ip", "", "malformed", "not an IP address"),
    ("ip", "a.example.test", "malformed", "not an IP address"),
    ("ip", "192.0.2.01", "malformed", "not an IP address"),
    ("ip", "0x7f.0.0.1", "malformed", "not an IP address"),
    ("ip", "127.1", "malformed", "not an IP address"),
    ("ip", " 192.0.2.1", "malformed", "not an IP address"),
    ("ip", "192.0.2.1/32", "malformed", "not an IP address"),
    ("ip", "*.192.0.2.1", "malformed", "not an IP address"),
    ("ip", "[2001:db8::1]", "malformed", "not an IP address"),
    ("ip", "fe80::1%eth0", "malformed", "zone"),
    ("ip", "::ffff:192.0.2.1", "malformed", "192.0.2.1"),
    ("ip", "::ffff:c000:201", "malformed", "192.0.2.1"),
    ("ip", "2001:DB8::1", "malformed", "2001:db8::1"),
    ("ip", "2001:0db8::1", "malformed", "2001:db8::1"),
    ("ip", "2001:db8:0:0::1", "malformed", "2001:db8::1"),
    ("ip", "\u0661.2.3.4", "malformed", "not an IP address"),
    ("ip", "0.0.0.0", "rejectedIdentifier", "host"),
    ("ip", "::", "rejectedIdentifier", "host"),
    ("ip", "224.0.0.1", "rejectedIdentifier", "host"),
    ("ip", "ff02::1", "rejectedIdentifier", "host"),
    ("ip", "255.255.255.255", "rejectedIdentifier", "host"),
    ("email", "a@example.test", "unsupportedIdentifier", "dns or ip"),
    ("DNS", "a.example.test", "unsupportedIdentifier", "dns or ip"),
]


@pytest.mark.parametrize(("kind", "value", "problem", "rule"), REFUSED)
def test_identifier_is_refused(kind: str, value: str, problem: str, rule: str) -> None:
    with pytest.raises(AcmeProblem) as refusal:
        identifiers.parse({"type": kind, "value": value})
    assert (refusal.value.type, rule in refusal.value.detail) == (problem, True), refusal.value.detail


@pytest.mark.parametrize(
    "value", [None, "a.test", [], {}, {"type": "dns"}, {"type": 1, "value": "a"}, {"type": "dns", "value": ["a"]}]
)
def test_what_is_no_identifier_is_refused(value: Any) -> None:
    with pytest.raises(AcmeProblem, match="JSON object"):
        identifiers.parse(value)


def named(*values: str) -> list[dict[str, str]]:
    return [{"type": "dns", "value": value} for value in values]


def test_identifiers_are_sorted_and_not_repeated() -> None:
    found = identifiers.parse_all([*named("b.test", "A.test", "a.test"), {"type": "ip", "value": "192.0.2.1"}])
    assert found == (Identifier("dns", "a.test"), Identifier("dns", "b.test"), Identifier("ip", "192.0.2.1"))
    assert identifiers.parse_all(named(*(f"{n}.a.test" for n in range(100))))


@pytest.mark.parametrize("values", [None, {}, [], named("a.test") * 101])
def test_number_of_identifiers_is_bounded(values: Any) -> None:
    with pytest.raises(AcmeProblem, match="1 to 100"):
        identifiers.parse_all(values)


def test_one_refused_identifier_is_the_problem_itself() -> None:
    with pytest.raises(AcmeProblem) as refusal:
        identifiers.parse_all(named("a.test", "a..test"))
    assert refusal.value.type == "malformed"
    assert not refusal.value.subproblems


def test_several_refused_identifiers_are_subproblems() -> None:
    with pytest.raises(AcmeProblem) as refusal:
        identifiers.parse_all([*named("a.test", "a..test"), {"type": "ip", "value": "::"}, 5])
    document = refusal.value.document()
    assert (document["type"], document["status"]) == ("urn:ietf:params:acme:error:compound", 400)
    assert [each.get("identifier") for each in document["subproblems"]] == [
        {"type": "dns", "value": "a..test"},
        {"type": "ip", "value": "::"},
        None,
    ]
    assert document["subproblems"][1]["type"] == "urn:ietf:params:acme:error:rejectedIdentifier"


# patterns


@pytest.mark.parametrize(
    ("pattern", "value", "granted"),
    [
        ("a.example.test", "a.example.test", True),
        ("a.example.test", "b.a.example.test", False),
        ("a.example.test", "*.a.example.test", False),
        ("a.example.test", "axexample.test", False),
        ("*.example.test", "a.example.test", True),
        ("*.example.test", "c.b.a.example.test", True),
        ("*.example.test", "*.example.test", True),
        ("*.example.test", "*.x.example.test", True),
        ("*.example.test", "example.test", False),
        ("*.example.test", "evilexample.test", False),
        ("*.example.test", "a.example.test.evil.test", False),
        ("*.example.test", "*.test", False),
        ("web-*.example.test", "web-1.example.test", True),
        ("web-*.example.test", "web-1-a.example.test", True),
        ("web-*.example.test", "web-1.a.example.test", False),
        ("web-*.example.test", "*.example.test", False),
        ("web-*.example.test", "*.web-1.example.test", False),
        ("a.*.example.test", "a.b.example.test", True),
        ("a.*.example.test", "a.b.c.example.test", False),
        ("a.*.example.test", "b.example.test", False),
        ("*.web-*.example.test", "a.b.web-1.example.test", True),
        ("*.web-*.example.test", "web-1.example.test", False),
        ("web-*", "web-1", True),
        ("web-*", "web-1.example.test", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::/32", "2001:db8::5", True),
        ("2001:db8::/32", "10.0.0.1", False),
        ("0.0.0.0/0", "2001:db8::5", False),
        ("10.0.0.0/8", "a.example.test", False),
        ("*.example.test", "10.0.0.1", False),
    ],
)
def test_pattern_grants(pattern: str, value: str, granted: bool) -> None:
    identifier = identifiers.parse({"type": "ip" if value[0] in "12" else "dns", "value": value})
    assert identifiers.allows([identifiers.check_pattern(pattern)], identifier) is granted
    assert identifiers.allows(["z.example", identifiers.check_pattern(pattern)], identifier) is granted


def test_no_pattern_grants_nothing() -> None:
    assert not identifiers.allows([], Identifier("dns", "a.test"))
    assert not identifiers.allows([], Identifier("ip", "10.0.0.1"))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [(" *.Example.TEST ", "*.example.test"), ("10.0.0.1", "10.0.0.1/32"), ("2001:DB8::/32", "2001:db8::/32")],
)
def test_pattern_is_brought_into_its_form(text: str, pattern: str) -> None:
    assert identifiers.check_pattern(text) == pattern


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "not a pattern"),
        ("*", "suffix"),
        ("*.*", "suffix"),
        ("a.*", "suffix"),
        ("**.example.test", "one asterisk"),
        ("a*b*.example.test", "one asterisk"),
        ("a..test", "not a pattern"),
        ("a.test.", "not a pattern"),
        ("-a.test", "not a pattern"),
        ("a" * 64 + ".test", "not a pattern"),
        (".".join(["a" * 63] * 4), "not a pattern"),
        ("a.test\n.b", "not a pattern"),
        ("(a+)+.test", "not a pattern"),
        ("spiffe://example.test/*", "range"),
        ("*.münchen.example", "xn--mnchen-3ya"),
        ("10.0.0.1/8", "host bits"),
        ("10.0.0.0/33", "range"),
        ("::ffff:10.0.0.0/104", "IPv4"),
        ("10.0.*", "suffix"),
        ("*.10", "number"),
    ],
)
def test_pattern_is_refused(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        identifiers.check_pattern(text)


# CSRs


def test_identifiers_of_a_csr_are_those_of_subject_and_alternative_names() -> None:
    names = alternative_names(dns("B.example.test"), dns("*.example.test"), ip("2001:db8::1"), dns("a.example.test"))
    found, request = identifiers.csr_identifiers(csr(subject=common("A.example.test"), requested=[names]))
    assert found == (
        Identifier("dns", "*.example.test"),
        Identifier("dns", "a.example.test"),
        Identifier("dns", "b.example.test"),
        Identifier("ip", "2001:db8::1"),
    )
    assert request.spki_der == spki()


def test_csr_may_have_names_in_one_place_alone() -> None:
    assert identifiers.csr_identifiers(csr(subject=common("192.0.2.1")))[0] == (Identifier("ip", "192.0.2.1"),)
    found, _ = identifiers.csr_identifiers(csr(subject=name(), requested=[alternative_names(dns("a.test"))]))
    assert found == (Identifier("dns", "a.test"),)


BAD_CSRS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "refused"),
    "text": (b"-----BEGIN CERTIFICATE REQUEST-----", "refused"),
    "too long": (b"\x30" * 40_000, "32768"),
    "bytes after it": (csr() + b"\0", "refused"),
    "signature of zeros": (csr(signature=bytes(70)), "verif"),
    "weak curve": (csr("K-256"), "curve"),
    "common name of a person": (csr(subject=common("Jane Doe")), "not a DNS name"),
    "common name of another script": (csr(subject=common("münchen.example")), "xn--mnchen-3ya"),
    "email address": (csr(requested=[alternative_names(der.tlv(0x81, b"a@example.test"))]), "Rfc822Name"),
    "URI": (csr(requested=[alternative_names(der.tlv(0x86, b"spiffe://a.test/b"))]), "UniformResourceIdentifier"),
    "mapped address": (csr(requested=[alternative_names(ip("::ffff:192.0.2.1"))]), "192.0.2.1"),
    "multicast": (csr(requested=[alternative_names(ip("ff02::1"))]), "host"),
    "false A-label": (csr(requested=[alternative_names(dns("xn--a.test"))]), "A-label"),
    "too many names": (csr(requested=[alternative_names(*(dns(f"{n}.a.test") for n in range(101)))]), "100 names"),
    "names twice over": (
        csr(requested=[alternative_names(dns("a.test")), alternative_names(dns("b.test"))]),
        oids.SUBJECT_ALTERNATIVE_NAME,
    ),
}


@pytest.mark.parametrize("case", BAD_CSRS.values(), ids=BAD_CSRS)
def test_csr_is_refused(case: tuple[bytes, str]) -> None:
    csr_der, rule = case
    with pytest.raises(AcmeProblem) as refusal:
        identifiers.csr_identifiers(csr_der)
    assert (refusal.value.type, rule in refusal.value.detail) == ("badCSR", True), refusal.value.detail
