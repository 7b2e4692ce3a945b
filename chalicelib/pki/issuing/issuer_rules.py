"""The issuer's rules for what it signs: validity, names and path lengths. What belongs to CAs alone: `ca_only_rules`.

Source: RFC 5280 sections 4.1.2.6, 4.2.1 and 6.1; AWS Private CA User Guide, "Certificate templates".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.pki.asn1 import oids
from chalicelib.pki.errors import ConstraintError, refused
from chalicelib.pki.issuing import ca_only_rules, name_rules
from chalicelib.pki.issuing.validity import SHORT_LIVED

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.pki.issuing.specification import Plan, Specification


def check(specification: Specification, plan: Plan) -> None:
    """Hold a plan against every rule.

    Raises:
        ConstraintError: validity, path length, names or the use of the template do not fit the issuer.
        CsrError: the CSR asks for what only a CA may do.
    """
    for rule in _RULES_OF_ROOTS if specification.template.is_root else _RULES:
        rule(specification, plan)


def _root(specification: Specification, plan: Plan) -> None:
    issuer, request = specification.issuer, specification.request
    is_own_csr = (request.spki_der, request.subject_der) == (issuer.spki_der, issuer.name_der)
    if not issuer.is_root or not is_own_csr or plan.subject_der != issuer.name_der:
        raise ConstraintError(
            "A RootCACertificate template issues only a root's own certificate: from its own CSR, with its subject.",
            member=("TemplateArn",),
        )


def _issuer_has_certificate(specification: Specification, _plan: Plan) -> None:
    if specification.issuer.is_root_in_making:
        raise ConstraintError(
            "A root without a certificate issues only its own, by a RootCACertificate template.",
            member=("TemplateArn",),
        )


def _validity(specification: Specification, plan: Plan) -> None:
    """The CA's validity bounds the certificate's, but backdating may reach before the beginning of the CA's."""
    issuer = specification.issuer
    if issuer.not_after is not None and plan.not_after > issuer.not_after:
        raise ConstraintError(
            "The certificate validity specified exceeds the certificate authority validity",
            member=("Validity", "Value"),
        )
    is_requested = specification.validity_not_before is not None
    if is_requested and issuer.not_before is not None and plan.not_before < issuer.not_before:
        raise ConstraintError(
            "The certificate validity begins before the certificate authority validity.",
            member=("ValidityNotBefore", "Value"),
        )


def _short_lived(specification: Specification, plan: Plan) -> None:
    if specification.short_lived and plan.not_after > specification.now.replace(microsecond=0) + SHORT_LIVED:
        raise ConstraintError(
            "A SHORT_LIVED_CERTIFICATE certificate authority issues for at most 7 days.", member=("Validity", "Value")
        )


def _name_constraints(specification: Specification, plan: Plan) -> None:
    if not specification.issuer.constraints:
        return
    alternative = plan.extension(oids.SUBJECT_ALTERNATIVE_NAME)
    # Whatever the gate has let through: below constraints every name is read strictly.
    with refused(ConstraintError, "The names cannot be held against the issuer's name constraints."):
        names = name_rules.names_of(
            plan.subject_der,
            alternative.extension.value_der if alternative else None,
            common_names=not specification.template.is_ca,
        )
    try:
        name_rules.check(specification.issuer.constraints, names)
    except ConstraintError as error:
        part, *rest = error.member
        origin = plan.subject_member if part == "Subject" or alternative is None else alternative.member
        error.member = (*origin, *rest) if origin[-1] == part else origin
        raise


def _path_length(specification: Specification, _plan: Plan) -> None:
    template, most = specification.template, specification.issuer.path_length
    if template.is_ca and most is not None and (template.path_length or 0) >= most:
        raise ConstraintError(
            f"Path length check failed for CA: path length {template.path_length} must be less than "
            f"{max(most, 0)}, which the issuing certificate authority and its chain allow.",
            member=("TemplateArn",),
        )


_RULES_OF_ROOTS: tuple[Callable[[Specification, Plan], None], ...] = (_root, ca_only_rules.ca_has_subject)
_RULES: tuple[Callable[[Specification, Plan], None], ...] = (
    _issuer_has_certificate,
    _validity,
    _short_lived,
    _name_constraints,
    ca_only_rules.ca_has_subject,
    ca_only_rules.subject_is_no_issuers,
    ca_only_rules.key_is_no_issuers,
    _path_length,
    ca_only_rules.extensions_are_no_cas,
    ca_only_rules.csr_asks_for_no_voice,
)
