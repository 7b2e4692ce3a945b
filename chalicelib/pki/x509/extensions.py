"""X.509 extensions: encoding them, and reading a list of them.

Source: RFC 5280 section 4.2.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import DerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chalicelib.pki.asn1.der import Element

# The names of RFC 5280 for the extensions of certificates.
NAMES = {
    oids.SUBJECT_KEY_IDENTIFIER: "subjectKeyIdentifier",
    oids.KEY_USAGE: "keyUsage",
    oids.SUBJECT_ALTERNATIVE_NAME: "subjectAltName",
    oids.BASIC_CONSTRAINTS: "basicConstraints",
    oids.NAME_CONSTRAINTS: "nameConstraints",
    oids.CRL_DISTRIBUTION_POINTS: "cRLDistributionPoints",
    oids.CERTIFICATE_POLICIES: "certificatePolicies",
    oids.POLICY_MAPPINGS: "policyMappings",
    oids.AUTHORITY_KEY_IDENTIFIER: "authorityKeyIdentifier",
    oids.POLICY_CONSTRAINTS: "policyConstraints",
    oids.EXTENDED_KEY_USAGE: "extKeyUsage",
    oids.INHIBIT_ANY_POLICY: "inhibitAnyPolicy",
    oids.AUTHORITY_INFORMATION_ACCESS: "authorityInfoAccess",
    oids.SUBJECT_INFORMATION_ACCESS: "subjectInfoAccess",
}

# The bits of KeyUsage in their order, by the API's names.
KEY_USAGE_BITS = (
    "DigitalSignature",
    "NonRepudiation",
    "KeyEncipherment",
    "DataEncipherment",
    "KeyAgreement",
    "KeyCertSign",
    "CRLSign",
    "EncipherOnly",
    "DecipherOnly",
)


class Extension(NamedTuple):
    """An extension: its object identifier, whether it is critical, and the DER of its value."""

    oid: str
    critical: bool
    value_der: bytes

    @property
    def der(self) -> bytes:
        """The Extension SEQUENCE, in which DER leaves out a FALSE."""
        return _encoded(self)


@lru_cache(maxsize=256)  # most are those of templates and CAs
def _encoded(extension: Extension) -> bytes:
    critical = der.boolean_true() if extension.critical else b""
    return der.sequence(der.oid(extension.oid), critical, der.tlv(der.OCTET_STRING, extension.value_der))


def encode_extensions(extensions: Iterable[Extension]) -> bytes:
    """The SEQUENCE of the extensions."""
    return der.sequence(*map(_encoded, extensions))


def parse_extensions(extensions: Element) -> tuple[Extension, ...]:
    """Read a SEQUENCE OF Extension, but not the values of the extensions.

    Raises:
        DerError: the list is empty, malformed or names an extension twice.
    """
    by_oid: dict[str, Extension] = {}
    for element in extensions.expect(der.SEQUENCE, "A list of extensions").children():
        extension = _parse_extension(element)
        if extension.oid in by_oid:
            raise DerError(f"Extension {extension.oid} is there more than once.")
        by_oid[extension.oid] = extension
    if not by_oid:
        raise DerError("A list of extensions is empty.")
    return tuple(by_oid.values())


def _parse_extension(element: Element) -> Extension:
    parts = element.expect(der.SEQUENCE, "An extension").children()
    if [part.tag for part in parts] not in _SHAPES:
        raise DerError("An extension does not consist of identifier, criticality and value.")
    critical = len(parts) == 3 and parts[1].content == b"\xff"
    return Extension(der.oid_text(parts[0]), critical, parts[-1].content)


_SHAPES = ([der.OID, der.OCTET_STRING], [der.OID, der.BOOLEAN, der.OCTET_STRING])


def basic_constraints(*, ca: bool, path_length: int | None = None, critical: bool) -> Extension:
    """BasicConstraints; CA:FALSE is the empty SEQUENCE."""
    length = b"" if path_length is None else der.integer(path_length)
    value = der.sequence(der.boolean_true(), length) if ca else der.sequence()
    return Extension(oids.BASIC_CONSTRAINTS, critical, value)


def subject_key_identifier(key_identifier: bytes) -> Extension:
    """SubjectKeyIdentifier."""
    return Extension(oids.SUBJECT_KEY_IDENTIFIER, critical=False, value_der=der.tlv(der.OCTET_STRING, key_identifier))


@lru_cache(maxsize=256)
def authority_key_identifier(key_identifier: bytes) -> Extension:
    """AuthorityKeyIdentifier with the key identifier alone."""
    value = der.sequence(der.tlv(0x80, key_identifier))
    return Extension(oids.AUTHORITY_KEY_IDENTIFIER, critical=False, value_der=value)


def key_usage(usages: Mapping[str, Any], *, critical: bool = True) -> Extension:
    """KeyUsage from the API's nine booleans, minimally encoded."""
    bits = [bool(usages.get(name)) for name in KEY_USAGE_BITS]
    return Extension(oids.KEY_USAGE, critical, der.named_bits(bits))


def is_asked(member: str, asked: Mapping[str, Any]) -> bool:
    """Tell whether a request asks for an extension: a KeyUsage that sets no bit is none."""
    return member in asked and (member != "KeyUsage" or any(asked[member].values()))


def extended_key_usage(purposes: Iterable[str], *, critical: bool = False) -> Extension:
    """ExtendedKeyUsage from object identifiers."""
    return Extension(oids.EXTENDED_KEY_USAGE, critical, der.sequence(*map(der.oid, purposes)))


@lru_cache(maxsize=256)
def crl_distribution_points(url: str) -> Extension:
    """One distribution point with one full name, without reasons and without an issuer."""
    full_name = der.tlv(0xA0, der.tlv(0x86, url.encode("ascii")))
    return Extension(
        oids.CRL_DISTRIBUTION_POINTS, critical=False, value_der=der.sequence(der.sequence(der.tlv(0xA0, full_name)))
    )


def issuing_distribution_point(url: str) -> Extension:
    """IssuingDistributionPoint: the CRL covers certificates with this distribution point (RFC 5280 section 5.2.5)."""
    location = der.tlv(0x86, url.encode("ascii"))
    value = der.sequence(der.tlv(0xA0, der.tlv(0xA0, location)))
    return Extension(oids.ISSUING_DISTRIBUTION_POINT, critical=True, value_der=value)


@lru_cache(maxsize=256)
def authority_information_access(ocsp_url: str) -> Extension:
    """AuthorityInformationAccess with the address of an OCSP responder."""
    location = der.tlv(0x86, ocsp_url.encode("ascii"))
    value = der.sequence(der.sequence(der.oid(oids.OCSP_ACCESS), location))
    return Extension(oids.AUTHORITY_INFORMATION_ACCESS, critical=False, value_der=value)


def certificate_policies(policies: Mapping[str, Sequence[str]]) -> Extension:
    """CertificatePolicies from policy identifiers, each with the addresses of its practice statements."""
    value = der.sequence(
        *(
            der.sequence(der.oid(policy), der.sequence(*map(_cps_qualifier, uris)) if uris else b"")
            for policy, uris in policies.items()
        )
    )
    return Extension(oids.CERTIFICATE_POLICIES, critical=False, value_der=value)


def _cps_qualifier(uri: str) -> bytes:
    return der.sequence(der.oid(oids.CPS_QUALIFIER), der.tlv(der.IA5_STRING, uri.encode("ascii")))


def crl_number(number: int) -> Extension:
    """CRLNumber."""
    return Extension(oids.CRL_NUMBER, critical=False, value_der=der.integer(number))


def key_identifier_of(spki_der: bytes) -> bytes:
    """SHA-1 of the subjectPublicKey bits (RFC 5280 section 4.2.1.2, method 1)."""
    _, bits = der.read(spki_der).children()
    return hashlib.sha1(bits.content[1:], usedforsecurity=False).digest()
