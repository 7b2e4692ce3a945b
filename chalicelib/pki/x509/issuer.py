"""The issuer: a CA as what it signs refers to it, read from its certificate and chain.

Source: RFC 5280 sections 4.2.1.1, 4.2.1.9 and 4.2.1.10.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.frozen import dataclass
from chalicelib.pki.x509 import algorithms, extensions, keys, names
from chalicelib.pki.x509.reading import parse_certificate

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.pki.x509.csr import CertificateRequest
    from chalicelib.pki.x509.name_constraints import NameConstraints
    from chalicelib.pki.x509.names import Rdns


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """A CA, as the certificates, CRLs and OCSP answers that it signs refer to it.

    Attributes:
        key_identifier: for AuthorityKeyIdentifier: the SubjectKeyIdentifier of the CA certificate, or SHA-1 of its key.
        is_root: the CA certificate is self-issued, or will be.
        is_root_in_making: the CA is a root without a certificate; serial number and validity are empty.
        path_length: how many CAs may follow below, by the path lengths of this CA and of those above; None: any number.
        names_above, keys_above: the names and keys of the CAs above it, as far as its chain has them.
        constraints: the name constraints of the CA certificate and of every certificate above it.
    """

    name_der: bytes
    spki_der: bytes
    public_key: PublicKeyTypes
    key_identifier: bytes
    is_root: bool
    is_root_in_making: bool = False
    serial_number: int = 0
    not_before: datetime | None = None
    not_after: datetime | None = None
    path_length: int | None = None
    names_above: tuple[bytes, ...] = ()
    keys_above: tuple[PublicKeyTypes, ...] = ()
    constraints: tuple[NameConstraints, ...] = ()

    @cached_property
    def key_algorithm(self) -> str | None:
        """The API's name of its key's algorithm; None if the API has none."""
        return algorithms.key_algorithm_of(self.public_key)

    @cached_property
    def key_hashes(self) -> frozenset[str]:
        """The hashes of its key and of those above it, as `keys.key_sha256` computes them."""
        return frozenset(map(keys.key_sha256, (self.public_key, *self.keys_above)))

    @cached_property
    def loose_names(self) -> tuple[Rdns, ...]:
        """Its name and those above it, as `names.normalized_loosely` has them."""
        return tuple(map(names.normalized_loosely, (self.name_der, *self.names_above)))


def issuer_of(certificate_der: bytes, chain_der: tuple[bytes, ...] = ()) -> Issuer:
    """The CA of a CA certificate, whose chain goes from its issuer to the root.

    Raises:
        CertificateParseError: one of them does not parse.
    """
    path = [parse_certificate(encoded) for encoded in (certificate_der, *chain_der)]
    certificate = path[0]
    lengths = [above.basic_constraints.path_length if above.basic_constraints else None for above in path]
    remaining = [length - below for below, length in enumerate(lengths) if length is not None]
    return Issuer(
        name_der=certificate.subject_der,
        spki_der=certificate.spki_der,
        public_key=certificate.public_key,
        key_identifier=certificate.key_identifier,
        is_root=certificate.is_self_issued and not chain_der,
        serial_number=certificate.serial_number,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        path_length=min(remaining) if remaining else None,
        names_above=tuple(above.subject_der for above in path[1:]),
        keys_above=tuple(above.public_key for above in path[1:]),
        constraints=tuple(above.name_constraints for above in path if above.name_constraints),
    )


def root_in_making(request: CertificateRequest) -> Issuer:
    """A root without a certificate, as the issuer of its own."""
    return Issuer(
        name_der=request.subject_der,
        spki_der=request.spki_der,
        public_key=request.public_key,
        key_identifier=extensions.key_identifier_of(request.spki_der),
        is_root=True,
        is_root_in_making=True,
    )
