"""Certificates: the plan, which is exactly the bytes to be signed, and the CA as an issuer.

Source: RFC 5280 section 4; AWS Private CA User Guide, "Certificate templates"; AWS Private CA API, IssueCertificate.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509

from chalicelib.pki import algorithms, der, extensions
from chalicelib.pki.errors import ConstraintError
from chalicelib.pki.validity import SHORT_LIVED, validity_period

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.pki.csr import CertificateRequest
    from chalicelib.pki.extensions import Extension
    from chalicelib.pki.templates import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """A CA as what it signs names it.

    Attributes:
        key_identifier: for AKI: the SKI of the CA certificate, or SHA-1 of its key where it has none.
        serial_number, not_before, not_after: of the CA certificate; a root in the making has none yet.
        depth: how many CAs may still follow below, by its own path length and those above it; None: any number.
    """

    name_der: bytes
    spki_der: bytes
    public_key: PublicKeyTypes
    key_identifier: bytes
    is_root_in_making: bool = False
    serial_number: int = 0
    not_before: datetime | None = None
    not_after: datetime | None = None
    depth: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be signed, and what is said of it in records."""

    tbs_der: bytes
    tbs_sha256: str
    serial_number: int
    not_before: datetime
    not_after: datetime


def tbs_members(certificate_der: bytes) -> dict[str, bytes]:
    """The encoded issuer, subject and key of a certificate."""
    tbs = next(der.read(certificate_der).children())
    members = [member for member in tbs.children() if member.tag != 0xA0]
    return {"issuer": members[2].der, "subject": members[4].der, "spki": members[5].der}


def issuer_of(certificate_der: bytes, chain_der: tuple[bytes, ...] = ()) -> Issuer:
    """The CA of a certificate, whose chain goes from its issuer to the root."""
    certificate = x509.load_der_x509_certificate(certificate_der)
    members = tbs_members(certificate_der)
    try:
        key_identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        key_identifier = extensions.key_identifier_of(members["spki"])
    lengths = [_path_length(each) for each in (certificate, *map(x509.load_der_x509_certificate, chain_der))]
    depths = [length - above for above, length in enumerate(lengths) if length is not None]
    return Issuer(
        name_der=members["subject"],
        spki_der=members["spki"],
        public_key=certificate.public_key(),
        key_identifier=key_identifier,
        serial_number=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        depth=min(depths) if depths else None,
    )


def _path_length(certificate: x509.Certificate) -> int | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    except x509.ExtensionNotFound:
        return None


def root_in_making(request: CertificateRequest) -> Issuer:
    """A root that has no certificate yet, as the issuer of the one it is going to have."""
    return Issuer(
        name_der=request.subject_der,
        spki_der=request.spki_der,
        public_key=request.public_key,
        key_identifier=extensions.key_identifier_of(request.spki_der),
        is_root_in_making=True,
    )


def plan(
    *,
    issuer: Issuer,
    request: CertificateRequest,
    template: Template,
    validity: Mapping[str, Any],
    validity_not_before: Mapping[str, Any] | None,
    signing_algorithm: str,
    serial_number: int,
    now: datetime,
    short_lived: bool = False,
    crl_url: str | None = None,
) -> Plan:
    """Everything that will be in a certificate, frozen as the bytes to be signed.

    Raises:
        ArgumentError: the signing algorithm is not of the issuer key's family.
        ConstraintError: validity, path length or the template's use do not fit the issuer.
    """
    algorithms.require_compatible(signing_algorithm, algorithms.key_algorithm_of(issuer.public_key) or "")
    not_before, not_after = validity_period(validity, validity_not_before, now)
    if template.is_root:
        _check_root(issuer, request)
    else:
        _check_validity(
            issuer, not_before, not_after, now, short_lived=short_lived, asked=validity_not_before is not None
        )
        _check_path_length(issuer, request, template)
    tbs_der = der.sequence(
        der.tlv(0xA0, der.integer(2)),
        der.integer(serial_number),
        algorithms.SIGNING_ALGORITHMS[signing_algorithm].identifier_der,
        issuer.name_der,
        der.sequence(der.time(not_before), der.time(not_after)),
        request.subject_der,
        request.spki_der,
        der.tlv(0xA3, extensions.encode_extensions(_extensions(issuer, request, template, crl_url))),
    )
    return Plan(
        tbs_der=tbs_der,
        tbs_sha256=hashlib.sha256(tbs_der).hexdigest(),
        serial_number=serial_number,
        not_before=not_before,
        not_after=not_after,
    )


def _extensions(
    issuer: Issuer, request: CertificateRequest, template: Template, crl_url: str | None
) -> list[Extension]:
    """In AWS's order: BC, AKI, SKI, KU, EKU, CDP; then SAN, the one extension that base templates take from the CSR."""
    found = [template.basic_constraints]
    if not template.is_root:
        found.append(extensions.authority_key_identifier(issuer.key_identifier))
    found.append(extensions.subject_key_identifier(extensions.key_identifier_of(request.spki_der)))
    found += template.usages
    if crl_url is not None and not template.is_root:
        found.append(extensions.crl_distribution_points(crl_url))
    if alternative_names := request.extension(extensions.SUBJECT_ALTERNATIVE_NAME):
        # RFC 5280 section 4.2.1.6: critical where there is no subject
        found.append(alternative_names._replace(critical=request.subject_der == der.sequence()))
    return found


def _check_root(issuer: Issuer, request: CertificateRequest) -> None:
    if (request.spki_der, request.subject_der) != (issuer.spki_der, issuer.name_der):
        raise ConstraintError("A RootCACertificate template issues only the root's own certificate, from its own CSR.")


def _check_validity(
    issuer: Issuer, not_before: datetime, not_after: datetime, now: datetime, *, short_lived: bool, asked: bool
) -> None:
    if issuer.not_after is not None and not_after > issuer.not_after:
        raise ConstraintError("The certificate validity specified exceeds the certificate authority validity")
    if asked and issuer.not_before is not None and not_before < issuer.not_before:
        raise ConstraintError("The certificate validity begins before the certificate authority validity.")
    if short_lived and not_after > now.replace(microsecond=0) + SHORT_LIVED:
        raise ConstraintError("A SHORT_LIVED_CERTIFICATE certificate authority issues for at most 7 days.")


def _check_path_length(issuer: Issuer, request: CertificateRequest, template: Template) -> None:
    if not template.is_ca:
        return
    if request.subject_der == issuer.name_der:
        raise ConstraintError("A subordinate certificate authority cannot have the subject of its issuer.")
    if issuer.depth is not None and (template.path_length or 0) >= issuer.depth:
        raise ConstraintError(
            f"Path length check failed for CA: path length {template.path_length} must be less than {issuer.depth}, "
            "which the issuing certificate authority and its chain allow."
        )
