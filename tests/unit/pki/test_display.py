"""Certificates and CSRs in words: what everybody's are, and what strangers may put into them."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import CertificateParseError, CsrError, PkiError
from chalicelib.pki.x509 import display, display_extensions, extensions, general_names
from chalicelib.printable import printable
from tests.support import pki_forge as forge
from tests.support.builders import START, csr, name, root_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.pki.x509.display import Section

ISSUER_KEY = forge.key("P-384")


def certificate(
    *more: tuple[x509.ExtensionType, bool], kind: str = "P-256", subject: x509.Name | None = None, **signing: Any
) -> bytes:
    """A certificate with these extensions, for a key of a kind."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or name("leaf.example.com"))
        .issuer_name(name("Issuer"))
        .public_key(forge.key(kind).public_key())
        .serial_number(0xAB12)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=30))
    )
    default = (x509.SubjectKeyIdentifier(b"\x01\x02"), False)
    for extension, critical in more or (default,):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signing.pop("key", ISSUER_KEY), hashes.SHA256(), **signing).public_bytes(Encoding.DER)


def section(found: Sequence[Section], title: str) -> Section:
    (only,) = [each for each in found if each.title == title]
    return only


def words(found: Sequence[Section], title: str) -> list[tuple[str, str, str]]:
    return [(line.label, line.value, line.kind) for line in section(found, title).lines]


def test_certificate_is_shown_whole_and_in_order() -> None:
    encoded = certificate()
    found = display.of_certificate(encoded)
    assert [each.title for each in found] == [
        *("Certificate", "Issuer", "Subject", "Validity", "Public key", "Subject key identifier", "Fingerprints")
    ]
    assert words(found, "Certificate") == [
        ("Version", "3", "text"),
        ("Serial number", "ab:12", "hex"),
        ("Signature algorithm", "SHA-256 with ECDSA", "text"),
    ]
    assert words(found, "Issuer") == [("Name", "CN=Issuer", "text"), ("Common name (CN)", "Issuer", "text")]
    assert words(found, "Validity") == [
        ("Not before", "2030-01-01T12:00:00Z", "time"),
        ("Not after", "2030-01-31T12:00:00Z", "time"),
    ]
    judge = x509.load_der_x509_certificate(encoded)
    for line, algorithm in zip(section(found, "Fingerprints").lines, (hashes.SHA256(), hashes.SHA1()), strict=True):
        assert bytes.fromhex(line.value.replace(":", "")) == judge.fingerprint(algorithm)
    assert section(found, "Subject").critical is None


KEYS = {
    "RSA-2048": [("Algorithm", "RSA 2048"), ("Exponent", "65537")],
    "P-256": [("Algorithm", "ECDSA P-256")],
    "P-521": [("Algorithm", "ECDSA P-521")],
    "K-256": [("Algorithm", "ECDSA secp256k1")],
    "Ed25519": [("Algorithm", "Ed25519")],
    "ML-DSA-65": [("Algorithm", "ML-DSA-65")],
}


@pytest.mark.parametrize("kind", KEYS)
def test_key_is_named(kind: str) -> None:
    shown = words(display.of_certificate(certificate(kind=kind)), "Public key")
    assert [line[:2] for line in shown[:-1]] == KEYS[kind]
    assert shown[-1][0] == "SHA-256 of the key"


SIGNATURES: dict[str, tuple[dict[str, Any], str]] = {
    "pkcs1": ({"key": forge.key("RSA-2048")}, "SHA-256 with RSA"),
    "pss": (
        {"key": forge.key("RSA-2048"), "rsa_padding": padding.PSS(padding.MGF1(hashes.SHA256()), 32)},
        "SHA-256 with RSA-PSS",
    ),
    "pss-of-others": (
        {"key": forge.key("RSA-2048"), "rsa_padding": padding.PSS(padding.MGF1(hashes.SHA256()), 20)},
        "1.2.840.113549.1.1.10",
    ),
}


@pytest.mark.parametrize("case", SIGNATURES)
def test_signature_algorithm_is_named_only_if_it_is_exactly_that(case: str) -> None:
    signing, expected = SIGNATURES[case]
    assert words(display.of_certificate(certificate(**signing)), "Certificate")[2][1] == expected


OWN = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
URL = "http://example.com/a.crl"
DIRECTORY = x509.DirectoryName(name("dir"))
EXTENSIONS: dict[str, tuple[x509.ExtensionType, bool, list[tuple[str, str, str]]]] = {
    "Key usage": (
        x509.KeyUsage(True, False, False, False, False, True, True, False, False),
        True,
        [("Usage", text, "text") for text in ("digital signature", "signing certificates", "signing CRLs")],
    ),
    "Extended key usage": (
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, OWN]),
        False,
        [("Purpose", "server auth (1.3.6.1.5.5.7.3.1)", "oid"), ("Purpose", OWN.dotted_string, "oid")],
    ),
    "Basic constraints": (
        x509.BasicConstraints(ca=True, path_length=2),
        True,
        [("Certificate authority", "yes", "text"), ("CAs below it", "2 at most", "text")],
    ),
    "Subject alternative names": (
        x509.SubjectAlternativeName(
            [
                x509.DNSName("*.example.com"),
                x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
                x509.RFC822Name("a@example.com"),
                x509.UniformResourceIdentifier("spiffe://example.com/x"),
                DIRECTORY,
                x509.RegisteredID(OWN),
                x509.OtherName(OWN, der.tlv(der.UTF8_STRING, b"x")),
            ]
        ),
        False,
        [
            ("DNS name", "*.example.com", "text"),
            ("IP address", "2001:db8::1", "text"),
            ("Email address", "a@example.com", "text"),
            ("URI", "spiffe://example.com/x", "url"),
            ("Directory name", "CN=dir", "text"),
            ("Registered id", OWN.dotted_string, "oid"),
            ("Other name", "#a01006092b06010401868d1f01a0030c0178", "hex"),
        ],
    ),
    "Authority key identifier": (
        x509.AuthorityKeyIdentifier(b"\x0a\x0b", [DIRECTORY], 256),
        False,
        [("Key identifier", "0A:0B", "hex"), ("Issuer", "CN=dir", "text"), ("Serial number", "01:00", "hex")],
    ),
    "CRL distribution points": (
        x509.CRLDistributionPoints(
            [
                x509.DistributionPoint([x509.UniformResourceIdentifier(URL)], None, None, [DIRECTORY]),
                x509.DistributionPoint(
                    None,
                    x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "r")]),
                    frozenset({x509.ReasonFlags.key_compromise}),
                    None,
                ),
            ]
        ),
        False,
        [
            ("URI", URL, "url"),
            ("CRL issuer", "CN=dir", "text"),
            ("Relative name", "a10a300806035504030c0172", "hex"),
            ("Reasons", "0640", "hex"),
        ],
    ),
    "Authority information access": (
        x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(Access.OCSP, x509.UniformResourceIdentifier("http://ocsp.example.com")),
                x509.AccessDescription(Access.CA_ISSUERS, x509.UniformResourceIdentifier(URL)),
                x509.AccessDescription(OWN, DIRECTORY),
            ]
        ),
        False,
        [
            ("OCSP", "http://ocsp.example.com", "url"),
            ("CA issuers", URL, "url"),
            (OWN.dotted_string, "CN=dir", "text"),
        ],
    ),
    "Certificate policies": (
        x509.CertificatePolicies(
            [
                x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None),
                x509.PolicyInformation(OWN, ["http://example.com/cps", x509.UserNotice(None, "note")]),
            ]
        ),
        False,
        [
            ("Policy", "any policy (2.5.29.32.0)", "oid"),
            ("Policy", OWN.dotted_string, "oid"),
            ("practice statement (CPS)", "http://example.com/cps", "url"),
            ("Qualifier 1.3.6.1.5.5.7.2.2", "30060c046e6f7465", "hex"),
        ],
    ),
    "Name constraints": (
        x509.NameConstraints(
            [x509.DNSName("example.com"), DIRECTORY], [x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))]
        ),
        True,
        [
            ("Permitted DNS name", "example.com", "text"),
            ("Permitted Directory name", "CN=dir", "text"),
            ("Excluded IP address", "10.0.0.0 mask 255.0.0.0", "text"),
        ],
    ),
    "Policy constraints": (
        x509.PolicyConstraints(require_explicit_policy=1, inhibit_policy_mapping=0),
        True,
        [
            ("Explicit policy is required after", "1 certificates", "text"),
            ("Policy mapping is inhibited after", "0 certificates", "text"),
        ],
    ),
    "Inhibit any policy": (x509.InhibitAnyPolicy(3), True, [("Certificates below it", "3", "text")]),
    "Subject key identifier": (x509.SubjectKeyIdentifier(b"\x01"), False, [("Key identifier", "01", "hex")]),
    f"Extension {OWN.dotted_string}": (
        x509.UnrecognizedExtension(OWN, b"\x05\x00"),
        False,
        [("Value", "0500", "hex")],
    ),
}


@pytest.mark.parametrize("title", EXTENSIONS)
def test_extension_is_in_words(title: str) -> None:
    extension, critical, expected = EXTENSIONS[title]
    found = display.of_certificate(certificate((extension, critical)))
    assert words(found, title) == expected
    assert section(found, title).critical is critical


def test_every_extension_that_is_named_has_a_title_and_words() -> None:
    assert display_extensions.TITLES.keys() == extensions.NAMES.keys()
    one, two = der.oid("1.2.3"), der.oid("1.2.4")
    mapping = forge.extension(oids.POLICY_MAPPINGS, der.sequence(der.sequence(one, two)))
    assert display_extensions.lines(mapping) == [("Mapping", "1.2.3 = 1.2.4", "oid")]
    access = der.sequence(der.sequence(der.oid("1.3.6.1.5.5.7.48.5"), der.tlv(general_names.URI, b"ldap://x")))
    information = forge.extension(oids.SUBJECT_INFORMATION_ACCESS, access)
    assert display_extensions.lines(information) == [("ca repository", "ldap://x", "url")]


# CSRs


def test_csr_is_shown_in_both_encodings() -> None:
    text = csr("x.example.com", dns_names=["a.example.com"])
    found = display.of_csr(text)
    assert found == display.of_csr(x509.load_pem_x509_csr(text).public_bytes(Encoding.DER))
    assert [each.title for each in found] == [
        *("Certificate request", "Subject", "Public key", "Subject alternative names", "Fingerprints")
    ]
    assert words(found, "Subject") == [
        ("Name", "CN=x.example.com", "text"),
        ("Common name (CN)", "x.example.com", "text"),
    ]
    assert words(found, "Subject alternative names") == [("DNS name", "a.example.com", "text")]


@pytest.mark.parametrize("given_", [b"", b"\x30", b"x" * 40_000, b"-----BEGIN X-----", forge.csr("K-256")])
def test_csr_that_the_gate_refuses_is_refused_by_name(given_: bytes) -> None:
    with pytest.raises(CsrError, match="The CSR is refused"):
        display.of_csr(given_)


# hostile values

HOSTILE = {
    "script": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "bidi": ("a\u202egnp.exe", "a\\u{202e}gnp.exe"),
    "zero width": ("pay\u200bpal", "pay\\u{200b}pal"),
    "isolate": ("\u2066x\u2069", "\\u{2066}x\\u{2069}"),
    "lines": ("a\u2028b\u2029c", "a\\u{2028}b\\u{2029}c"),
    "private use": ("\ue000\U0010ffff", "\\u{e000}\\u{10ffff}"),
    "formula": ("=1+1", "=1+1"),
    "words": ("Straße 京都 \U0001f600", "Straße 京都 \U0001f600"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hidden_characters_of_a_name_are_seen(case: str) -> None:
    """A page escapes what its language would take for itself; what nobody sees is made visible here."""
    text, shown = HOSTILE[case]
    found = display.of_certificate(certificate(subject=name(text)))
    assert words(found, "Subject")[1] == ("Common name (CN)", shown, "text")
    assert printable(text) == shown
    for line in section(found, "Subject").lines:
        assert not set(line.value) & {"\u202e", "\u200b", "\u2028", "\u2066", "\ue000"}


@pytest.mark.parametrize("content", [b"a\x00b", b"a\r\nb", b"\xff\xfe", b"\x1b[31m"])
def test_value_that_is_no_text_is_shown_as_it_is_encoded(content: bytes) -> None:
    found = display.of_certificate(with_subject(forge.common(content)))
    whole, value = words(found, "Subject")
    assert value == ("Common name (CN)", der.tlv(der.UTF8_STRING, content).hex(), "hex")
    assert all(character.isprintable() for character in whole[1])


def test_name_that_is_none_is_refused_and_an_empty_one_is_said_to_be_empty() -> None:
    with pytest.raises(CertificateParseError):
        display.of_certificate(with_subject(der.sequence(der.sequence(der.integer(1)))))
    assert words(display.of_certificate(with_subject(der.sequence())), "Subject") == [("Name", "(empty)", "text")]


def with_subject(subject_der: bytes) -> bytes:
    """A certificate whose subject is these bytes; nobody verifies its signature."""
    tbs, *rest = [each.der for each in der.read(certificate()).children()]
    members = [each.der for each in der.read(tbs).children()]
    members[5] = subject_der
    return der.sequence(der.sequence(*members), *rest)


def test_long_name_is_shown_whole() -> None:
    text = "x" * 64 * 1024
    assert words(display.of_certificate(with_subject(forge.common(text))), "Subject")[1][1] == text


SAMPLES = [
    certificate(*((extension, critical) for extension, critical, _ in EXTENSIONS.values())),
    root_certificate().public_bytes(Encoding.DER),
]


@given(st.sampled_from(SAMPLES), st.data())
def test_broken_certificate_is_shown_or_refused_by_name(encoded: bytes, data: st.DataObject) -> None:
    broken = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = display.of_certificate(bytes(broken))
    except PkiError:
        return
    for line in (line for each in found for line in each.lines):
        assert line.value == printable(line.value)
        assert line.kind in {"text", "hex", "oid", "time", "url"}


@given(
    st.sampled_from(sorted(display_extensions.TITLES)),
    st.recursive(
        st.builds(
            der.tlv,
            st.sampled_from([1, 2, 3, 4, 5, 6, 12, 22, 0x80, 0x81, 0x82, 0x86, 0x87, 0x88]),
            st.binary(max_size=9),
        ),
        lambda inner: st.builds(
            lambda tag, parts: der.tlv(tag, *parts),
            st.sampled_from([0x30, 0x31, 0xA0, 0xA1, 0xA2, 0xA4]),
            st.lists(inner, max_size=4),
        ),
    ),
)
def test_value_of_any_shape_is_shown(oid: str, value_der: bytes) -> None:
    lines = display_extensions.lines(forge.extension(oid, value_der))
    assert all(len(line) == 3 for line in lines)


def test_certificate_that_does_not_parse_is_refused_by_name() -> None:
    for given_ in (b"", b"\x30\x00", forge.csr()):
        with pytest.raises(CertificateParseError):
            display.of_certificate(given_)


# downloads


def test_downloads_hold_the_certificates_in_their_order() -> None:
    leaf, root = SAMPLES
    chain = display.full_chain(leaf, [root])
    assert [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(chain.encode())] == [leaf, root]
    assert chain.endswith("-----END CERTIFICATE-----\n")
    bundle = pkcs7.load_der_pkcs7_certificates(display.pkcs7_bundle([leaf, root]))
    assert {each.public_bytes(Encoding.DER) for each in bundle} == {leaf, root}
    with pytest.raises(CertificateParseError):
        display.pkcs7_bundle([leaf, b"x"])
