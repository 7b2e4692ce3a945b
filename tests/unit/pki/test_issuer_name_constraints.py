"""Name constraints of the issuer bind what it signs (RFC 5280 section 4.2.1.10)."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from chalicelib.pki.errors import ConstraintError
from tests.support.builders import csr, name
from tests.support.planned_certificates import issuer, planned

if TYPE_CHECKING:
    from chalicelib.pki.x509.issuer import Issuer


def permitted(*forms: x509.GeneralName) -> Issuer:
    return issuer((x509.NameConstraints(list(forms), None), True))


def excluded(*forms: x509.GeneralName) -> Issuer:
    return issuer((x509.NameConstraints(None, list(forms)), True))


def san(*found: x509.GeneralName) -> bytes:
    return csr("x", extensions=[(x509.SubjectAlternativeName(list(found)), False)])


DNS, MAIL, URI, DIR = x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier, x509.DirectoryName


def IP(text: str) -> x509.IPAddress:
    return x509.IPAddress(ip_network(text))


def address(text: str) -> x509.IPAddress:
    from ipaddress import ip_address

    return x509.IPAddress(ip_address(text))


NAME_CONSTRAINTS: dict[str, tuple[Issuer, x509.GeneralName, bool]] = {
    "dns inside": (permitted(DNS("example.com")), DNS("a.example.com"), True),
    "dns equal": (permitted(DNS("example.com")), DNS("example.com"), True),
    "dns upper case": (permitted(DNS("Example.COM")), DNS("a.example.com"), True),
    "dns beside": (permitted(DNS("example.com")), DNS("badexample.com"), False),
    "dns outside": (permitted(DNS("example.com")), DNS("example.org"), False),
    "dns wildcard inside": (permitted(DNS("example.com")), DNS("*.example.com"), True),
    "dns excluded": (excluded(DNS("example.com")), DNS("a.example.com"), False),
    "dns not excluded": (excluded(DNS("example.com")), DNS("a.example.org"), True),
    "ip inside": (permitted(IP("192.0.2.0/24")), address("192.0.2.9"), True),
    "ip outside": (permitted(IP("192.0.2.0/24")), address("198.51.100.1"), False),
    "ip excluded": (excluded(IP("192.0.2.0/24")), address("192.0.2.9"), False),
    "ip of the other family": (excluded(IP("2001:db8::/32")), address("192.0.2.9"), True),
    "mail host inside": (permitted(MAIL("example.com")), MAIL("a@example.com"), True),
    "mail host outside": (permitted(MAIL("example.com")), MAIL("a@b.example.com"), False),
    "mail domain inside": (permitted(MAIL(".example.com")), MAIL("a@b.example.com"), True),
    "mailbox": (permitted(MAIL("a@example.com")), MAIL("b@example.com"), False),
    "uri inside": (permitted(URI(".example.com")), URI("https://a.example.com/x"), True),
    "uri outside": (permitted(URI(".example.com")), URI("https://a.example.org/x"), False),
    "uri without host": (permitted(URI(".example.com")), URI("urn:x:y"), False),
    "directory outside": (permitted(DIR(name("only this"))), DNS("a.example.com"), False),
    "other form is free": (permitted(MAIL("example.com")), DNS("a.example.org"), True),
}


@pytest.mark.parametrize("case", NAME_CONSTRAINTS)
def test_name_constraints_of_the_issuer_bind_its_certificates(case: str) -> None:
    constrained, subject, allowed = NAME_CONSTRAINTS[case]
    request = san(subject)
    if allowed:
        assert planned(request=request, issuer=constrained)
    else:
        with pytest.raises(ConstraintError):
            planned(request=request, issuer=constrained)


def test_directory_constraint_holds_for_the_subject() -> None:
    inside = issuer((x509.NameConstraints([x509.DirectoryName(name("leaf"))], None), True))
    assert planned(request=csr("leaf"), issuer=inside)
    with pytest.raises(ConstraintError):
        planned(request=csr("other"), issuer=inside)
