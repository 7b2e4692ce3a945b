"""Name constraints of a CA bind every name by which a client may know the holder of a certificate."""

from __future__ import annotations

import ipaddress
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import ConstraintError
from chalicelib.pki.issuing import name_rules
from chalicelib.pki.x509.name_constraints import NameConstraints, Subtree
from tests.support import pki_forge as forge
from tests.support.builders import csr
from tests.support.planned_certificates import issuer, planned

if TYPE_CHECKING:
    from collections.abc import Callable

CPU_SECONDS = 1.0
UPN, SMTP_UTF8, SRV, XMPP = "1.3.6.1.4.1.311.20.2.3", "1.3.6.1.5.5.7.8.9", "1.3.6.1.5.5.7.8.7", "1.3.6.1.5.5.7.8.5"
NETWORK = ipaddress.ip_network("10.0.0.0/8")
INSIDE = (x509.DNSName("example.com"), x509.RFC822Name("example.com"), x509.UniformResourceIdentifier("example.com"))
ONLY_INSIDE = issuer((x509.NameConstraints([*INSIDE, x509.IPAddress(NETWORK)], None), True))
NOT_THERE = issuer((x509.NameConstraints(None, [*INSIDE, x509.IPAddress(NETWORK)]), True))


def other(oid: str, text: str, tag: int = der.UTF8_STRING) -> x509.GeneralName:
    return x509.OtherName(x509.ObjectIdentifier(oid), der.tlv(tag, text.encode()))


UNJUDGED = {
    "SmtpUTF8Mailbox": other(SMTP_UTF8, "ü@evil.example"),
    "SmtpUTF8Mailbox inside": other(SMTP_UTF8, "ü@example.com"),
    "UPN": other(UPN, "admin@evil.example"),
    "SRVName": other(SRV, "_ldap.evil.example", der.IA5_STRING),
    "XmppAddr": other(XMPP, "a@evil.example"),
    "registeredID": x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
    "some other name": other("1.2.3.4", "x"),
}


@pytest.mark.parametrize("form", UNJUDGED)
@pytest.mark.parametrize("constrained", [ONLY_INSIDE, NOT_THERE], ids=["permitted", "excluded"])
def test_form_that_is_not_judged_is_refused_below_any_constraint(form: str, constrained: Any) -> None:
    request = csr("x", extensions=[(x509.SubjectAlternativeName([UNJUDGED[form]]), False)])
    assert planned(request=request)
    with pytest.raises(ConstraintError, match="cannot be held against the issuer's name constraints"):
        planned(request=request, issuer=constrained)


OUTSIDE: dict[str, x509.GeneralName] = {
    "user information": x509.UniformResourceIdentifier("https://evil.example%5c@example.com/"),
    "plain user information": x509.UniformResourceIdentifier("https://evil.example@example.com/"),
    "encoded backslash": x509.UniformResourceIdentifier("https://evil.example%5c.example.com/"),
    "encoded slash": x509.UniformResourceIdentifier("https://evil.example%2fexample.com/"),
    "query without path": x509.UniformResourceIdentifier("https://example.com?x"),
    "fragment without path": x509.UniformResourceIdentifier("https://example.com#x"),
    "no authority": x509.UniformResourceIdentifier("mailto:a@example.com"),
    "two slashes in the path": x509.UniformResourceIdentifier("urn:x://example.com"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_uri_whose_host_clients_read_differently_is_refused(case: str) -> None:
    request = csr("x", extensions=[(x509.SubjectAlternativeName([OUTSIDE[case]]), False)])
    for constrained in (ONLY_INSIDE, NOT_THERE):
        with pytest.raises(ConstraintError):
            planned(request=request, issuer=constrained)


@pytest.mark.parametrize(
    "address",
    [
        *("::ffff:10.0.0.1", "2002:a00:1::1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "::10.0.0.1"),
        *("2001:0:a00:1::1", "2001:db8::5efe:a00:1"),
    ],
)
def test_ipv4_address_inside_an_ipv6_address_is_excluded_too(address: str) -> None:
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    with pytest.raises(ConstraintError, match="excluded"):
        planned(request=csr("x", extensions=[(names, False)]), issuer=NOT_THERE)


@pytest.mark.parametrize("address", ["::ffff:10.0.0.1", "2002:a00:1::1", "64:ff9b::a00:1", "::10.0.0.1"])
def test_ipv4_range_permits_no_ipv6_address(address: str) -> None:
    """Clients compare octets: 2002:a00:1::1 is in no range of IPv4 addresses (RFC 5280 section 4.2.1.10)."""
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    with pytest.raises(ConstraintError, match="outside"):
        planned(request=csr("x", extensions=[(names, False)]), issuer=ONLY_INSIDE)


@pytest.mark.parametrize(
    "common_name",
    [
        *("192.0.2.1", "[2001:db8::1]", "2001:db8::1", "evil.example", "evil.example."),
        *("*.evil.example", "f*.evil.example", "*o.evil.example", "f*o.evil.example"),  # OpenSSL's X509_check_host
        *("-a.evil.example", "a-.evil.example", "a..evil.example", "*.*.evil.example"),
    ],
)
def test_common_name_that_a_client_takes_for_a_host_is_held(common_name: str) -> None:
    with pytest.raises(ConstraintError, match="outside"):
        planned(request=csr(common_name), issuer=ONLY_INSIDE)


def test_email_address_of_the_subject_is_held_beside_a_permitted_one() -> None:
    evil = forge.attribute(b"a@evil.example", oid=NameOID.EMAIL_ADDRESS.dotted_string, tag=der.IA5_STRING)
    permitted = der.tlv(0x81, b"a@example.com")
    requested = [forge.alternative_names(permitted)]
    request = forge.armored(forge.csr(subject=forge.name(evil), requested=requested))
    with pytest.raises(ConstraintError, match="evil"):
        planned(request=request, issuer=ONLY_INSIDE)


@pytest.mark.parametrize(
    "address",
    [
        b"a@evil.example@example.com",  # some clients read the host behind the first "@"
        b"example.com",
        b"a@example.com.",
        b'"a@evil.example"@example.com',
        b"a@evil.example,b@example.com",
        b"a@evil.example>@example.com",
        "\u00fc@example.com".encode(),
    ],
)
def test_email_address_of_the_subject_that_clients_read_differently_is_refused(address: bytes) -> None:
    tag = der.IA5_STRING if address.isascii() else der.UTF8_STRING
    subject = forge.name(forge.attribute(address, oid=NameOID.EMAIL_ADDRESS.dotted_string, tag=tag))
    request = forge.armored(forge.csr(subject=subject))
    assert planned(request=request)
    for constrained in (ONLY_INSIDE, NOT_THERE):
        with pytest.raises(ConstraintError):
            planned(request=request, issuer=constrained)


@pytest.mark.parametrize("mailbox", ["Admin", "ADMIN", "admin"])
def test_mailbox_is_excluded_however_its_case_is(mailbox: str) -> None:
    """Most mail servers ignore the case of a mailbox."""
    excluded = issuer((x509.NameConstraints(None, [x509.RFC822Name("Admin@example.com")]), True))
    names = x509.SubjectAlternativeName([x509.RFC822Name(f"{mailbox}@example.com")])
    with pytest.raises(ConstraintError, match="excluded"):
        planned(request=csr("x", extensions=[(names, False)]), issuer=excluded)


@pytest.mark.parametrize("organization", ["Ev\u0131l", "E\u00advil", "evil\ufe0f", " EVIL ", "\uff25vil"], ids=ascii)
def test_directory_name_is_excluded_in_every_spelling(organization: str) -> None:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])

    excluded = issuer((x509.NameConstraints(None, [x509.DirectoryName(named("Evil"))]), True))
    subject = forge.name(forge.attribute(organization.encode(), oid=NameOID.ORGANIZATION_NAME.dotted_string))
    with pytest.raises(ConstraintError, match="excluded"):
        planned(request=forge.armored(forge.csr(subject=subject)), issuer=excluded)


@pytest.mark.parametrize("organization", ["\uff21cme", "Ac\u00adme", "\u212acme", "A\u0441me"], ids=ascii)
def test_directory_name_is_permitted_only_as_openssl_compares_it(organization: str) -> None:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])

    wanted = "Kcme" if organization == "\u212acme" else "Acme"
    permitted = issuer((x509.NameConstraints([x509.DirectoryName(named(wanted))], None), True))
    for spelling in (wanted, f"  {wanted.upper()} "):
        subject = forge.name(forge.attribute(spelling.encode(), oid=NameOID.ORGANIZATION_NAME.dotted_string))
        assert planned(request=forge.armored(forge.csr(subject=subject)), issuer=permitted)
    subject = forge.name(forge.attribute(organization.encode(), oid=NameOID.ORGANIZATION_NAME.dotted_string))
    with pytest.raises(ConstraintError, match="outside"):
        planned(request=forge.armored(forge.csr(subject=subject)), issuer=permitted)


@pytest.mark.parametrize("common_name", ["192.0.2.1", "10.0.0.1", "widget-1.0"])
def test_common_name_with_a_dot_is_a_host_name_too(common_name: str) -> None:
    """OpenSSL takes an IPv4 address in a common name for a host name (cn2dnsid)."""
    permitted = issuer((x509.NameConstraints([x509.DNSName("example.com")], None), True))
    with pytest.raises(ConstraintError, match="outside"):
        planned(request=csr(common_name), issuer=permitted)


def test_empty_host_permits_no_uri() -> None:
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("http://evil.example/")])
    request = csr("x", extensions=[(names, False)])
    for permitted, excluded in (([""], None), (None, [""])):
        bases = [
            [x509.UniformResourceIdentifier(each) for each in some or ()] or None for some in (permitted, excluded)
        ]
        with pytest.raises(ConstraintError):
            planned(request=request, issuer=issuer((x509.NameConstraints(*bases), True)))


CONTENTS: dict[int, Callable[[int], bytes]] = {
    0x81: lambda number: b"%d@a.example" % number,
    0x82: lambda number: b"%d.a.example" % number,
    0x86: lambda number: b"http://%d.a.example/" % number,
    0x87: lambda number: b"\x20\x02\x0a\x00" + number.to_bytes(12),
    0xA4: lambda number: forge.name(forge.attribute(b"%d" % number, oid="2.5.4.10")),
}
BASES: dict[int, Callable[[int], bytes]] = {
    0x81: lambda number: b"%d.example" % number,
    0x86: lambda number: b"%d.example" % number,
    0x87: lambda number: number.to_bytes(16) + b"\xff" * 16,
}


@pytest.mark.no_cover  # measures CPU time
@pytest.mark.parametrize("tag", [0x81, 0x82, 0x86, 0x87, 0xA4], ids=hex)
@pytest.mark.parametrize("excluded", [True, False])
def test_names_and_subtrees_are_compared_within_bounds(tag: int, *, excluded: bool) -> None:
    """Each name was parsed once for each subtree: 1,000 of both took a minute."""
    contents = [CONTENTS[tag](number) for number in range(1_200)]
    bases = tuple(Subtree(tag, BASES.get(tag, CONTENTS[tag])(number)) for number in range(5_000, 6_200))
    constrained = NameConstraints((), bases) if excluded else NameConstraints(bases, ())
    found = [name_rules.Name(tag, content) for content in contents]
    with pytest.raises(ConstraintError, match="1200 names are too many"):
        name_rules.check([constrained], found)
    started = time.process_time()
    with suppress(ConstraintError):
        name_rules.check([constrained], found[:80])
    assert time.process_time() - started < CPU_SECONDS
