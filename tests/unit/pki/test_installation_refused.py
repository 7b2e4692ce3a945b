"""Installing a CA certificate, refused: one case for each rule, each a path that is right but for that rule.

Source: AWS Private CA API, ImportCertificateAuthorityCertificate; RFC 5280 section 6.1.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from chalicelib.pki.asn1 import der
from chalicelib.pki.asn1 import pem as pems
from chalicelib.pki.errors import (
    CertificateMismatchError,
    CertificateParseError,
    ConstraintError,
    PkiError,
    RequestError,
)
from tests.support.builders import pem
from tests.support.ca_certificate_paths import (
    OWN,
    below,
    certificate,
    check,
    limited,
    middle,
    named,
    own_root,
    root,
    san,
    usage,
)
from tests.support.pki_forge import key, with_unused_bit

if TYPE_CHECKING:
    from collections.abc import Callable


def _changed(found: x509.Certificate, position: int = -1) -> bytes:
    encoded = bytearray(found.public_bytes(Encoding.DER))
    encoded[position] ^= 1
    return pems.encode(bytes(encoded)).encode()


def _critical(oid: str, value: bytes = b"\x05\x00") -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), True)]


def _unread(oid: str, value: str) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), bytes.fromhex(value)), False)]


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
    return pems.encode(der.sequence(der.sequence(*fields), algorithm, der.bit_string(signature))).encode()


def _with_unused_bit(make: Callable[[], x509.Certificate]) -> bytes:
    return with_unused_bit(lambda: make().public_bytes(Encoding.DER))


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
        lambda: (pems.encode(b"\x30\x83\x01\x00\x00" + bytes(65536)).encode(), root()),
        CertificateParseError,
        "32768",
    ),
    "trailing byte": (
        lambda: (pems.encode(certificate().public_bytes(Encoding.DER) + b"\0").encode(), root()),
        CertificateParseError,
        "follows",
    ),
    "signature with an unused bit": (
        lambda: (pems.encode(_with_unused_bit(certificate)).encode(), root()),
        CertificateParseError,
        "unused bits",
    ),
    "signature in the chain with an unused bit": (
        lambda: (certificate(), x509.load_der_x509_certificate(_with_unused_bit(root))),
        CertificateParseError,
        "unused bits",
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
    "SHA-1": (
        lambda: (_sha1(), root(kind="RSA-2048", signer="RSA-2048")),
        CertificateParseError,
        "does not use SHA-256",
    ),
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
    # what clients read
    "distribution point that cannot be read": (
        lambda: (certificate(extensions=_unread("2.5.29.31", "30123010a00ea00c120a687474703a2f2f782f79")), root()),
        CertificateParseError,
        "An extension of the certificate is refused. The value of extension 2.5.29.31",
    ),
    "authority key identifier that cannot be read": (
        lambda: (certificate(), root(extensions=_unread("2.5.29.35", "3003830101"))),
        CertificateParseError,
        "An extension of certificate 1 of the chain is refused. The value of extension 2.5.29.35",
    ),
    "access description without a method": (
        lambda: (certificate(extensions=_unread("1.3.6.1.5.5.7.1.1", "300c300a8608687474703a2f2f6f")), root()),
        CertificateParseError,
        "1.3.6.1.5.5.7.1.1",
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
        lambda: (certificate(), root(extensions=limited(x509.DirectoryName(named("Other"))))),
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
