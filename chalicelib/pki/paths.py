"""Certification paths, judged without their signatures: the reasons why clients refuse one, and when it expires.

A path goes from a certificate to the root. The signatures in it were verified when its certificates were installed; a
CA that gets another certificate keeps its key, so they stay as they were.

Source: RFC 5280 sections 4.2.1 and 6.1.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import PkiError
from chalicelib.pki.issuing import name_rules
from chalicelib.pki.x509 import extension_values, extensions, names
from chalicelib.pki.x509.name_constraints import parse_name_constraints
from chalicelib.pki.x509.reading import parse_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.pki.x509.extensions import Extension
    from chalicelib.pki.x509.name_constraints import NameConstraints

_SKEW = timedelta(minutes=5)  # as for certificates that are installed
_KEY_IDENTIFIER, _SERIAL_NUMBER = 0x80, 0x82  # in AuthorityKeyIdentifier


class Identity(NamedTuple):
    """A subject and its key: the part of a CA that a renewal leaves."""

    subject_der: bytes
    spki_der: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A certificate in a path, or one that is planned.

    Attributes:
        serial_number: 0 for a planned certificate.
        authority_key, authority_serial: the key identifier and the serial number by which it names its issuer's
            certificate; None: it does not.
        path_length: how many CAs may follow below; None: any number.
        purposes: object identifiers of ExtendedKeyUsage; None: all purposes.
        encoded: the certificate in DER; empty for a planned one.
    """

    identity: Identity
    issuer_der: bytes
    serial_number: int
    not_before: datetime
    not_after: datetime
    extensions: tuple[Extension, ...]
    key_identifier: bytes
    authority_key: bytes | None
    authority_serial: int | None
    is_ca: bool
    path_length: int | None
    purposes: frozenset[str] | None
    constraints: NameConstraints | None
    encoded: bytes = b""

    @property
    def is_self_issued(self) -> bool:
        """Subject and issuer are the same name."""
        return self.identity.subject_der == self.issuer_der

    @property
    def name(self) -> str:
        """The common name, or else the whole subject."""
        subject_der = self.identity.subject_der
        return names.common_name(subject_der) or names.rfc2253(subject_der)

    @property
    def issuer_name(self) -> str:
        """The common name of the issuer, or else its whole name."""
        return names.common_name(self.issuer_der) or names.rfc2253(self.issuer_der)

    def value(self, oid: str) -> bytes | None:
        """The DER of an extension's value, or None."""
        return next((extension.value_der for extension in self.extensions if extension.oid == oid), None)


Path = tuple[Link, ...]


@lru_cache(maxsize=16_384)  # an overview looks at every CA of an account; each takes 1.4 kB
def read(certificate_der: bytes) -> Link:
    """Read a certificate.

    Raises:
        PkiError: it does not parse.
    """
    parsed = parse_certificate(certificate_der)
    return link(
        Identity(parsed.subject_der, parsed.spki_der),
        issuer_der=parsed.issuer_der,
        serial_number=parsed.serial_number,
        validity=(parsed.not_before, parsed.not_after),
        extensions=tuple(parsed.extensions.values()),
        encoded=certificate_der,
    )


def link(
    identity: Identity,
    *,
    issuer_der: bytes,
    serial_number: int = 0,
    validity: tuple[datetime, datetime],
    extensions: tuple[Extension, ...],
    encoded: bytes = b"",
) -> Link:
    """Make a link of the parts of a certificate.

    Raises:
        PkiError: the value of an extension is malformed.
    """
    values = {extension.oid: extension.value_der for extension in extensions}
    basic = values.get(oids.BASIC_CONSTRAINTS)
    constraints = extension_values.parse_basic_constraints(basic) if basic else None
    usage, subtrees = values.get(oids.KEY_USAGE), values.get(oids.NAME_CONSTRAINTS)
    may_sign = usage is None or "KeyCertSign" in extension_values.key_usages(usage)
    authority = _authority(values.get(oids.AUTHORITY_KEY_IDENTIFIER))
    return Link(
        identity=identity,
        issuer_der=issuer_der,
        serial_number=serial_number,
        not_before=validity[0],
        not_after=validity[1],
        extensions=extensions,
        key_identifier=_key_identifier(values.get(oids.SUBJECT_KEY_IDENTIFIER), identity.spki_der),
        authority_key=authority.get(_KEY_IDENTIFIER),
        authority_serial=int.from_bytes(authority[_SERIAL_NUMBER]) if _SERIAL_NUMBER in authority else None,
        is_ca=constraints is not None and constraints.is_ca and may_sign,
        path_length=constraints.path_length if constraints else None,
        purposes=_purposes(values.get(oids.EXTENDED_KEY_USAGE)),
        constraints=parse_name_constraints(subtrees) if subtrees else None,
        encoded=encoded,
    )


def _key_identifier(value_der: bytes | None, spki_der: bytes) -> bytes:
    return extensions.key_identifier_of(spki_der) if value_der is None else der.read(value_der).content


def _authority(value_der: bytes | None) -> dict[int, bytes]:
    """The members of AuthorityKeyIdentifier by their tags; none if it is malformed, which installing tolerates."""
    try:
        return {} if value_der is None else {member.tag: member.content for member in der.read(value_der).children()}
    except PkiError:
        return {}


def _purposes(value_der: bytes | None) -> frozenset[str] | None:
    found = None if value_der is None else extension_values.purposes(value_der)
    return None if found is None or oids.ANY_EXTENDED_KEY_USAGE in found else found


def ends(path: Path) -> datetime:
    """The time at which the first certificate of a path expires."""
    return min(certificate.not_after for certificate in path)


def levels(path: Path) -> int | None:
    """The number of levels of CAs that may follow below the first certificate of a path; None: any number."""
    remaining = [link.path_length - below for below, link in enumerate(path) if link.path_length is not None]
    return min(remaining, default=None)


def problems(path: Path, at: datetime) -> list[str]:
    """The reasons why clients refuse a path at a time, in sentences; names in them are those of the certificates."""
    found = [words for certificate in path for words in _of_validity(certificate, at)]
    for position in range(1, len(path)):
        found += _of_position(path[position], path[:position])
    if not path[-1].is_self_issued:
        found.append(f"No root is above “{path[-1].name}”.")
    return found


def _of_validity(certificate: Link, at: datetime) -> Iterator[str]:
    if certificate.not_after < at:
        yield f"The certificate of “{certificate.name}” expired on {certificate.not_after:%Y-%m-%d}."
    if certificate.not_before > at + _SKEW:
        yield f"The certificate of “{certificate.name}” is not valid before {certificate.not_before:%Y-%m-%d}."


def _of_position(certificate: Link, below: Path) -> Iterator[str]:
    """Yield the defects of a certificate above others, the last of which it signed."""
    child = below[-1]
    if not certificate.is_ca:
        yield f"The certificate of “{certificate.name}” does not allow it to sign certificates."
    if child.authority_key not in (None, certificate.key_identifier):
        yield f"“{child.name}” names another key identifier for its issuer than “{certificate.name}” has."
    if child.authority_serial not in (None, certificate.serial_number):
        yield f"“{child.name}” names the certificate of “{certificate.name}” by another serial number."
    number, most = sum(1 for link in below if link.is_ca and not link.is_self_issued), certificate.path_length
    if most is not None and number > most:
        are = "is" if number == 1 else "are"
        yield f"“{certificate.name}” allows {most} levels of CAs below it, and there {are} {number}."
    for link in below:
        if certificate.purposes and link.purposes and link.purposes.isdisjoint(certificate.purposes):
            yield f"“{certificate.name}” allows none of the purposes of “{link.name}”."
    yield from _of_names(certificate, below)


def _of_names(certificate: Link, below: Path) -> Iterator[str]:
    if certificate.constraints is None:
        return
    for link in below:
        try:
            alternative_names = link.value(oids.SUBJECT_ALTERNATIVE_NAME)
            certified = name_rules.names_of(link.identity.subject_der, alternative_names, common_names=not link.is_ca)
            name_rules.check([certificate.constraints], certified)
        except PkiError as error:
            yield f"“{certificate.name}” refuses the names of “{link.name}”. {error}"
