"""The gate for CSRs: every hostile one is refused with a named rule, every honest one passes, and nothing else happens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import CsrError, PkiError
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509 import extensions
from tests.support.hostile_csrs import BODY, HOSTILE, PEM, signed_by_pss, with_common_name, with_names, with_subject
from tests.support.pki_forge import (
    UTF8,
    alternative_names,
    armored,
    attribute,
    common,
    csr,
    dns,
    extension,
    info,
    key,
    request_attribute,
    spki,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def test_hostile_corpus_has_at_least_100_cases() -> None:
    assert len(HOSTILE) >= 100


@pytest.mark.no_cover  # measures CPU time
@pytest.mark.parametrize("build", [pytest.param(build, id=case) for case, build in HOSTILE.items()])
def test_parse_csr_hostile_is_refused(build: Callable[[], bytes]) -> None:
    text = build()
    started = time.process_time()
    with pytest.raises(CsrError) as refusal:
        csrs.parse_csr(text)
    assert time.process_time() - started < 1  # a refusal must not cost the CA more than a signature does
    assert str(refusal.value).startswith("The CSR is refused. ")
    assert str(refusal.value).endswith(".")


def _compressed() -> bytes:
    point = key().public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    algorithm = der.read(spki()).children()[0].der
    return armored(csr(spki_der=der.sequence(algorithm, der.bit_string(point))))


HONEST: dict[str, Callable[[], bytes]] = {
    "p-256": lambda: PEM,
    "p-384": lambda: armored(csr("P-384")),
    "p-521": lambda: armored(csr("P-521")),
    "rsa-2048": lambda: armored(csr("RSA-2048")),
    "rsa-3072": lambda: armored(csr("RSA-3072")),
    "rsa-4096": lambda: armored(csr("RSA-4096")),
    "ml-dsa-44": lambda: armored(csr("ML-DSA-44")),
    "ml-dsa-87": lambda: armored(csr("ML-DSA-87")),
    "rsa-e-3": lambda: _rsa_e_3(),
    "rsa-pss-signature": lambda: armored(signed_by_pss(hashes.SHA256())),
    "rsa-signature-without-parameters": lambda: armored(
        csr("RSA-2048", identifier=der.sequence(der.oid("1.2.840.113549.1.1.11")))
    ),
    "sha-512": lambda: armored(
        csr(hash_algorithm=hashes.SHA512(), identifier=der.sequence(der.oid("1.2.840.10045.4.3.4")))
    ),
    "compressed-point": _compressed,
    "new-label": lambda: armored(csr(), "NEW CERTIFICATE REQUEST"),
    "text-around": lambda: b"Certificate Request:\n    Data:\n" + PEM + b"\nbye\n",
    "crlf": lambda: PEM.replace(b"\n", b"\r\n"),
    "one-line": lambda: f"-----BEGIN CERTIFICATE REQUEST-----\n{BODY}\n-----END CERTIFICATE REQUEST-----".encode(),
    "challenge-password": lambda: armored(
        csr(attributes=der.sequence(der.oid("1.2.840.113549.1.9.7"), der.tlv(der.SET, der.tlv(UTF8, b"secret"))))
    ),
    "no-subject-but-san": lambda: armored(csr(subject=der.sequence(), requested=[alternative_names(dns("a.example"))])),
    "wildcard": lambda: with_names(dns("*.a.example")),
    "underscore": lambda: with_names(dns("_sip.a_b.example")),
    "single-label": lambda: with_names(dns("localhost")),
    "duplicate-san": lambda: with_names(dns("a.example"), dns("a.example")),
    "1000-san": lambda: with_names(*[dns("a.example")] * 1000),
    "san-kinds": lambda: with_names(
        der.tlv(0x81, b"a.b+c@example.com"),
        der.tlv(0x86, b"spiffe://trust.example/ns/x%20y"),
        der.tlv(0x86, b"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        der.tlv(0x87, b"\x7f\x00\x00\x01"),
        der.tlv(0x87, b"\x00" * 15 + b"\x01"),
        der.tlv(0x88, b"\x2a\x03"),
        der.tlv(0xA0, der.oid("1.3.6.1.4.1.311.20.2.3"), der.tlv(0xA0, der.tlv(UTF8, b"u@e.example"))),
        der.tlv(0xA4, common()),
        der.tlv(0xA5, der.tlv(0xA0, der.tlv(UTF8, b"a")), der.tlv(0xA1, der.tlv(UTF8, b"b"))),
        der.tlv(0xA5, der.tlv(0xA1, der.tlv(UTF8, b"b"))),
    ),
    "names-of-the-world": lambda: with_common_name("Пример ☃ مثال".encode()),
    "formula-and-separators": lambda: with_common_name(b'=cmd|"/c calc"!A0,+<b>;'),
    "64-characters": lambda: with_common_name("é".encode() * 64),
    "old-string-types": lambda: with_subject(
        attribute(b"\x00a", tag=0x1E), attribute(b"\x00\x00\x00a", tag=0x1C), attribute(b"\xe9", tag=0x14),
        attribute(b"1 2", tag=0x12), attribute(b"US", oid="2.5.4.6", tag=der.PRINTABLE_STRING),
        attribute(b"a@b.example", oid="1.2.840.113549.1.9.1", tag=der.IA5_STRING),
    ),
    "two-attributes-in-rdn": lambda: armored(csr(subject=der.sequence(der.tlv(der.SET, attribute(b"a"), attribute(b"b"))))),
    "100-rdns": lambda: with_subject(*[attribute(b"a")] * 100),
    "unknown-critical-extension": lambda: armored(csr(requested=[extension("1.2.3.4", b"anything", critical=True)])),
    "known-extensions": lambda: armored(
        csr(
            requested=[
                extensions.basic_constraints(ca=True, path_length=3, critical=True),
                extensions.key_usage({"KeyCertSign": True, "DecipherOnly": True}),
                extensions.extended_key_usage(["1.3.6.1.5.5.7.3.9"]),
                extensions.crl_distribution_points("http://evil.example/crl"),
                extensions.authority_key_identifier(b"\x01" * 20),
                extensions.subject_key_identifier(b"\x02" * 20),
                extension(oids.INHIBIT_ANY_POLICY, der.integer(0)),
                extension(oids.NAME_CONSTRAINTS, der.sequence(der.tlv(0xA0, der.sequence(dns("a.example"))))),
            ]
        )
    ),
    "explicit-false": lambda: armored(
        csr(
            attributes=request_attribute(
                der.sequence(der.oid(oids.BASIC_CONSTRAINTS), b"\x01\x01\x00", b"\x04\x05\x30\x03\x01\x01\x00")
            )
        )
    ),
}  # fmt: skip


def _rsa_e_3() -> bytes:
    """A key with exponent 3, which the Baseline Requirements section 6.1.6 still allow."""
    private_key = rsa.generate_private_key(3, 2048)
    spki_der = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    tbs = info(spki_der=spki_der)
    return armored(csr("RSA-2048", tbs=tbs, signature=private_key.sign(tbs, padding.PKCS1v15(), hashes.SHA256())))


@pytest.mark.wide
@pytest.mark.parametrize("build", [pytest.param(build, id=case) for case, build in HONEST.items()])
def test_parse_csr_honest_keeps_names_and_key_byte_for_byte(build: Callable[[], bytes]) -> None:
    request = csrs.parse_csr(build())
    tbs = der.read(request.der).children()[0]
    _, subject, key_info, *_ = tbs.children()
    assert (request.subject_der, request.spki_der) == (subject.der, key_info.der)


def test_parse_csr_coordinate_beyond_the_field_is_refused() -> None:
    """A key has one encoding with an uncompressed point: x and y are below the prime (SEC 1 section 2.3.4)."""
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x02" + (5).to_bytes(32)).public_numbers()
    algorithm = der.read(spki()).children()[0].der
    beyond = (point.x + 2**256 - 2**224 + 2**192 + 2**96 - 1).to_bytes(32)
    content = b"\x04" + beyond + point.y.to_bytes(32)
    with pytest.raises(CsrError, match="malformed or of an unsupported kind"):
        csrs.parse_csr(armored(csr(spki_der=der.sequence(algorithm, der.bit_string(content)))))


@pytest.mark.parametrize(
    ("kind", "padded"),
    [
        ("RSA-2048", padding.PKCS1v15()),
        ("RSA-2048", padding.PSS(padding.MGF1(hashes.SHA256()), 32)),
        ("RSA-2048", padding.PSS(padding.MGF1(hashes.SHA256()), 20)),
    ],
)
def test_parse_csr_signature_of_any_form_is_verified(kind: str, padded: Any) -> None:
    """Of those that the API has a name for, and of those that the library verifies by itself."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name.from_rfc4514_string("CN=a.example"))
    made = builder.sign(key(kind), hashes.SHA256(), rsa_padding=padded).public_bytes(Encoding.DER)
    assert csrs.parse_csr_der(made).public_key == key(kind).public_key()
    with pytest.raises(PkiError, match="signature does not verify"):
        csrs.parse_csr_der(made.replace(b"a.example", b"b.example"))


def test_parse_csr_extensions_are_found_by_their_identifier() -> None:
    request = csrs.parse_csr(with_names(dns("a.example")))
    assert request.extension(oids.SUBJECT_ALTERNATIVE_NAME) == alternative_names(dns("a.example"))
    assert request.extension(oids.KEY_USAGE) is None
