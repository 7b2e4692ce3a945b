"""Certification paths: the reasons why clients refuse one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from chalicelib.pki import paths
from tests.support.builders import START, name
from tests.support.pki_forge import key

NOW = START
CA = x509.BasicConstraints(ca=True, path_length=None)
ONLY_TLS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
ONLY_CODE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
PERMITTED = x509.NameConstraints([x509.DNSName("example.com")], None)


def link(subject: str, issuer: str, *extensions: x509.ExtensionType, days: int = 100, serial: int = 1) -> paths.Link:
    """A certificate; its signature does not matter."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key("P-256").public_key())
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=not isinstance(extension, x509.AuthorityKeyIdentifier))
    return paths.read(builder.sign(key("P-256"), hashes.SHA256()).public_bytes(Encoding.DER))


def length(number: int | None) -> x509.BasicConstraints:
    return x509.BasicConstraints(ca=True, path_length=number)


ROOT = link("Root", "Root", CA)
MIDDLE = link("Middle", "Root", CA)
LEAF = link("Leaf", "Middle", x509.SubjectAlternativeName([x509.DNSName("www.example.org")]), ONLY_TLS)
OTHER_KEY = x509.SubjectKeyIdentifier.from_public_key(ec.generate_private_key(ec.SECP256R1()).public_key()).digest


def identified(**members: Any) -> x509.AuthorityKeyIdentifier:
    whole = {"key_identifier": None, "authority_cert_issuer": None, "authority_cert_serial_number": None}
    return x509.AuthorityKeyIdentifier(**whole | members)


CASES: dict[str, tuple[tuple[paths.Link, ...], str]] = {
    "root alone": ((ROOT,), ""),
    "three": ((LEAF, MIDDLE, ROOT), ""),
    "path length that is enough": ((LEAF, MIDDLE, link("Root", "Root", length(1))), ""),
    "path length 0 above a leaf": ((LEAF, link("Middle", "Root", length(0)), ROOT), ""),
    "path length 0 above a CA": (
        (MIDDLE, link("Root", "Root", length(0))),
        "“Root” allows 0 levels of CAs below it, and there is 1.",
    ),
    "expired root": ((MIDDLE, link("Root", "Root", CA, days=0)), ""),
    "no CA": (
        (LEAF, link("Middle", "Root", x509.BasicConstraints(ca=False, path_length=None)), ROOT),
        "The certificate of “Middle” does not allow it to sign",
    ),
    "other purposes": ((LEAF, link("Middle", "Root", CA, ONLY_CODE), ROOT), "“Middle” allows none of the purposes of"),
    "the same purpose": ((LEAF, link("Middle", "Root", CA, ONLY_TLS), ROOT), ""),
    "other names": ((LEAF, link("Middle", "Root", CA, PERMITTED), ROOT), "“Middle” refuses the names of “Leaf”."),
    "names below a root": ((LEAF, MIDDLE, link("Root", "Root", CA, PERMITTED)), "“Root” refuses the names of “Leaf”."),
    "another key identifier": (
        (link("Middle", "Root", CA, identified(key_identifier=OTHER_KEY)), ROOT),
        "“Middle” names another key identifier for its issuer than “Root” has.",
    ),
    "another serial number": (
        (
            link(
                "Middle",
                "Root",
                CA,
                identified(authority_cert_issuer=[x509.DirectoryName(name("Root"))], authority_cert_serial_number=99),
            ),
            ROOT,
        ),
        "“Middle” names the certificate of “Root” by another serial number.",
    ),
    "no root": ((LEAF, MIDDLE), "No root is above “Middle”."),
}


@pytest.mark.parametrize("case", list(CASES))
def test_path_is_refused_for_what_is_wrong_with_it_and_for_nothing_else(case: str) -> None:
    path, problem = CASES[case]
    found = paths.problems(path, NOW)
    assert len(found) == bool(problem), found
    assert not problem or found[0].startswith(problem)


def test_path_verifies_as_long_as_each_of_its_certificates_is_valid() -> None:
    path = (LEAF, MIDDLE, link("Root", "Root", CA, days=50))
    end = NOW + timedelta(days=50)
    assert paths.ends(path) == end
    assert paths.problems(path, end) == []
    assert paths.problems(path, end + timedelta(seconds=1)) == [f"The certificate of “Root” expired on {end:%Y-%m-%d}."]
    early = paths.problems(path, NOW - timedelta(days=2))
    assert len(early) == 3
    assert all("is not valid before" in words for words in early)
