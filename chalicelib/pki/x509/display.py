"""The display of a certificate or a CSR for people: sections of labels and values.

Strangers wrote the values: hidden characters are shown by their code points, and a malformed value is shown in hex.

Source: RFC 5280 section 4; RFC 4514 for names.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from chalicelib import arn as arns
from chalicelib.pki.asn1 import der, oids, pem
from chalicelib.pki.errors import CsrError, PkiError, refused, within
from chalicelib.pki.x509 import algorithms, csr, display_extensions, names
from chalicelib.pki.x509.display_extensions import colons
from chalicelib.pki.x509.reading import parse_certificate
from chalicelib.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.pki.asn1.der import Element
    from chalicelib.pki.x509.extensions import Extension

# Attributes of names as every page writes them: by the member of the API's subject, or by their OID.
LABELS = {
    "Country": "Country (C)",
    "Organization": "Organization (O)",
    "OrganizationalUnit": "Organizational unit (OU)",
    "DistinguishedNameQualifier": "Distinguished name qualifier",
    "State": "State or province (ST)",
    "CommonName": "Common name (CN)",
    "SerialNumber": "Serial number of the subject",
    "Locality": "Locality (L)",
    "Title": "Title",
    "Surname": "Surname (SN)",
    "GivenName": "Given name",
    "Initials": "Initials",
    "Pseudonym": "Pseudonym",
    "GenerationQualifier": "Generation qualifier",
}
_ATTRIBUTES = {oid: LABELS[member] for member, oid in names.SUBJECT_MEMBERS.items()} | {
    oids.EMAIL_ADDRESS: "Email address",
    oids.DOMAIN_COMPONENT: "Domain component (DC)",
    oids.USER_ID: "User id (UID)",
    oids.STREET_ADDRESS: "Street address",
    oids.POSTAL_CODE: "Postal code",
    oids.ORGANIZATION_IDENTIFIER: "Organization identifier",
}


class Line(NamedTuple):
    """A labelled value.

    Attributes:
        kind: how to show it: "text", "hex", "oid", "time" (ISO 8601, UTC) or "url" (never fetched unasked).
    """

    label: str
    value: str
    kind: str = "text"


class Section(NamedTuple):
    """Lines under a heading.

    Attributes:
        critical: the criticality of an extension; None: the section is not about one.
    """

    title: str
    lines: tuple[Line, ...]
    critical: bool | None = None


def of_certificate(certificate_der: bytes) -> tuple[Section, ...]:
    """Display a certificate of version 3.

    Raises:
        CertificateParseError: it does not parse.
    """
    certificate = parse_certificate(certificate_der)
    algorithm = der.read(certificate_der).children()[1]
    return (
        Section(
            "Certificate",
            (
                Line("Version", "3"),
                Line("Serial number", arns.serial_pairs(certificate.serial_number), "hex"),
                Line("Signature algorithm", signature_algorithm(algorithm)),
            ),
        ),
        _name("Issuer", certificate.issuer_der),
        _name("Subject", certificate.subject_der),
        Section(
            "Validity",
            (_time("Not before", certificate.not_before), _time("Not after", certificate.not_after)),
        ),
        public_key(certificate.public_key, certificate.spki_der),
        *map(of_extension, certificate.extensions.values()),
        fingerprints(certificate_der),
    )


def of_csr(encoded: bytes) -> tuple[Section, ...]:
    """Display a CSR, in PEM or DER, that passes the checks.

    Raises:
        CsrError: it does not parse, its signature does not verify, or it breaks a rule.
    """
    request = csr.parse_csr(encoded) if b"-----BEGIN" in encoded else _csr_of_der(encoded)
    algorithm = der.read(request.der).children()[1]
    return (
        Section(
            "Certificate request",
            (
                Line("Version", "1"),
                Line("Signature algorithm", signature_algorithm(algorithm)),
                Line("Signature", "It verifies: whoever made the request holds the key."),
            ),
        ),
        _name("Subject", request.subject_der),
        public_key(request.public_key, request.spki_der),
        *map(of_extension, request.extensions),
        fingerprints(request.der),
    )


def _csr_of_der(csr_der: bytes) -> csr.CertificateRequest:
    with within("Csr"), refused(CsrError, "The CSR is refused."):
        if len(csr_der) > csr.MAX_BYTES:
            raise PkiError(f"It has more than {csr.MAX_BYTES} bytes.")
        return csr.parse_csr_der(csr_der)


# parts


def _time(label: str, moment: datetime) -> Line:
    return Line(label, moment.isoformat().replace("+00:00", "Z"), "time")


def _name(title: str, name_der: bytes) -> Section:
    """Display a whole name, and each of its attributes in their order."""
    rdns = [rdn.children() for rdn in der.read(name_der).children()]
    whole = Line("Name", printable(names.rfc2253(name_der)) or "(empty)")
    return Section(title, (whole, *(_attribute(attribute) for rdn in rdns for attribute in rdn)))


def _attribute(attribute: Element) -> Line:
    kind, value = attribute.children()
    oid = der.oid_text(kind)
    try:
        return Line(_ATTRIBUTES.get(oid, oid), printable(names.decode_string(value.tag, value.content)))
    except PkiError:
        return Line(_ATTRIBUTES.get(oid, oid), value.der.hex(), "hex")


def public_key(key: PublicKeyTypes, spki_der: bytes) -> Section:
    """Display a public key, with the SHA-256 of its encoding."""
    digest = hashlib.sha256(spki_der).digest()
    lines = [*_key_lines(key), Line("SHA-256 of the key", colons(digest), "hex")]
    return Section("Public key", tuple(lines))


def _key_lines(public_key: PublicKeyTypes) -> Iterable[Line]:
    name = Line("Algorithm", _key_algorithm(public_key))
    if not isinstance(public_key, rsa.RSAPublicKey):
        return (name,)
    exponent = public_key.public_numbers().e
    return (name, Line("Exponent", hex(exponent) if exponent >= 1 << 64 else str(exponent)))


def _key_algorithm(public_key: PublicKeyTypes) -> str:
    known = algorithms.key_algorithm_of(public_key)
    if known is not None:
        return algorithms.LABELS[known]
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"RSA {public_key.key_size}"
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return f"ECDSA {public_key.curve.name}"
    return type(public_key).__name__.removesuffix("PublicKey")


def signature_algorithm(identifier: Element) -> str:
    """The name of an AlgorithmIdentifier, or its object identifier."""
    if exact := algorithms.NAMES_BY_IDENTIFIER.get(identifier.der):
        return algorithms.LABELS[exact]
    oid = der.oid_text(identifier.children()[0])
    names_of_oid = [name for name, algorithm in algorithms.SIGNING_ALGORITHMS.items() if algorithm.oid == oid]
    return algorithms.LABELS[names_of_oid[0]] if len(names_of_oid) == 1 else oid


def of_extension(extension: Extension) -> Section:
    """Display an extension."""
    title = display_extensions.TITLES.get(extension.oid, f"Extension {extension.oid}")
    lines = tuple(Line(label, printable(value), kind) for label, value, kind in display_extensions.lines(extension))
    return Section(title, lines, extension.critical)


def fingerprints(encoded: bytes) -> Section:
    """Display the fingerprints, which people compare over the telephone."""
    sha1 = hashlib.sha1(encoded, usedforsecurity=False).digest()
    lines = (
        Line("SHA-256", colons(hashlib.sha256(encoded).digest()), "hex"),
        Line("SHA-1", colons(sha1), "hex"),
    )
    return Section("Fingerprints", lines)


# downloads


def full_chain(certificate_der: bytes, chain_der: Sequence[bytes]) -> str:
    """Write the certificate and its chain in PEM, as servers want them, with a final newline."""
    return pem.encode_all((certificate_der, *chain_der)) + "\n"


def pkcs7_bundle(certificates_der: Sequence[bytes]) -> bytes:
    """Write certificates as PKCS #7 in DER (`.p7b`) without signatures (RFC 2315 section 9.1).

    Raises:
        CertificateParseError: one of them does not parse.
    """
    certificates = [parse_certificate(certificate_der).certificate for certificate_der in certificates_der]
    return pkcs7.serialize_certificates(certificates, Encoding.DER)
