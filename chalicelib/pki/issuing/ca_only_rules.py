"""Rules that keep for CAs what is theirs: no certificate may let its subject speak for the CA that issues it.

Clients take a CRL for the CA's if a certificate with the CA's name or key verifies it, and an OCSP answer for the CA's
if its signer has OCSPSigning from the CA. So nobody gets such a certificate by asking in a CSR.

Source: RFC 5280 sections 4.1.2.6, 4.2.1, 6.3.3 and 7.1; RFC 6960 section 4.2.2.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ConstraintError, CsrError
from chalicelib.pki.x509 import extension_values, names

if TYPE_CHECKING:
    from chalicelib.errors import Member
    from chalicelib.pki.issuing.specification import Plan, Specification

EMPTY_NAME = der.sequence()
_EXTENSIONS = {
    oids.NAME_CONSTRAINTS: "Name constraints",
    oids.POLICY_MAPPINGS: "Policy mappings",
    oids.POLICY_CONSTRAINTS: "Policy constraints",
    oids.INHIBIT_ANY_POLICY: "Inhibit anyPolicy",
}


def ca_has_subject(specification: Specification, plan: Plan) -> None:
    """Refuse a CA certificate without a subject."""
    if specification.template.is_ca and plan.subject_der == EMPTY_NAME:
        raise ConstraintError(
            "A certificate authority needs a subject (RFC 5280 section 4.1.2.6).", member=plan.subject_member
        )


def subject_is_no_issuers(specification: Specification, plan: Plan) -> None:
    """Refuse the name of the issuer, and of every CA above it."""
    subject = names.normalized_loosely(plan.subject_der)
    for position, name in enumerate(specification.issuer.loose_names):
        if subject == name:
            kind = "A subordinate certificate authority" if specification.template.is_ca else "A certificate"
            owner = "a certificate authority above its issuer" if position else "its issuer"
            raise ConstraintError(f"{kind} cannot have the subject of {owner}.", member=plan.subject_member)


def key_is_no_issuers(specification: Specification, _plan: Plan) -> None:
    """Refuse the key of the issuer, and of every CA above it; an RSA key with another exponent is the same key."""
    if specification.request.key_sha256 in specification.issuer.key_hashes:
        raise ConstraintError(
            "The key of the CSR belongs to the issuing certificate authority, or to one above it.", member=("Csr",)
        )


def extensions_are_no_cas(specification: Specification, plan: Plan) -> None:
    """Refuse an end-entity certificate what only CAs may have, unless ApiPassthrough asks for it, as in AWS.

    Constraints bind whoever carries them, and without cA no client takes keyCertSign for the right to sign
    certificates (RFC 5280 section 6.1.4 (k)).
    """
    if specification.template.is_ca:
        return
    for (oid, _, value_der), source, member in plan.extensions:
        if source == "API":
            continue
        if oid in _EXTENSIONS:
            raise ConstraintError(
                f"{_EXTENSIONS[oid]} are for CA certificates only (RFC 5280 section 4.2.1).", member=member
            )
        if oid == oids.KEY_USAGE and "KeyCertSign" in extension_values.key_usages(value_der):
            raise ConstraintError(
                "Key usage keyCertSign is for CA certificates only (RFC 5280 section 4.2.1.9).", member=member
            )


def csr_asks_for_no_voice(specification: Specification, plan: Plan) -> None:
    """Refuse OCSPSigning, and to all but CAs cRLSign, where it is the CSR that asks for them."""
    is_ca = specification.template.is_ca
    for (oid, _, value_der), source, member in plan.extensions:
        if source != "CSR":
            continue
        if oid == oids.KEY_USAGE and not is_ca and "CRLSign" in extension_values.key_usages(value_der):
            raise _csr_error("Only ApiPassthrough can ask for key usage cRLSign.", member)
        if oid == oids.EXTENDED_KEY_USAGE and oids.OCSP_SIGNING in extension_values.purposes(value_der):
            raise _csr_error("Only a template or ApiPassthrough can ask for OCSPSigning.", member)


def _csr_error(reason: str, member: Member) -> CsrError:
    return CsrError(f"The CSR is refused. {reason}", reason=reason, member=member)
