"""CSRs that must be refused, each broken in one way."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.x509 import csr as csrs
from tests.support.pki_forge import (
    COMMON_NAME,
    ECDSA_SHA256,
    EXTENSION_REQUEST,
    RSA_SHA256,
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
    name,
    request_attribute,
    spki,
    with_unused_bit,
)

if TYPE_CHECKING:
    from collections.abc import Callable


SHA1_RSA = der.sequence(der.oid("1.2.840.113549.1.1.5"), der.tlv(der.NULL))
MD5_RSA = der.sequence(der.oid("1.2.840.113549.1.1.4"), der.tlv(der.NULL))
SHA224_ECDSA = der.sequence(der.oid("1.2.840.10045.4.3.1"))


def with_names(*names: bytes) -> bytes:
    return armored(csr(requested=[alternative_names(*names)]))


def with_extension(oid: str, value: bytes) -> bytes:
    return armored(csr(requested=[extension(oid, value)]))


def with_subject(*attributes: bytes) -> bytes:
    return armored(csr(subject=name(*attributes)))


def with_common_name(content: bytes, tag: int = UTF8) -> bytes:
    return armored(csr(subject=common(content, tag=tag)))


def _nested(depth: int) -> bytes:
    encoded = b""
    for _ in range(depth):
        encoded = der.sequence(encoded)
    return encoded


def _raw_rsa(n: int, e: int) -> bytes:
    numbers = der.sequence(der.integer(n), der.integer(e))
    algorithm = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.tlv(der.NULL))
    return der.sequence(algorithm, der.bit_string(numbers))


def _rsa(n: int, e: int = 65537) -> bytes:
    """A CSR for an RSA key nobody has; the key is refused before its signature is looked at."""
    return armored(csr("RSA-2048", spki_der=_raw_rsa(n, e)))


def _point(prefix: bytes) -> bytes:
    numbers = key().public_key().public_numbers()
    content = prefix + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)
    algorithm = der.read(spki()).children()[0].der
    return armored(csr(spki_der=der.sequence(algorithm, der.bit_string(content))))


def _spki_with(algorithm: bytes, kind: str = "P-256") -> bytes:
    _, bits = der.read(spki(kind)).children()
    return armored(csr(kind, spki_der=der.sequence(algorithm, bits.der)))


def _explicit_curve() -> bytes:
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    field = der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(p))
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    curve = der.sequence(der.tlv(der.OCTET_STRING, (p - 3).to_bytes(32)), der.tlv(der.OCTET_STRING, b.to_bytes(32)))
    base = bytes.fromhex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315e"
        "cecbb6406837bf51f5"
    )
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    parameters = der.sequence(
        der.integer(1), field, curve, der.tlv(der.OCTET_STRING, base), der.integer(order), der.integer(1)
    )
    return _spki_with(der.sequence(der.oid("1.2.840.10045.2.1"), parameters))


def _changed(position: int) -> bytes:
    encoded = bytearray(csr())
    encoded[position] ^= 1
    return armored(bytes(encoded))


def _big(bits: int) -> int:
    return (1 << bits) - 1


PEM = armored(csr())
BODY = base64.b64encode(csr()).decode()
N2048 = key("RSA-2048").public_key().public_numbers().n


HOSTILE: dict[str, Callable[[], bytes]] = {
    # PEM and base64 (RFC 7468)
    "pem-empty": lambda: b"",
    "pem-not": lambda: b"hello",
    "pem-der": csr,
    "pem-two-blocks": lambda: PEM + b"\n" + PEM,
    "pem-certificate-label": lambda: armored(csr(), "CERTIFICATE"),
    "pem-label-mismatch": lambda: PEM.replace(b"END CERTIFICATE REQUEST", b"END CERTIFICATE"),
    "pem-no-end": lambda: PEM.partition(b"-----END")[0],
    "pem-no-begin": lambda: b"-----END" + PEM.rpartition(b"-----END")[2],
    "pem-nested-begin": lambda: b"-----BEGIN CERTIFICATE REQUEST-----\n" + PEM,
    "pem-boundary-in-text": lambda: b"see -----BEGIN CERTIFICATE REQUEST----- below\n" + PEM,
    "pem-headers": lambda: PEM.replace(b"REQUEST-----\n", b"REQUEST-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
    "pem-bad-alphabet": lambda: PEM.replace(b"M", b"!", 1),
    "pem-padding-inside": lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nTQ==TQ==\n-----END CERTIFICATE REQUEST-----",
    "pem-not-canonical": lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nTR==\n-----END CERTIFICATE REQUEST-----",
    "pem-body-empty": lambda: b"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----",
    "pem-too-large": lambda: PEM + b"\n" * csrs.MAX_BYTES,
    "pem-many-begins": lambda: b"-----BEGIN CERTIFICATE REQUEST-----\n" * 900,
    # DER (X.690)
    "der-garbage": lambda: armored(b"\x00\x01\x02"),
    "der-cut-off": lambda: armored(csr()[:-1]),
    "der-trailing-byte": lambda: armored(csr() + b"\x00"),
    "der-trailing-inside": lambda: armored(der.sequence(*(each.der for each in der.read(csr()).children()), b"\x05\x00")),
    "der-indefinite": lambda: armored(b"\x30\x80" + der.read(csr()).content + b"\x00\x00"),
    "der-length-not-minimal": lambda: armored(b"\x30\x83\x00" + csr()[2:]),
    "der-length-2-63": lambda: armored(b"\x30\x88" + b"\x7f" + b"\xff" * 7),
    "der-length-of-5-octets": lambda: armored(b"\x30\x85\x00\x00\x00\x00\x01\x00"),
    "der-nested-deep": lambda: armored(csr(attributes=der.sequence(der.oid("1.2.3"), der.tlv(der.SET, _nested(6000))))),
    "der-multi-octet-tag": lambda: armored(csr(attributes=der.sequence(der.oid("1.2.3"), der.tlv(der.SET, b"\x1f\x1f\x00")))),
    "der-bad-boolean": lambda: armored(
        csr(attributes=request_attribute(der.sequence(der.oid("1.2.3"), b"\x01\x01\x01", b"\x04\x02\x05\x00")))
    ),
    "der-bad-oid": lambda: armored(csr(attributes=der.sequence(b"\x06\x02\x80\x01", der.tlv(der.SET, b"\x05\x00")))),
    "der-oid-cut-off": lambda: armored(csr(attributes=der.sequence(b"\x06\x02\x2a\x81", der.tlv(der.SET, b"\x05\x00")))),
    "der-oid-empty": lambda: armored(csr(attributes=der.sequence(b"\x06\x00", der.tlv(der.SET, b"\x05\x00")))),
    "der-oid-huge": lambda: armored(
        csr(attributes=der.sequence(der.tlv(der.OID, b"\xff" * 9000, b"\x01"), der.tlv(der.SET, b"\x05\x00")))
    ),
    "der-null-with-content": lambda: armored(csr(identifier=der.sequence(der.oid("1.2.3"), b"\x05\x01\x00"))),
    "der-constructed-string": lambda: with_common_name(der.tlv(UTF8, b"abc"), UTF8 | 0x20),
    "der-primitive-sequence": lambda: armored(csr(subject=b"\x10\x00")),
    # the request (RFC 2986 section 4)
    "request-version-1": lambda: armored(csr(version=der.integer(1))),
    "request-version-2": lambda: armored(csr(version=der.integer(2))),
    "request-version-negative": lambda: armored(csr(version=b"\x02\x01\xff")),
    "request-version-not-minimal": lambda: armored(csr(version=b"\x02\x02\x00\x00")),
    "request-version-empty": lambda: armored(csr(version=b"\x02\x00")),
    "request-version-boolean": lambda: armored(csr(version=b"\x01\x01\x00")),
    "request-no-subject-no-san": lambda: armored(csr(subject=der.sequence())),
    "request-empty-san": lambda: armored(csr(subject=der.sequence(), requested=[alternative_names()])),
    "request-two-keys": lambda: armored(csr(tbs=der.sequence(der.integer(0), common(), spki(), spki()))),
    "request-no-key": lambda: armored(csr(tbs=der.sequence(der.integer(0), common()))),
    "request-attribute-without-value": lambda: armored(csr(attributes=der.sequence(der.oid("1.2.3"), der.tlv(der.SET)))),
    "request-attribute-three-parts": lambda: armored(
        csr(attributes=der.sequence(der.oid("1.2.3"), der.tlv(der.SET, b"\x05\x00"), b"\x05\x00"))
    ),
    "request-two-extension-requests": lambda: armored(
        csr(attributes=2 * request_attribute(alternative_names(dns("a.b")).der))
    ),
    "request-two-values": lambda: armored(
        csr(
            attributes=der.sequence(
                der.oid(EXTENSION_REQUEST), der.tlv(der.SET, 2 * der.sequence(alternative_names(dns("a.b")).der))
            )
        )
    ),
    "request-no-extensions": lambda: armored(csr(attributes=request_attribute())),
    # signature
    "signature-flipped": lambda: _changed(-1),
    "signature-other-content": lambda: armored(csr(tbs=info(subject=common("a")), signature=key().sign(b"b", ec.ECDSA(hashes.SHA256())))),
    "signature-empty": lambda: armored(csr(signature=b"")),
    "signature-unused-bit": lambda: armored(with_unused_bit(csr)),
    "signature-zero": lambda: armored(csr(signature=der.sequence(der.integer(0), der.integer(0)))),
    "signature-other-key": lambda: armored(csr(spki_der=ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))),
    "signature-other-hash-named": lambda: armored(csr(hash_algorithm=hashes.SHA384())),
    "signature-rsa-named-for-ec": lambda: armored(csr(identifier=RSA_SHA256)),
    "signature-ec-named-for-rsa": lambda: armored(csr("RSA-2048", identifier=ECDSA_SHA256)),
    "signature-ec-null-parameters": lambda: armored(
        csr(identifier=der.sequence(der.oid("1.2.840.10045.4.3.2"), der.tlv(der.NULL)))
    ),
    "signature-sha1": lambda: armored(csr("RSA-2048", hash_algorithm=hashes.SHA1(), identifier=SHA1_RSA)),  # the weak hash is the case
    "signature-md5": lambda: armored(csr("RSA-2048", hash_algorithm=hashes.MD5(), identifier=MD5_RSA)),
    "signature-sha224": lambda: armored(csr(hash_algorithm=hashes.SHA224(), identifier=SHA224_ECDSA)),
    "signature-pss-sha1": lambda: armored(signed_by_pss(hashes.SHA1())),
    "signature-pss-sha224": lambda: armored(signed_by_pss(hashes.SHA224())),
    "signature-pss-malformed": lambda: armored(csr("RSA-2048", identifier=der.sequence(der.oid("1.2.840.113549.1.1.10"), b"\x05\x00"))),
    "signature-unknown-algorithm": lambda: armored(csr(identifier=der.sequence(der.oid("1.2.3.4")))),
    "signature-no-algorithm": lambda: armored(csr(identifier=der.sequence())),
    # RSA keys
    "rsa-512": lambda: _rsa(_big(512)),
    "rsa-1024": lambda: armored(csr("RSA-1024")),
    "rsa-2047": lambda: _rsa(N2048 >> 1 | 1),
    "rsa-2049": lambda: _rsa(_big(2049)),
    "rsa-16384": lambda: _rsa(_big(16384)),
    "rsa-131072": lambda: _rsa(_big(131072)),
    "rsa-e-1": lambda: _rsa(N2048, 1),
    "rsa-e-even": lambda: _rsa(N2048, 65536),
    "rsa-e-0": lambda: _rsa(N2048, 0),
    "rsa-e-2-256": lambda: _rsa(N2048, (1 << 256) + 1),
    "rsa-e-as-large-as-n": lambda: _rsa(N2048, N2048),
    "rsa-n-even": lambda: _rsa(N2048 & ~1),
    "rsa-n-zero": lambda: _rsa(0),
    "rsa-n-negative": lambda: armored(
        csr(
            "RSA-2048",
            spki_der=der.sequence(
                der.read(spki("RSA-2048")).children()[0].der,
                der.bit_string(der.sequence(der.tlv(der.INTEGER, b"\x80" + b"\x01" * 255), der.integer(65537))),
            ),
        )
    ),
    "rsa-trailing-in-key": lambda: armored(
        csr(
            "RSA-2048",
            spki_der=der.sequence(
                der.read(spki("RSA-2048")).children()[0].der,
                der.bit_string(der.sequence(der.integer(N2048), der.integer(65537)) + b"\x00"),
            ),
        )
    ),
    "rsa-without-parameters": lambda: _spki_with(der.sequence(der.oid("1.2.840.113549.1.1.1")), "RSA-2048"),
    "rsa-pss-key": lambda: _spki_with(der.sequence(der.oid("1.2.840.113549.1.1.10")), "RSA-2048"),
    # other keys
    "ec-secp256k1": lambda: armored(csr("K-256")),
    "ec-explicit-curve": _explicit_curve,
    "ec-point-off-curve": lambda: armored(_off_curve()),
    "ec-point-hybrid": lambda: _point(b"\x06"),
    "ec-point-at-infinity": lambda: armored(
        csr(spki_der=der.sequence(der.read(spki()).children()[0].der, der.bit_string(b"\x00")))
    ),
    "ec-no-curve": lambda: _spki_with(der.sequence(der.oid("1.2.840.10045.2.1"))),
    "key-dsa": lambda: armored(csr("DSA", identifier=der.sequence(der.oid("2.16.840.1.101.3.4.3.2")))),
    "key-ed25519": lambda: armored(csr("Ed25519", identifier=der.sequence(der.oid("1.3.101.112")))),
    "key-unknown": lambda: _spki_with(der.sequence(der.oid("1.2.3.4"))),
    "key-ed25519-signed-as-ec": lambda: armored(csr("Ed25519")),
    # names (RFC 5280 appendix A, X.520)
    "dn-nul": lambda: with_common_name(b"good.example\x00.evil.example"),
    "dn-newline": lambda: with_common_name(b"a\r\nb"),
    "dn-escape": lambda: with_common_name(b"a\x1b[2J"),
    "dn-delete": lambda: with_common_name(b"a\x7f"),
    "dn-c1-control": lambda: with_common_name("a\x85".encode()),
    "dn-bad-utf8": lambda: with_common_name(b"\xff\xfe"),
    "dn-overlong-utf8": lambda: with_common_name(b"\xc0\xaf"),
    "dn-surrogate-utf8": lambda: with_common_name(b"\xed\xa0\x80"),
    "dn-empty-value": lambda: with_common_name(b""),
    "dn-65-characters": lambda: with_common_name(b"a" * 65),
    "dn-printable-at": lambda: with_common_name(b"a@b", der.PRINTABLE_STRING),
    "dn-printable-star": lambda: with_common_name(b"*.b.example", der.PRINTABLE_STRING),
    "dn-numeric-letters": lambda: with_common_name(b"12a", 0x12),
    "dn-ia5-high": lambda: with_common_name(b"\xe9", der.IA5_STRING),
    "dn-bmp-odd": lambda: with_common_name(b"\x00a\x00", 0x1E),
    "dn-bmp-lone-surrogate": lambda: with_common_name(b"\xd8\x00\x00a", 0x1E),
    "dn-universal-too-high": lambda: with_common_name(b"\x00\x11\x00\x00", 0x1C),
    "dn-integer-value": lambda: with_common_name(b"\x05", der.INTEGER),
    "dn-octet-string-value": lambda: with_common_name(b"abc", der.OCTET_STRING),
    "dn-country-3": lambda: with_subject(attribute(b"USA", oid="2.5.4.6", tag=der.PRINTABLE_STRING)),
    "dn-country-digits": lambda: with_subject(attribute(b"12", oid="2.5.4.6", tag=der.PRINTABLE_STRING)),
    "dn-country-utf8": lambda: with_subject(attribute(b"US", oid="2.5.4.6")),
    "dn-empty-rdn": lambda: armored(csr(subject=der.sequence(der.tlv(der.SET)))),
    "dn-rdn-no-set": lambda: armored(csr(subject=der.sequence(attribute(b"a")))),
    "dn-attribute-one-part": lambda: armored(csr(subject=name(der.sequence(der.oid(COMMON_NAME))))),
    "dn-rdn-unsorted": lambda: armored(
        csr(subject=der.sequence(der.tlv(der.SET, attribute(b"b"), attribute(b"a"))))
    ),
    "dn-rdn-repeated": lambda: armored(csr(subject=der.sequence(der.tlv(der.SET, 2 * attribute(b"a"))))),
    "dn-500-rdns": lambda: with_subject(*[attribute(b"a")] * 500),
    # alternative names (RFC 5280 section 4.2.1.6)
    "san-empty": lambda: with_names(),
    "san-no-sequence": lambda: with_extension(oids.SUBJECT_ALTERNATIVE_NAME, dns("a.b")),
    "san-trailing": lambda: with_extension(oids.SUBJECT_ALTERNATIVE_NAME, der.sequence(dns("a.b")) + b"\x00"),
    "san-nul": lambda: with_names(dns("good.example\x00.evil.example")),
    "san-dns-empty": lambda: with_names(dns("")),
    "san-dns-space": lambda: with_names(dns("a b.example")),
    "san-dns-newline": lambda: with_names(dns("a.example\n")),
    "san-dns-unicode": lambda: with_names(dns("é.example")),
    "san-dns-trailing-dot": lambda: with_names(dns("a.example.")),
    "san-dns-leading-dot": lambda: with_names(dns(".example")),
    "san-dns-empty-label": lambda: with_names(dns("a..example")),
    "san-dns-long-label": lambda: with_names(dns("a" * 64 + ".example")),
    "san-dns-254": lambda: with_names(dns(".".join(["a" * 49] * 5) + ".abcde")),
    "san-dns-254-with-wildcard": lambda: with_names(dns("*." + ".".join(["a" * 49] * 5) + ".ab")),
    "no-attributes": lambda: armored(csr(attributes=None)),
    "san-dns-hyphen-first": lambda: with_names(dns("-a.example")),
    "san-dns-hyphen-last": lambda: with_names(dns("a-.example")),
    "san-dns-star-alone": lambda: with_names(dns("*")),
    "san-dns-star-middle": lambda: with_names(dns("a.*.example")),
    "san-dns-star-partial": lambda: with_names(dns("a*.example")),
    "san-dns-two-stars": lambda: with_names(dns("*.*.example")),
    "san-dns-ip": lambda: with_names(dns("192.0.2.1")),
    "san-dns-url": lambda: with_names(dns("https://a.example")),
    "san-dns-markup": lambda: with_names(dns("<script>.example")),
    "san-ip-3": lambda: with_names(der.tlv(0x87, b"\x01\x02\x03")),
    "san-ip-8": lambda: with_names(der.tlv(0x87, b"\x01" * 8)),
    "san-ip-0": lambda: with_names(der.tlv(0x87)),
    "san-mail-no-at": lambda: with_names(der.tlv(0x81, b"a.example")),
    "san-mail-two-at": lambda: with_names(der.tlv(0x81, b"a@b@c.example")),
    "san-mail-newline": lambda: with_names(der.tlv(0x81, b"a@b.example\nBcc: x")),
    "san-mail-name": lambda: with_names(der.tlv(0x81, b"A <a@b.example>")),
    "san-uri-relative": lambda: with_names(der.tlv(0x86, b"/path")),
    "san-uri-no-host": lambda: with_names(der.tlv(0x86, b"http://")),
    "san-uri-no-host-path": lambda: with_names(der.tlv(0x86, b"http:///x")),
    "san-uri-space": lambda: with_names(der.tlv(0x86, b"http://a b")),
    "san-uri-bad-percent": lambda: with_names(der.tlv(0x86, b"http://a/%zz")),
    "san-uri-empty": lambda: with_names(der.tlv(0x86)),
    "san-directory-empty": lambda: with_names(der.tlv(0xA4, der.sequence())),
    "san-directory-two": lambda: with_names(der.tlv(0xA4, common() + common())),
    "san-directory-nul": lambda: with_names(der.tlv(0xA4, common(b"a\x00b"))),
    "san-other-no-value": lambda: with_names(der.tlv(0xA0, der.oid("1.2.3"))),
    "san-other-two-values": lambda: with_names(der.tlv(0xA0, der.oid("1.2.3"), der.tlv(0xA0, 2 * der.tlv(UTF8, b"a")))),
    "san-edi-no-party": lambda: with_names(der.tlv(0xA5, der.tlv(0xA0, der.tlv(UTF8, b"a")))),
    "san-edi-empty": lambda: with_names(der.tlv(0xA5, der.tlv(0xA1, der.tlv(UTF8)))),
    "san-edi-two-strings": lambda: with_names(der.tlv(0xA5, der.tlv(0xA1, 2 * der.tlv(UTF8, b"a")))),
    "san-x400": lambda: with_names(der.tlv(0xA3, der.sequence())),
    "san-registered-empty": lambda: with_names(der.tlv(0x88)),
    "san-registered-cut-off": lambda: with_names(der.tlv(0x88, b"\x2a\x81")),
    "san-unknown-kind": lambda: with_names(der.tlv(0x89, b"a")),
    "san-1001": lambda: with_names(*[dns("a.example")] * 1001),
    # extensions (RFC 5280 section 4.2)
    "ext-duplicate": lambda: armored(csr(requested=[alternative_names(dns("a.b")), alternative_names(dns("c.d"))])),
    "ext-no-value": lambda: armored(csr(attributes=request_attribute(der.sequence(der.oid("1.2.3"))))),
    "ext-four-parts": lambda: armored(
        csr(attributes=request_attribute(der.sequence(der.oid("1.2.3"), b"\x01\x01\xff", b"\x04\x00", b"\x04\x00")))
    ),
    "ext-value-no-octets": lambda: armored(csr(attributes=request_attribute(der.sequence(der.oid("1.2.3"), b"\x05\x00")))),
    "ext-no-sequence": lambda: armored(csr(attributes=request_attribute(b"\x05\x00"))),
    "ext-list-no-sequence": lambda: armored(
        csr(attributes=der.sequence(der.oid(EXTENSION_REQUEST), der.tlv(der.SET, b"\x05\x00")))
    ),
    "ext-san-empty-value": lambda: with_extension(oids.SUBJECT_ALTERNATIVE_NAME, b""),
    "ext-basic-constraints-integer": lambda: with_extension(oids.BASIC_CONSTRAINTS, der.integer(1)),
    "ext-basic-constraints-negative": lambda: with_extension(
        oids.BASIC_CONSTRAINTS, der.sequence(der.boolean_true(), b"\x02\x01\xff")
    ),
    "ext-basic-constraints-length-alone": lambda: with_extension(oids.BASIC_CONSTRAINTS, der.sequence(der.integer(1))),
    "ext-basic-constraints-length-no-ca": lambda: with_extension(
        oids.BASIC_CONSTRAINTS, der.sequence(b"\x01\x01\x00", der.integer(1))
    ),
    "ext-key-usage-empty": lambda: with_extension(oids.KEY_USAGE, b"\x03\x01\x00"),
    "ext-key-usage-not-minimal": lambda: with_extension(oids.KEY_USAGE, b"\x03\x03\x07\x80\x00"),
    "ext-key-usage-unknown-bit": lambda: with_extension(oids.KEY_USAGE, b"\x03\x03\x00\x80\x01"),
    "ext-key-usage-unused-bits-set": lambda: with_extension(oids.KEY_USAGE, b"\x03\x02\x07\x81"),
    "ext-key-usage-8-unused-bits": lambda: with_extension(oids.KEY_USAGE, b"\x03\x02\x08\x80"),
    "ext-key-usage-no-bits-octet": lambda: with_extension(oids.KEY_USAGE, b"\x03\x00"),
    "ext-key-usage-unused-without-bits": lambda: with_extension(oids.KEY_USAGE, b"\x03\x01\x05"),
    "ext-key-usage-integer": lambda: with_extension(oids.KEY_USAGE, der.integer(5)),
    "ext-extended-key-usage-empty": lambda: with_extension(oids.EXTENDED_KEY_USAGE, der.sequence()),
    "ext-extended-key-usage-integer": lambda: with_extension(oids.EXTENDED_KEY_USAGE, der.sequence(der.integer(1))),
    "ext-name-constraints-empty": lambda: with_extension(oids.NAME_CONSTRAINTS, der.sequence()),
    "ext-inhibit-any-policy-negative": lambda: with_extension(oids.INHIBIT_ANY_POLICY, b"\x02\x01\xff"),
    "ext-subject-key-identifier-integer": lambda: with_extension(oids.SUBJECT_KEY_IDENTIFIER, der.integer(1)),
}  # fmt: skip


def _off_curve() -> bytes:
    numbers = key().public_key().public_numbers()
    content = b"\x04" + numbers.x.to_bytes(32) + (numbers.y ^ 1).to_bytes(32)
    algorithm = der.read(spki()).children()[0].der
    return csr(spki_der=der.sequence(algorithm, der.bit_string(content)))


def signed_by_pss(hash_algorithm: hashes.HashAlgorithm) -> bytes:
    """A CSR signed with RSASSA-PSS; the key is an ordinary RSA key (RFC 4055 section 3.1)."""
    oids = {"sha1": "1.3.14.3.2.26", "sha224": "2.16.840.1.101.3.4.2.4", "sha256": "2.16.840.1.101.3.4.2.1"}
    digest = der.sequence(der.oid(oids[hash_algorithm.name]), der.tlv(der.NULL))
    parameters = der.sequence(
        der.tlv(0xA0, digest),
        der.tlv(0xA1, der.sequence(der.oid("1.2.840.113549.1.1.8"), digest)),
        der.tlv(0xA2, der.integer(hash_algorithm.digest_size)),
    )
    identifier = der.sequence(der.oid("1.2.840.113549.1.1.10"), parameters)
    tbs = info(spki_der=spki("RSA-2048"))
    pss = padding.PSS(mgf=padding.MGF1(hash_algorithm), salt_length=hash_algorithm.digest_size)
    return csr("RSA-2048", tbs=tbs, identifier=identifier, signature=key("RSA-2048").sign(tbs, pss, hash_algorithm))
