"""Installing a CA certificate: one case for each rule, each a path that is right but for that rule.

Source: AWS Private CA API, ImportCertificateAuthorityCertificate; RFC 5280 section 6.1.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from chalicelib.pki import installation
from chalicelib.pki.asn1 import der, times
from chalicelib.pki.asn1 import pem as pems
from chalicelib.pki.errors import CertificateMismatchError, CertificateParseError
from chalicelib.pki.x509 import names
from tests.support.builders import START, pem
from tests.support.ca_certificate_paths import (
    HELD_DIRECTORY,
    OWN,
    below,
    certificate,
    check,
    limited,
    middle,
    own_root,
    pss,
    root,
    san,
)
from tests.support.pki_forge import attribute, key, name

if TYPE_CHECKING:
    from collections.abc import Callable


CRITICAL: tuple[x509.ExtensionType, ...] = (
    x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    ),
    x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]),
    x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)]),
    x509.InhibitAnyPolicy(0),
    x509.SubjectKeyIdentifier(b"\x01" * 20),
    x509.AuthorityKeyIdentifier(b"\x02" * 20, None, None),
    x509.SubjectAlternativeName([x509.DNSName("ca.example")]),
    x509.IssuerAlternativeName([x509.DNSName("ca.example")]),
)
_EDI_PARTY = x509.UnrecognizedExtension(  # a GeneralName that the library does not read
    x509.ObjectIdentifier("2.5.29.31"), bytes.fromhex("3010300ea00ca00aa508a1060c04686f7374")
)
ACCEPTED: dict[str, Callable[[], tuple[Any, ...]]] = {
    "distribution point named by an EDI party": lambda: (certificate(extensions=[(_EDI_PARTY, False)]), root()),
    "signed by the root": lambda: (certificate(), root()),
    "two levels": lambda: (below(), middle(), root()),
    "text around": lambda: (b"Certificate:\n    Data:\n" + pem(certificate()), root()),
    "path lengths that are enough": lambda: (
        below(constraints=x509.BasicConstraints(ca=True, path_length=0)),
        middle(constraints=x509.BasicConstraints(ca=True, path_length=1)),
        root(constraints=x509.BasicConstraints(ca=True, path_length=2)),
    ),
    "self-issued does not count": lambda: (
        certificate(issuer="Root", signer="P-521"),
        certificate("Root", "Root", kind="P-521"),
        root(constraints=x509.BasicConstraints(ca=True, path_length=1)),
    ),
    "outlives its issuer": lambda: (certificate(ends=timedelta(days=9999)), root()),
    "begins within the skew": lambda: (certificate(begins=timedelta(minutes=5)), root()),
    "ends now": lambda: (certificate(ends=timedelta(0)), root()),
    "root of RSA": lambda: (
        certificate(signer="RSA-2048", algorithm=hashes.SHA512()),
        root(kind="RSA-2048", signer="RSA-2048"),
    ),
    "RSASSA-PSS": lambda: (certificate(signer="RSA-2048", **pss()), root(kind="RSA-2048", signer="RSA-2048", **pss())),
    "names that are permitted": lambda: (
        certificate(extensions=san(x509.DNSName("ca.example.com"), x509.IPAddress(ip_address("192.0.2.1")))),
        root(
            extensions=limited(x509.DNSName("example.com"), x509.IPAddress(ip_network("192.0.2.0/24")), HELD_DIRECTORY)
        ),
    ),
    "not critical, not known": lambda: (
        certificate(extensions=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"x"), False)]),
        root(),
    ),
    **{
        f"critical {type(extension).__name__}": lambda extension=extension: (  # type: ignore[misc]  # bound now
            certificate(extensions=[(extension, True)]),
            root(),
        )
        for extension in CRITICAL
    },
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_check_import_path_that_holds_is_kept_from_issuer_to_root(case: str) -> None:
    own, *above = ACCEPTED[case]()
    found = check(own, *above)
    assert found.chain_der == tuple(each.public_bytes(Encoding.DER) for each in above)


def test_check_import_root_needs_no_chain() -> None:
    own = own_root()
    for chain_pem in (None, b"", b"\n"):
        found = check(own, ca_type="ROOT", chain_pem=chain_pem)
        assert found == installation.ImportedCertificate(own.public_bytes(Encoding.DER), ())


def test_check_import_subject_in_other_string_types_is_the_same() -> None:
    """OpenSSL's `ca` command may write PrintableString where the CSR has UTF8String (RFC 5280 section 7.1)."""
    printable = x509.Name(
        [
            x509.NameAttribute(each.oid, str(each.value), x509.name._ASN1Type.PrintableString)  # the type is the case
            for each in OWN
        ]
    )
    found = check(certificate(printable), root())
    assert found.certificate_der != certificate().public_bytes(Encoding.DER)


# fields that no builder writes

_TBS, _ALGORITHM, _SIGNATURE = (each.der for each in der.read(certificate().public_bytes(Encoding.DER)).children())
_FIELDS = [each.der for each in der.read(_TBS).children()]


def _replaced(position: int, value: bytes) -> bytes:
    fields = [*_FIELDS[:position], value, *_FIELDS[position + 1 :]]
    return pems.encode(der.sequence(der.sequence(*fields), _ALGORITHM, _SIGNATURE)).encode()


MALFORMED: dict[str, tuple[bytes, str]] = {
    "version 2": (_replaced(0, der.tlv(0xA0, der.integer(1))), "version is not 3"),
    "version 1": (_replaced(0, b""), "fields of version 3"),
    "serial zero": (_replaced(1, der.integer(0)), "serial number is zero"),
    "serial negative": (_replaced(1, b"\x02\x01\xff"), "negative"),
    "two algorithms": (_replaced(2, der.sequence(der.oid("1.2.840.10045.4.3.3"))), "two different"),
    "time that is none": (_replaced(4, der.sequence(der.integer(1), der.integer(2))), "does not consist of times"),
    "one time": (_replaced(4, der.sequence(times.encode(START))), "refused"),
    "extension twice": (_replaced(7, der.tlv(0xA3, der.sequence(*2 * [der.sequence(der.oid("1.2.3"), b"\x04\x00")]))), "more than once"),
    "no extensions": (_replaced(7, der.tlv(0xA3)), "refused"),
    "unique identifier": (_replaced(7, der.tlv(0x81, b"\x00") + _FIELDS[7]), "unique identifiers"),
    "key of another kind": (_replaced(6, der.sequence(der.sequence(der.oid("1.2.3")), der.bit_string(b"x"))), "refused"),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_check_import_malformed_field_is_refused(case: str) -> None:
    text, rule = MALFORMED[case]
    with pytest.raises(CertificateParseError, match=rule):
        check(text, root())


def test_renewal_has_the_names_that_are_in_what_was_issued() -> None:
    def issued(subject: x509.Name, key_id: bytes | None) -> bytes:
        extensions = [(x509.SubjectKeyIdentifier(key_id), False)] if key_id else []
        return certificate(subject, OWN, signer="P-256", extensions=extensions).public_bytes(Encoding.DER)

    utf8, printable = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA", each)])
        for each in (_ASN1Type.UTF8String, _ASN1Type.PrintableString)
    )
    digest = x509.SubjectKeyIdentifier.from_public_key(key("P-256").public_key()).digest
    first = issued(utf8, digest)
    installation.check_renewal(first, issued(utf8, None))
    with pytest.raises(CertificateMismatchError, match="string types"):
        installation.check_renewal(first, issued(printable, digest))
    with pytest.raises(CertificateMismatchError, match="key identifier"):
        installation.check_renewal(first, issued(utf8, b"\x01" * 20))


def test_normalized_names_are_equal_where_rfc_5280_says() -> None:
    """RFC 5280 section 7.1: case and repeated spaces do not count; the string type does not either."""
    first = name(attribute(b"Example  CORP ", oid="2.5.4.10"))
    second = name(attribute(b"example corp", oid="2.5.4.10", tag=der.PRINTABLE_STRING))
    assert names.normalized(first) == names.normalized(second)
    assert names.normalized(first) != names.normalized(name(attribute(b"example", oid="2.5.4.10")))


def test_pem_chain_has_64_columns_and_no_last_newline() -> None:
    found = [each.public_bytes(Encoding.DER) for each in (middle(), root())]
    text = pems.encode_all(found)
    assert max(map(len, text.splitlines())) == 64
    assert text.endswith("-----END CERTIFICATE-----")
    assert [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(text.encode())] == found
