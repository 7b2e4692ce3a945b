"""Reading a certificate strictly: the parts that issuing, installing and publishing need.

What it says of names, and weak signatures, is read as the gate `aws` takes it: `installation` holds what is imported
against more.

Source: RFC 5280 section 4.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import CertificateParseError, PkiError
from chalicelib.pki.x509 import algorithms, extension_values, extensions, name_constraints
from chalicelib.pki.x509.csr_gate import AWS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.pki.x509.extension_values import BasicConstraints
    from chalicelib.pki.x509.extensions import Extension
    from chalicelib.pki.x509.name_constraints import NameConstraints

Value = TypeVar("Value")
_VERSION_3 = der.tlv(0xA0, der.integer(2))
_TIMES = frozenset({der.UTC_TIME, der.GENERALIZED_TIME})


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCertificate:
    """A certificate, with names and key as they are encoded.

    Attributes:
        key_identifier: its SubjectKeyIdentifier, or SHA-1 of its key.
    """

    der: bytes
    certificate: x509.Certificate
    public_key: PublicKeyTypes
    subject_der: bytes
    issuer_der: bytes
    spki_der: bytes
    serial_number: int
    not_before: datetime
    not_after: datetime
    extensions: dict[str, Extension]
    key_identifier: bytes
    basic_constraints: BasicConstraints | None
    name_constraints: NameConstraints | None

    @property
    def is_self_issued(self) -> bool:
        """Subject and issuer are the same name."""
        return self.subject_der == self.issuer_der

    def value(self, oid: str) -> bytes | None:
        """The DER of an extension's value, or None."""
        return self.extensions[oid].value_der if oid in self.extensions else None


def parse_certificate(certificate_der: bytes) -> ParsedCertificate:
    """Read a certificate of version 3; its signature is not verified.

    Raises:
        CertificateParseError: it does not parse, or a field of it is invalid.
    """
    try:
        return _parse(certificate_der)
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm) as error:
        raise CertificateParseError(f"A certificate is refused. {error}") from error


def subject_of(certificate_der: bytes) -> bytes:
    """The encoded subject of a certificate of version 3 that was signed here."""
    return der.read(tbs_of(certificate_der)).children()[5].der


def tbs_of(certificate_der: bytes) -> bytes:
    """Return the TBSCertificate of a certificate that was signed here."""
    return der.read(certificate_der).children()[0].der


def key_of_tbs(tbs_der: bytes) -> PublicKeyTypes:
    """Return the public key of a TBSCertificate of version 3 that was planned here."""
    return load_der_public_key(der.read(tbs_der).children()[6].der)


def _parse(certificate_der: bytes) -> ParsedCertificate:
    tbs, algorithm, signature = der.fields(
        der.parse(certificate_der), "A certificate", der.SEQUENCE, der.SEQUENCE, der.BIT_STRING
    )
    der.octets(signature, "Its signature")
    members = tbs.children()
    # version, serial number, algorithm, issuer, validity, subject, key, extensions; no unique identifiers
    if [member.tag for member in members] != [0xA0, der.INTEGER, *[der.SEQUENCE] * 5, 0xA3]:
        raise PkiError("It does not have the fields of version 3, with extensions and without unique identifiers.")
    version, serial, inner_algorithm, issuer, validity, subject, spki, wrapper = members
    if version.der != _VERSION_3:
        raise PkiError("Its version is not 3.")
    if inner_algorithm.der != algorithm.der:
        raise PkiError("It names two different signature algorithms.")
    algorithms.check_foreign_algorithm(algorithm, takes_weak=True)
    serial_number = der.unsigned(serial, "The serial number")
    if not serial_number:
        raise PkiError("Its serial number is zero.")
    if not {member.tag for member in validity.children()} <= _TIMES:
        raise PkiError("Its validity does not consist of times.")
    (extension_list,) = wrapper.children()
    by_oid = {extension.oid: extension for extension in extensions.parse_extensions(extension_list)}
    for extension in by_oid.values():
        extension_values.check_outline(extension, AWS)
    values = {oid: value_der for oid, (_, _, value_der) in by_oid.items()}
    certificate = x509.load_der_x509_certificate(certificate_der)
    return ParsedCertificate(
        der=certificate_der,
        certificate=certificate,
        public_key=certificate.public_key(),
        subject_der=subject.der,
        issuer_der=issuer.der,
        spki_der=spki.der,
        serial_number=serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        extensions=by_oid,
        key_identifier=_key_identifier(values.get(oids.SUBJECT_KEY_IDENTIFIER), spki.der),
        basic_constraints=_parsed(extension_values.parse_basic_constraints, values.get(oids.BASIC_CONSTRAINTS)),
        name_constraints=_parsed(name_constraints.parse_name_constraints, values.get(oids.NAME_CONSTRAINTS)),
    )


def _key_identifier(value_der: bytes | None, spki_der: bytes) -> bytes:
    return extensions.key_identifier_of(spki_der) if value_der is None else der.read(value_der).content


def _parsed(parse: Callable[[bytes], Value], value_der: bytes | None) -> Value | None:
    return None if value_der is None else parse(value_der)
