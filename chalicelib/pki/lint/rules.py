"""The rules of the linter, and the trial that holds a certificate against them before its CA's key is used.

They are those of pkilint's that can apply to what is issued here, and the promise of each template. A test compares
them with pkilint, and lists what is not covered.

Source: RFC 5280 sections 4.1 and 4.2; CA/Browser Forum Baseline Requirements section 4.3.1.2 (linting).
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import DerError, LintError, PkiError
from chalicelib.pki.lint import reading
from chalicelib.pki.x509 import extension_rules, extension_values, names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.pki.asn1.der import Element
    from chalicelib.pki.lint.expectation import Expectation
    from chalicelib.pki.lint.reading import Reading

_CT_POISON = "1.3.6.1.4.1.11129.2.4.3"
_SMIME_CAPABILITIES = "1.2.840.113549.1.9.15"
_ALWAYS_CRITICAL = frozenset({oids.NAME_CONSTRAINTS, oids.POLICY_CONSTRAINTS, oids.INHIBIT_ANY_POLICY, _CT_POISON})
_NEVER_CRITICAL = frozenset(
    {
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.SUBJECT_KEY_IDENTIFIER,
        oids.SUBJECT_DIRECTORY_ATTRIBUTES,
        oids.FRESHEST_CRL,
        oids.AUTHORITY_INFORMATION_ACCESS,
        oids.SUBJECT_INFORMATION_ACCESS,
        _SMIME_CAPABILITIES,
    }
)
_OF_CAS_ALONE = frozenset(
    {oids.NAME_CONSTRAINTS, oids.POLICY_MAPPINGS, oids.POLICY_CONSTRAINTS, oids.INHIBIT_ANY_POLICY}
)


@cache
def _throw_away_signature() -> bytes:
    """Make a signature with a key that nobody trusts, and that nobody has any more."""
    return ec.generate_private_key(ec.SECP256R1()).sign(b"", ec.ECDSA(hashes.SHA256()))


def check(tbs_der: bytes, expectation: Expectation) -> None:
    """Give a TBSCertificate a throw-away signature, and hold the certificate against every rule.

    The algorithm that the certificate names is the one that will sign; only the signature itself is another, and no
    rule reads it.

    Raises:
        LintError: it breaks a rule.
    """
    certificate_der = der.sequence(tbs_der, expectation.identifier_der, der.bit_string(_throw_away_signature()))
    certificate = reading.read(certificate_der)
    for rule in _RULES:
        rule(certificate, expectation)


def _require(*, holds: bool, rule: str, text: str, oid: str = "") -> None:
    if not holds:
        raise LintError(rule, text, oid=oid)


# what the records and the CA say


def _is_on_record(found: Reading, expected: Expectation) -> None:
    _require(
        holds=found.serial_number == expected.serial_number,
        rule="serial_number_not_on_record",
        text="The serial number is not the one on record.",
    )
    _require(
        holds=(found.not_before, found.not_after) == (expected.not_before, expected.not_after),
        rule="validity_not_on_record",
        text="The validity is not the one on record.",
    )


def _validity(found: Reading, expected: Expectation) -> None:
    _require(
        holds=found.not_before < found.not_after,
        rule="validity_negative",
        text="The validity ends before it begins.",
    )
    end = expected.issuer.not_after
    _require(
        holds=expected.profile.is_root or end is None or found.not_after <= end,
        rule="validity_beyond_issuer",
        text="The certificate outlives its issuer.",
    )


def _algorithm(found: Reading, expected: Expectation) -> None:
    _require(
        holds=found.inner_algorithm == found.outer_algorithm == expected.identifier_der,
        rule="signature_algorithm_mismatch",
        text="The certificate names another signature algorithm than the one that signs.",
    )


def _issuer(found: Reading, expected: Expectation) -> None:
    _require(holds=bool(found.issuer.content), rule="issuer_name_empty", text="The issuer has no name.")
    _require(
        holds=found.issuer.der == expected.issuer.name_der,
        rule="issuer_name_wrong",
        text="The issuer's name is not the CA's.",
    )


def _key(found: Reading, expected: Expectation) -> None:
    _require(
        holds=found.spki_der == expected.request.spki_der,
        rule="public_key_wrong",
        text="The public key is not the CSR's.",
    )


# names


def _subject(found: Reading, expected: Expectation) -> None:
    try:
        attributes = names.attributes_of(found.subject.der, expected.gate)
    except PkiError as error:
        raise LintError("subject_malformed", str(error)) from error
    _require(
        holds="Subject" in expected.passthrough or found.subject.der == expected.request.subject_der,
        rule="subject_wrong",
        text="The subject is not the CSR's.",
    )
    _require(
        holds=not _repeats_a_type(found.subject, len(attributes)),
        rule="subject_attribute_duplicate",
        text="A relative distinguished name of the subject has two attributes of one type.",
    )
    _names(found, expected, is_nameless=not attributes)


def _repeats_a_type(name: Element, attributes: int) -> bool:
    rdns = name.children()
    if len(rdns) == attributes:  # each has one
        return False
    for rdn in rdns:
        types = [attribute.children()[0].content for attribute in rdn.children()]
        if len(set(types)) != len(types):
            return True
    return False


def _names(found: Reading, expected: Expectation, *, is_nameless: bool) -> None:
    alternative = found.extensions.get(oids.SUBJECT_ALTERNATIVE_NAME)
    _require(
        holds=not (is_nameless and expected.profile.is_ca),
        rule="ca_subject_empty",
        text="A certificate authority needs a subject.",
    )
    if alternative is None:
        _require(
            holds=not is_nameless,
            rule="names_missing",
            text="The certificate has neither a subject nor a subject alternative name.",
        )
        return
    _require(
        holds=alternative.critical == is_nameless,
        rule="subject_alternative_name_criticality",
        text="Subject alternative names are critical where the subject is empty, and only there.",
        oid=oids.SUBJECT_ALTERNATIVE_NAME,
    )


# extensions


def _is_as_its_template_says(found: Reading, expected: Expectation) -> None:
    for oid, (critical, value_der) in expected.profile.fixed.items():
        extension = found.extensions.get(oid)
        if extension != (oid, critical, value_der):
            wrong = "is missing" if extension is None else f"is not what the template {expected.template} says"
            raise LintError(_TEMPLATE_RULES[oid], f"Extension {oid} {wrong}.", oid=oid)


def _has_the_extensions_that_it_must_have(found: Reading, expected: Expectation) -> None:
    required = expected.extension_oids()
    for oid in sorted(found.extensions.keys() ^ required):
        missing = oid in required
        raise LintError(
            _MISSING.get(oid, "extension_missing") if missing else "extension_unexpected",
            f"Extension {oid} is {'missing' if missing else 'there, and nobody asked for it'}.",
        )


def _is_as_the_ca_says(found: Reading, expected: Expectation) -> None:
    for oid, content in expected.of_ca.items():
        rule, tags = _OF_CA[oid]
        if _only(found.extensions[oid].value_der, *tags) != content:
            raise LintError(rule, f"Extension {oid} is not what the CA says.", oid=oid)


@lru_cache(maxsize=256)  # all but key identifiers of subjects are those of CAs
def _only(buffer: bytes, *tags: int) -> bytes | None:
    """Go down where each element holds one other alone; None: it does not, or has another tag."""
    start, end = 0, len(buffer)
    with suppress(DerError):
        for tag in tags:
            element = der.read(buffer, start)
            if element.tag != tag or element.end != end:
                return None
            start = element.content_start
        return buffer[start:]
    return None


def _values(found: Reading, expected: Expectation) -> None:
    """Hold against its grammar what was not compared byte for byte."""
    compared = expected.profile.fixed.keys() | expected.of_ca.keys()
    for extension in found.extensions.values():
        if extension.oid in compared:
            continue
        try:
            extension_rules.check_value(extension, expected.gate)
        except PkiError as error:
            raise LintError("extension_malformed", str(error), oid=extension.oid) from error


def _criticality(found: Reading, _expected: Expectation) -> None:
    for oid, critical, _ in found.extensions.values():
        if oid in (_NEVER_CRITICAL if critical else _ALWAYS_CRITICAL):
            must = "must not be critical" if critical else "must be critical"
            raise LintError("extension_criticality", f"Extension {oid} {must}.", oid=oid)


def _ca_or_not(found: Reading, expected: Expectation) -> None:
    is_ca, asked = expected.profile.is_ca, expected.asked
    usage = found.extensions.get(oids.KEY_USAGE)
    if usage is not None:
        signs = "KeyCertSign" in extension_values.key_usages(usage.value_der)
        _require(
            holds=signs if is_ca else not signs or oids.KEY_USAGE in asked,
            rule="key_cert_sign",
            text="Key usage keyCertSign is for CAs and for ApiPassthrough, and every CA with a key usage has it.",
            oid=oids.KEY_USAGE,
        )
    for oid in sorted(found.extensions.keys() & _OF_CAS_ALONE):
        _require(
            holds=is_ca or oid in asked,
            rule="ca_extension",
            text=f"Extension {oid} is for CA certificates and ApiPassthrough only.",
            oid=oid,
        )


_TEMPLATE_RULES = {
    oids.BASIC_CONSTRAINTS: "template_basic_constraints",
    oids.KEY_USAGE: "template_key_usage",
    oids.EXTENDED_KEY_USAGE: "template_extended_key_usage",
}
# The rule, and the tags from the outermost one to what is compared.
_OF_CA = {
    oids.SUBJECT_KEY_IDENTIFIER: ("subject_key_identifier_wrong", (der.OCTET_STRING,)),
    oids.AUTHORITY_KEY_IDENTIFIER: ("authority_key_identifier_wrong", (der.SEQUENCE, 0x80)),
    oids.CRL_DISTRIBUTION_POINTS: ("crl_distribution_point_wrong", (der.SEQUENCE, der.SEQUENCE, 0xA0, 0xA0, 0x86)),
    oids.AUTHORITY_INFORMATION_ACCESS: ("ocsp_address_wrong", (der.SEQUENCE, der.SEQUENCE)),
}
_MISSING = {
    oids.AUTHORITY_KEY_IDENTIFIER: "authority_key_identifier_missing",
    oids.SUBJECT_KEY_IDENTIFIER: "subject_key_identifier_missing",
    oids.CRL_DISTRIBUTION_POINTS: "crl_distribution_point_missing",
    oids.AUTHORITY_INFORMATION_ACCESS: "ocsp_address_missing",
    oids.SUBJECT_ALTERNATIVE_NAME: "subject_alternative_name_missing",
}
_RULES: Iterable[Callable[[Reading, Expectation], None]] = (
    _is_on_record,
    _validity,
    _algorithm,
    _issuer,
    _key,
    _is_as_its_template_says,
    _has_the_extensions_that_it_must_have,
    _subject,
    _is_as_the_ca_says,
    _values,
    _criticality,
    _ca_or_not,
)
