"""Planning a certificate: from its specification to exactly the bytes to be signed.

Source: RFC 5280 section 4; AWS Private CA User Guide, "Certificate templates"; AWS Private CA API, IssueCertificate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.pki.asn1 import der, oids, times
from chalicelib.pki.errors import CsrError, refused, within
from chalicelib.pki.issuing import ca_only_rules, issuer_rules, passthrough
from chalicelib.pki.issuing.specification import Plan, PlannedExtension, Specification
from chalicelib.pki.issuing.validity import validity_period
from chalicelib.pki.x509 import algorithms, extension_rules, extensions

if TYPE_CHECKING:
    from chalicelib.pki.x509.extensions import Extension

_VERSION_3 = der.tlv(0xA0, der.integer(2))
# AWS's order; all others follow in the order of the request.
_ORDER = (
    oids.BASIC_CONSTRAINTS,
    oids.AUTHORITY_KEY_IDENTIFIER,
    oids.SUBJECT_KEY_IDENTIFIER,
    oids.KEY_USAGE,
    oids.EXTENDED_KEY_USAGE,
    oids.CRL_DISTRIBUTION_POINTS,
    oids.AUTHORITY_INFORMATION_ACCESS,
    oids.SUBJECT_ALTERNATIVE_NAME,
)


def plan(specification: Specification) -> Plan:
    """Plan a certificate; the same specification gives the same bytes.

    Raises:
        ArgumentError: the signing algorithm is not of the issuer key's family, or ApiPassthrough contradicts itself.
        ConstraintError: validity, path length, names or the use of the template do not fit the issuer.
        CsrError: an extension that the template copies from the CSR is malformed.
    """
    issuer, request = specification.issuer, specification.request
    algorithms.require_compatible(specification.signing_algorithm, issuer.key_algorithm)
    not_before, not_after = validity_period(
        specification.validity, specification.validity_not_before, specification.now
    )
    asked = specification.passthrough
    subject_der = passthrough.subject_of(asked) or request.subject_der
    planned = _extensions(specification, is_nameless=subject_der == ca_only_rules.EMPTY_NAME)
    tbs_der = der.sequence(
        _VERSION_3,
        der.integer(specification.serial_number),
        algorithms.SIGNING_ALGORITHMS[specification.signing_algorithm].identifier_der,
        issuer.name_der,
        der.sequence(times.encode(not_before), times.encode(not_after)),
        subject_der,
        request.spki_der,
        der.tlv(0xA3, extensions.encode_extensions([extension for extension, _, _ in planned])),
    )
    result = Plan(
        serial_number=specification.serial_number,
        signing_algorithm=specification.signing_algorithm,
        not_before=not_before,
        not_after=not_after,
        subject_der=subject_der,
        subject_member=passthrough.member_of_subject(asked),
        extensions=planned,
        tbs_der=tbs_der,
        gate=specification.gate,
    )
    issuer_rules.check(specification, result)
    return result


def _extensions(specification: Specification, *, is_nameless: bool) -> tuple[PlannedExtension, ...]:
    """Merge the extensions: those of the template win over the CA's, these over ApiPassthrough, this over the CSR."""
    merged: dict[str, PlannedExtension] = {}
    for planned in _sources(specification):
        merged.setdefault(planned.extension.oid, planned)
    for planned in merged.values():
        if planned.source == "CSR":
            with within("Csr"), refused(CsrError, "The CSR is refused."):
                extension_rules.check_value(planned.extension, specification.gate)
    if specification.template.drops_crl_points:
        merged.pop(oids.CRL_DISTRIBUTION_POINTS, None)
    alternative = merged.get(oids.SUBJECT_ALTERNATIVE_NAME)
    # It is critical where there is no subject, and only there (RFC 5280 section 4.2.1.6).
    if alternative is not None and alternative.extension.critical != is_nameless:
        extension = alternative.extension._replace(critical=is_nameless)
        merged[oids.SUBJECT_ALTERNATIVE_NAME] = alternative._replace(extension=extension)
    ordered = [merged.pop(oid) for oid in _ORDER if oid in merged]
    return (*ordered, *merged.values())


def _sources(specification: Specification) -> list[PlannedExtension]:
    template = specification.template
    found = [PlannedExtension(extension, "TEMPLATE") for extension in template.extensions]
    found += [PlannedExtension(extension, "CA") for extension in _of_issuer(specification)]
    for extension, member in passthrough.extensions_of(specification.passthrough):
        found.append(PlannedExtension(extension, "API", member))
    for extension in specification.request.extensions:
        if template.from_csr or extension.oid == oids.SUBJECT_ALTERNATIVE_NAME:
            found.append(PlannedExtension(extension, "CSR", ("Csr",)))
    return found


def _of_issuer(specification: Specification) -> list[Extension]:
    """The key identifiers and the addresses for revocation, which a root's own certificate does not have."""
    found = [extensions.subject_key_identifier(extensions.key_identifier_of(specification.request.spki_der))]
    if not specification.template.is_root:
        found.append(extensions.authority_key_identifier(specification.issuer.key_identifier))
        if specification.crl_url is not None:
            found.append(extensions.crl_distribution_points(specification.crl_url))
        if specification.ocsp_url is not None:
            found.append(extensions.authority_information_access(specification.ocsp_url))
    return found
