"""Installing a CA certificate: one case for each rule, each a path that is right but for that rule.

Source: AWS Private CA API, ImportCertificateAuthorityCertificate; RFC 5280 section 6.1.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from chalicelib.pki import installation
from chalicelib.pki.asn1 import der, times
from chalicelib.pki.errors import (
    CertificateMismatchError,
    CertificateParseError,
    ConstraintError,
    PkiError,
    RequestError,
)
from chalicelib.pki.x509 import csr, names, signed
from tests.support.builders import START, pem
from tests.support.pki_forge import attribute, key, name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SUBJECT = {"Country": "US", "Organization": "Example Corp", "CommonName": "Sub"}
CA = x509.BasicConstraints(ca=True, path_length=None)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


OWN = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Corp"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Sub"),
    ]
)


@cache
def _own_csr() -> bytes:
    """The CSR of the CA under test."""
    tbs_der = csr.build_ca_csr_tbs({"Subject": SUBJECT}, key("P-256").public_key())
    return signed.sign(tbs_der, key("P-256"), "SHA256WITHECDSA")


def certificate(
    subject: x509.Name | str = OWN,
    issuer: x509.Name | str = "Root",
    *,
    kind: str = "P-256",
    signer: str = "P-384",
    constraints: x509.BasicConstraints | None = CA,
    critical: bool = True,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=365),
    algorithm: Any = None,
    **options: Any,
) -> x509.Certificate:
    """A CA certificate; by default the CA's own, signed by the root."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject) if isinstance(subject, str) else subject)
        .issuer_name(_name(issuer) if isinstance(issuer, str) else issuer)
        .public_key(key(kind).public_key())
        .serial_number(7)
        .not_valid_before(START + begins)
        .not_valid_after(START + ends)
    )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=critical)
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(key(signer), algorithm or hashes.SHA256(), **options)


def root(**more: Any) -> x509.Certificate:
    return certificate("Root", "Root", **{"kind": "P-384", **more})


def middle(**more: Any) -> x509.Certificate:
    return certificate("Middle", "Root", **{"kind": "P-521", **more})


def check(
    own: x509.Certificate | bytes,
    *above: x509.Certificate,
    ca_type: str = "SUBORDINATE",
    chain_pem: bytes | None = None,
) -> installation.ImportedCertificate:
    return installation.check_import(
        certificate_pem=own if isinstance(own, bytes) else pem(own),
        chain_pem=pem(*above) if chain_pem is None and above else chain_pem,
        ca_type=ca_type,
        csr_der=_own_csr(),
        now=START,
    )


def own_root(**more: Any) -> x509.Certificate:
    return certificate(OWN, OWN, signer="P-256", **more)


def below(**more: Any) -> x509.Certificate:
    """The CA's own certificate, signed by the one in the middle."""
    return certificate(OWN, "Middle", signer="P-521", **more)


def usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def limited(*permitted: x509.GeneralName) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.NameConstraints(list(permitted), None), True)]


def san(*found: x509.GeneralName) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.SubjectAlternativeName(list(found)), False)]


def pss() -> dict[str, Any]:
    return {"rsa_padding": padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)}


HELD_DIRECTORY = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "us")]))
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
ACCEPTED: dict[str, Callable[[], tuple[Any, ...]]] = {
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


def _changed(found: x509.Certificate, position: int = -1) -> bytes:
    encoded = bytearray(found.public_bytes(Encoding.DER))
    encoded[position] ^= 1
    return installation.pem_of(bytes(encoded)).encode()


def _critical(oid: str, value: bytes = b"\x05\x00") -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), True)]


def _constraints(value: bytes) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.30"), value), True)]


def _subtree(*parts: bytes, tag: int = 0xA0) -> bytes:
    return der.sequence(der.tlv(tag, der.sequence(*parts)))


def _sha1(*, pss: bool = False) -> bytes:
    """The CA's own certificate, but signed with SHA-1; RSASSA-PSS says so by leaving its parameters out (RFC 4055)."""
    tbs, _, _ = der.read(certificate().public_bytes(Encoding.DER)).children()
    fields = [each.der for each in tbs.children()]
    parameters = der.sequence() if pss else der.tlv(der.NULL)
    algorithm = der.sequence(der.oid(f"1.2.840.113549.1.1.{10 if pss else 5}"), parameters)
    fields[2] = algorithm
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA1()), salt_length=20) if pss else padding.PKCS1v15()
    signature = key("RSA-2048").sign(der.sequence(*fields), scheme, hashes.SHA1())
    return installation.pem_of(der.sequence(der.sequence(*fields), algorithm, der.bit_string(signature))).encode()


CRITICAL_URL = x509.DistributionPoint([x509.UniformResourceIdentifier("http://a.example")], None, None, None)
PATH = "Path length check failed"
REFUSED: dict[str, tuple[Callable[[], tuple[Any, ...]], type[PkiError], str]] = {
    # what is there
    "nothing": (lambda: (b"",), CertificateParseError, "must hold PEM blocks"),
    "garbage": (lambda: (b"garbage", root()), CertificateParseError, "must hold PEM blocks"),
    "broken block": (lambda: (pem(certificate())[:-30], root()), CertificateParseError, "Certificate is refused"),
    "other label": (
        lambda: (pem(certificate()).replace(b"CERTIFICATE", b"X509 CRL"), root()),
        CertificateParseError,
        "must hold PEM blocks",
    ),
    "two certificates": (lambda: (pem(certificate(), root()), root()), CertificateParseError, "not hold more than 1"),
    "17 in the chain": (lambda: (certificate(), *[root()] * 17), CertificateParseError, "not hold more than 16"),
    "huge certificate": (
        lambda: (installation.pem_of(b"\x30\x83\x01\x00\x00" + bytes(65536)).encode(), root()),
        CertificateParseError,
        "32768",
    ),
    "trailing byte": (
        lambda: (installation.pem_of(certificate().public_bytes(Encoding.DER) + b"\0").encode(), root()),
        CertificateParseError,
        "follows",
    ),
    "chain missing": (lambda: (certificate(),), RequestError, "needs its chain"),
    "self-signed subordinate": (lambda: (own_root(), root()), RequestError, "must not be self-signed"),
    # whose it is
    "another key": (lambda: (certificate(kind="P-521"), root()), CertificateMismatchError, "another key"),
    "another subject": (lambda: (certificate("Other"), root()), CertificateMismatchError, "subject"),
    "another order of the subject": (
        lambda: (certificate(x509.Name(list(reversed(list(OWN))))), root()),
        CertificateMismatchError,
        "subject",
    ),
    "subject that cannot be read": (
        lambda: (
            certificate(
                x509.Name(
                    [x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\x00\x01", x509.name._ASN1Type.BitString)]
                )
            ),
            root(),
        ),
        CertificateMismatchError,
        "subject",
    ),
    # links
    "root of another name": (
        lambda: (certificate(issuer="Else"), root()),
        CertificateMismatchError,
        "^The certificate is not signed by certificate 1",
    ),
    "root of another key": (
        lambda: (certificate(signer="P-521"), root()),
        CertificateMismatchError,
        "^The certificate is not signed",
    ),
    "signature flipped": (
        lambda: (_changed(certificate()), root()),
        CertificateMismatchError,
        "^The certificate is not signed",
    ),
    "chain in the wrong order": (
        lambda: (below(), root(), middle()),
        CertificateMismatchError,
        "not signed by certificate 1",
    ),
    "chain with itself": (lambda: (certificate(), certificate(), root()), CertificateMismatchError, "not signed"),
    "chain without its root": (
        lambda: (below(), middle()),
        CertificateMismatchError,
        "^Certificate 1 of the chain is not signed by itself",
    ),
    "chain with its root twice": (
        lambda: (certificate(), root(), root()),
        CertificateMismatchError,
        "self-signed, so it must be the last",
    ),
    "chain with another root": (lambda: (certificate(), root(), middle()), CertificateMismatchError, "not signed"),
    # each certificate
    "expired": (
        lambda: (certificate(ends=timedelta(seconds=-1)), root()),
        ConstraintError,
        "of the certificate has ended",
    ),
    "expired root": (
        lambda: (certificate(), root(ends=timedelta(seconds=-1))),
        ConstraintError,
        "certificate 1 of the chain has ended",
    ),
    "not yet valid": (lambda: (certificate(begins=timedelta(minutes=6)), root()), ConstraintError, "has not begun"),
    "no basic constraints": (
        lambda: (certificate(constraints=None, extensions=san(x509.DNSName("a.b"))), root()),
        ConstraintError,
        "basic constraints of the certificate",
    ),
    "basic constraints not critical": (
        lambda: (certificate(critical=False), root()),
        ConstraintError,
        "basic constraints",
    ),
    "no CA": (
        lambda: (certificate(constraints=x509.BasicConstraints(ca=False, path_length=None)), root()),
        ConstraintError,
        "basic constraints",
    ),
    "root is no CA": (
        lambda: (certificate(), root(constraints=x509.BasicConstraints(ca=False, path_length=None))),
        ConstraintError,
        "certificate 1 of the chain",
    ),
    "key usage without keyCertSign": (
        lambda: (certificate(extensions=[(usage(sign=False), True)]), root()),
        ConstraintError,
        "key usage of the certificate",
    ),
    "path length 0 above": (
        lambda: (certificate(), root(constraints=x509.BasicConstraints(ca=True, path_length=0))),
        ConstraintError,
        PATH,
    ),
    "path length 1 two above": (
        lambda: (below(), middle(), root(constraints=x509.BasicConstraints(ca=True, path_length=1))),
        ConstraintError,
        "certificate 2 of the chain allows 1 CAs below it, but there are 2",
    ),
    "weak key in the chain": (
        lambda: (certificate(signer="RSA-1024"), root(kind="RSA-1024", signer="RSA-1024")),
        CertificateParseError,
        "fewer than 2048 bits",
    ),
    "other curve in the chain": (
        lambda: (certificate(signer="K-256"), root(kind="K-256", signer="K-256")),
        CertificateParseError,
        "curve",
    ),
    "SHA-1": (lambda: (_sha1(), root(kind="RSA-2048", signer="RSA-2048")), CertificateParseError, "113549.1.1.5"),
    "SHA-1 in PSS": (
        lambda: (_sha1(pss=True), root(kind="RSA-2048", signer="RSA-2048")),
        CertificateParseError,
        "does not use SHA-256",
    ),
    "critical, not known": (
        lambda: (certificate(extensions=_critical("1.2.3.4")), root()),
        CertificateParseError,
        "1.2.3.4",
    ),
    "critical AIA": (
        lambda: (certificate(extensions=_critical("1.3.6.1.5.5.7.1.1", der.sequence(der.sequence()))), root()),
        CertificateParseError,
        "1.3.6.1.5.5.7.1.1 of the certificate is critical",
    ),
    "critical CDP in the chain": (
        lambda: (certificate(), root(extensions=[(x509.CRLDistributionPoints([CRITICAL_URL]), True)])),
        CertificateParseError,
        "2.5.29.31 of certificate 1",
    ),
    "critical policy constraints": (
        lambda: (certificate(extensions=[(x509.PolicyConstraints(0, None), True)]), root()),
        CertificateParseError,
        "2.5.29.36",
    ),
    # name constraints
    "other name constrained": (
        lambda: (
            certificate(
                extensions=limited(x509.OtherName(x509.ObjectIdentifier("1.2.3"), der.tlv(der.UTF8_STRING, b"a")))
            ),
            root(),
        ),
        CertificateParseError,
        "a form",
    ),
    "registered id constrained": (
        lambda: (
            certificate(),
            root(extensions=limited(x509.RegisteredID(x509.ObjectIdentifier("1.2.3")))),
        ),
        CertificateParseError,
        "a form",
    ),
    "constraints with minimum": (
        lambda: (
            certificate(extensions=_constraints(_subtree(der.tlv(0x82, b"a.b"), der.tlv(0x80, b"\x01")))),
            root(),
        ),
        CertificateParseError,
        "minimum",
    ),
    "constraints of 5 octets": (
        lambda: (certificate(extensions=_constraints(_subtree(der.tlv(0x87, b"12345")))), root()),
        CertificateParseError,
        "neither 8 nor 32",
    ),
    "constraints without subtrees": (
        lambda: (certificate(extensions=_constraints(der.sequence(der.tlv(0xA0)))), root()),
        CertificateParseError,
        "empty list",
    ),
    "constraints of another kind": (
        lambda: (certificate(extensions=_constraints(_subtree(der.tlv(0x82, b"a.b"), tag=0xA2))), root()),
        CertificateParseError,
        "something else",
    ),
    "subject not permitted": (
        lambda: (certificate(), root(extensions=limited(x509.DirectoryName(_name("Other"))))),
        CertificateMismatchError,
        "directory name 'CN=Sub,O=Example Corp,C=US' is outside",
    ),
    "name not permitted two above": (
        lambda: (
            below(extensions=san(x509.DNSName("ca.example.org"))),
            middle(),
            root(extensions=limited(x509.DNSName("example.com"))),
        ),
        CertificateMismatchError,
        "'ca.example.org' is outside",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_check_import_broken_rule_is_named(case: str) -> None:
    build, error, text = REFUSED[case]
    own, *above = build()
    with pytest.raises(error, match=text) as caught:
        check(own, *above)
    assert caught.value.member in _members_of(str(caught.value))


def _members_of(text: str) -> set[tuple[str, ...]]:
    """Where the refusal may stand; what names the chain or a certificate in it stands beside the chain."""
    of_chain = "chain" in text.lower() or "must be the last" in text
    return {("CertificateChain",)} if of_chain else {("Certificate",), ("CertificateChain",)}


ROOT_REFUSED: dict[str, tuple[Callable[[], tuple[Any, ...]], type[PkiError], str]] = {
    "with a chain": (lambda: (own_root(), root()), RequestError, "has no chain"),
    "signed by another": (lambda: (certificate(),), RequestError, "must be self-signed"),
    "signed by another key": (
        lambda: (certificate(OWN, OWN, signer="P-384"),),
        CertificateMismatchError,
        "not signed by itself",
    ),
}


@pytest.mark.parametrize("case", ROOT_REFUSED)
def test_check_import_root_broken_rule_is_named(case: str) -> None:
    build, error, text = ROOT_REFUSED[case]
    own, *above = build()
    with pytest.raises(error, match=text) as caught:
        check(own, *above, ca_type="ROOT")
    assert caught.value.member in _members_of(str(caught.value))


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
    return installation.pem_of(der.sequence(der.sequence(*fields), _ALGORITHM, _SIGNATURE)).encode()


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
    text = installation.pem_chain(found)
    assert max(map(len, text.splitlines())) == 64
    assert text.endswith("-----END CERTIFICATE-----")
    assert [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(text.encode())] == found
