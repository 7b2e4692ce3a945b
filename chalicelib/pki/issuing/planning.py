"""Certificates: the plan, which is exactly the bytes to be signed, and the CA as an issuer.

Source: RFC 5280 section 4; AWS Private CA User Guide, "Certificate templates"; AWS Private CA API, IssueCertificate.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.pki.asn1 import der, oids, times
from chalicelib.pki.errors import ConstraintError, CsrError, refused, within
from chalicelib.pki.issuing import name_rules, passthrough
from chalicelib.pki.issuing.validity import SHORT_LIVED, validity_period
from chalicelib.pki.x509 import algorithms, extension_rules, extension_values, extensions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chalicelib.errors import Member
    from chalicelib.pki.issuing.templates import Template
    from chalicelib.pki.x509.csr import CertificateRequest
    from chalicelib.pki.x509.extensions import Extension
    from chalicelib.pki.x509.issuer import Issuer

_EMPTY_NAME = der.sequence()


class PlannedExtension(NamedTuple):
    """An extension of the certificate.

    Attributes:
        source: "TEMPLATE", "CA", "API" or "CSR".
        member: the member of the request that it comes from; () where the request has no say.
    """

    extension: Extension
    source: str
    member: Member = ()

    @property
    def oid(self) -> str:
        """Its object identifier."""
        return self.extension.oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be signed, and what is said of it in records.

    Attributes:
        tbs_sha256: hex SHA-256 of `tbs_der`.
        has_crl_distribution_point: whether the certificate points to the CA's CRL.
        extensions: in the order in which they are encoded.
    """

    tbs_der: bytes
    tbs_sha256: str
    serial_number: int
    not_before: datetime
    not_after: datetime
    template_name: str
    signing_algorithm: str
    has_crl_distribution_point: bool
    extensions: tuple[PlannedExtension, ...]


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
    ocsp_url: str | None = None,
    api_passthrough: Mapping[str, Any] | None = None,
) -> Plan:
    """Everything that will be in a certificate, frozen as the bytes to be signed.

    ApiPassthrough is ignored unless the template heeds it, as AWS has it.

    Raises:
        ArgumentError: the signing algorithm is not of the issuer key's family, or ApiPassthrough contradicts itself.
        ConstraintError: validity, path length, names or the template's use do not fit the issuer.
        CsrError: an extension of the CSR that the template copies is not DER.
    """
    algorithms.require_compatible(signing_algorithm, algorithms.key_algorithm_of(issuer.public_key))
    not_before, not_after = validity_period(validity, validity_not_before, now)
    api = api_passthrough if template.from_api and api_passthrough is not None else {}
    subject_der, subject_member = passthrough.subject_of(api) or request.subject_der, passthrough.member_of_subject(api)
    planned = _extensions(issuer, request, template, api, _addresses(template, crl_url, ocsp_url))
    planned = _with_alternative_names_critical(planned, critical=subject_der == _EMPTY_NAME)
    if template.is_root:
        _check_root(issuer, request, subject_der)
    else:
        _check_issuer(issuer)
        _check_validity(issuer, not_before, not_after, asked=validity_not_before is not None)
        _check_short_lived(not_after, now, short_lived=short_lived)
        _check_names(issuer, template, subject_der, subject_member, planned)
    with within(*subject_member):
        _check_subject(issuer, template, subject_der)
    _check_path_length(issuer, template)
    _check_usage(template, planned)
    tbs_der = der.sequence(
        der.tlv(0xA0, der.integer(2)),
        der.integer(serial_number),
        algorithms.SIGNING_ALGORITHMS[signing_algorithm].identifier_der,
        issuer.name_der,
        der.sequence(times.encode(not_before), times.encode(not_after)),
        subject_der,
        request.spki_der,
        der.tlv(0xA3, extensions.encode_extensions(each.extension for each in planned)),
    )
    return Plan(
        tbs_der=tbs_der,
        tbs_sha256=hashlib.sha256(tbs_der).hexdigest(),
        serial_number=serial_number,
        not_before=not_before,
        not_after=not_after,
        template_name=template.name,
        signing_algorithm=signing_algorithm,
        has_crl_distribution_point=crl_url is not None and not template.is_root,
        extensions=planned,
    )


# AWS's order; what is not named here follows in the order in which it was asked for.
_ORDER = {
    oid: position
    for position, oid in enumerate(
        (
            oids.BASIC_CONSTRAINTS,
            oids.AUTHORITY_KEY_IDENTIFIER,
            oids.SUBJECT_KEY_IDENTIFIER,
            oids.KEY_USAGE,
            oids.EXTENDED_KEY_USAGE,
            oids.CRL_DISTRIBUTION_POINTS,
            oids.AUTHORITY_INFORMATION_ACCESS,
            oids.SUBJECT_ALTERNATIVE_NAME,
        )
    )
}


def _addresses(template: Template, crl_url: str | None, ocsp_url: str | None) -> list[Extension]:
    """Where the status of the certificate is to be had; nobody revokes a root's own certificate."""
    found = []
    if crl_url is not None and not template.is_root:
        found.append(extensions.crl_distribution_points(crl_url))
    if ocsp_url is not None and not template.is_root:
        found.append(extensions.authority_information_access(ocsp_url))
    return found


def _extensions(
    issuer: Issuer,
    request: CertificateRequest,
    template: Template,
    api: Mapping[str, Any],
    addresses: list[Extension],
) -> tuple[PlannedExtension, ...]:
    """The extensions: what template and CA fix wins over the request, and that over the CSR."""
    key_identifiers = [extensions.subject_key_identifier(extensions.key_identifier_of(request.spki_der))]
    if not template.is_root:
        key_identifiers.append(extensions.authority_key_identifier(issuer.key_identifier))
    merged: dict[str, PlannedExtension] = {}
    for planned in (
        *(PlannedExtension(extension, "TEMPLATE") for extension in (template.basic_constraints, *template.usages)),
        *(PlannedExtension(extension, "CA") for extension in (*key_identifiers, *addresses)),
        *(PlannedExtension(extension, "API", member) for extension, member in passthrough.extensions_of(api)),
        *(PlannedExtension(extension, "CSR", ("Csr",)) for extension in _from_csr(request, template)),
    ):
        merged.setdefault(planned.oid, planned)
    for planned in merged.values():
        if planned.source == "CSR":
            _check_copied(planned.extension)
    if template.is_root:
        merged.pop(oids.CRL_DISTRIBUTION_POINTS, None)
    return tuple(sorted(merged.values(), key=lambda planned: _ORDER.get(planned.oid, len(_ORDER))))


def _from_csr(request: CertificateRequest, template: Template) -> list[Extension]:
    if not template.from_csr:
        return [each for each in request.extensions if each.oid == oids.SUBJECT_ALTERNATIVE_NAME]
    return list(request.extensions)


def _check_copied(extension: Extension) -> None:
    with within("Csr"), refused(CsrError, "The CSR is refused."):
        extension_rules.check_value(extension)


def _with_alternative_names_critical(
    planned: tuple[PlannedExtension, ...], *, critical: bool
) -> tuple[PlannedExtension, ...]:
    """Subject alternative names are critical where there is no subject, and only there (RFC 5280 section 4.2.1.6)."""
    return tuple(
        each._replace(extension=each.extension._replace(critical=critical))
        if each.oid == oids.SUBJECT_ALTERNATIVE_NAME
        else each
        for each in planned
    )


# rules


def _check_root(issuer: Issuer, request: CertificateRequest, subject_der: bytes) -> None:
    own = (issuer.spki_der, issuer.name_der)
    if not issuer.is_root or (request.spki_der, request.subject_der) != own or subject_der != issuer.name_der:
        raise ConstraintError(
            "A RootCACertificate template issues only a root's own certificate: from its own CSR, with its subject.",
            member=("TemplateArn",),
        )


def _check_issuer(issuer: Issuer) -> None:
    if issuer.is_root_in_making:
        raise ConstraintError(
            "A root without a certificate issues only its own, by a RootCACertificate template.",
            member=("TemplateArn",),
        )


def _check_validity(issuer: Issuer, not_before: datetime, not_after: datetime, *, asked: bool) -> None:
    """The CA's validity bounds the certificate's; but the hour of backdating may reach before the CA's beginning."""
    if issuer.not_after is not None and not_after > issuer.not_after:
        raise ConstraintError(
            "The certificate validity specified exceeds the certificate authority validity",
            member=("Validity", "Value"),
        )
    if asked and issuer.not_before is not None and not_before < issuer.not_before:
        raise ConstraintError(
            "The certificate validity begins before the certificate authority validity.",
            member=("ValidityNotBefore", "Value"),
        )


def _check_short_lived(not_after: datetime, now: datetime, *, short_lived: bool) -> None:
    if short_lived and not_after > now.replace(microsecond=0) + SHORT_LIVED:
        raise ConstraintError(
            "A SHORT_LIVED_CERTIFICATE certificate authority issues for at most 7 days.", member=("Validity", "Value")
        )


def _check_names(
    issuer: Issuer,
    template: Template,
    subject_der: bytes,
    subject_member: Member,
    planned: tuple[PlannedExtension, ...],
) -> None:
    if not issuer.constraints:
        return
    alternative = next((each for each in planned if each.oid == oids.SUBJECT_ALTERNATIVE_NAME), None)
    value_der = alternative.extension.value_der if alternative else None
    all_names = name_rules.names_of(subject_der, value_der, common_names=not template.is_ca)
    try:
        name_rules.check(issuer.constraints, all_names)
    except ConstraintError as error:
        part, *rest = error.member
        origin = subject_member if part == "Subject" or alternative is None else alternative.member
        error.member = (*origin, *rest) if origin[-1] == part else origin
        raise


def _check_subject(issuer: Issuer, template: Template, subject_der: bytes) -> None:
    if template.is_ca and subject_der == _EMPTY_NAME:
        raise ConstraintError("A certificate authority needs a subject (RFC 5280 section 4.1.2.6).")
    if template.is_ca and not template.is_root and subject_der == issuer.name_der:
        raise ConstraintError("A subordinate certificate authority cannot have the subject of its issuer.")


def _check_path_length(issuer: Issuer, template: Template) -> None:
    if not template.is_ca or template.is_root or issuer.path_length is None:
        return
    if (template.path_length or 0) >= issuer.path_length:
        raise ConstraintError(
            f"Path length check failed for CA: path length {template.path_length} must be less than "
            f"{max(issuer.path_length, 0)}, which the issuing certificate authority and its chain allow.",
            member=("TemplateArn",),
        )


_FOR_CAS_ONLY = {
    oids.NAME_CONSTRAINTS: "Name constraints",
    oids.POLICY_MAPPINGS: "Policy mappings",
    oids.POLICY_CONSTRAINTS: "Policy constraints",
    oids.INHIBIT_ANY_POLICY: "Inhibit anyPolicy",
}


def _check_usage(template: Template, planned: tuple[PlannedExtension, ...]) -> None:
    """What only a CA may have, an end-entity certificate does not get by passthrough either."""
    if template.is_ca:
        return
    for (oid, _, value_der), _, member in planned:
        if oid in _FOR_CAS_ONLY:
            raise ConstraintError(
                f"{_FOR_CAS_ONLY[oid]} are for CA certificates only (RFC 5280 section 4.2.1).", member=member
            )
        if oid == oids.KEY_USAGE and "KeyCertSign" in extension_values.key_usages(value_der):
            raise ConstraintError(
                "Key usage keyCertSign is for CA certificates only (RFC 5280 section 4.2.1.9).", member=member
            )
