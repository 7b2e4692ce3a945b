"""What pkilint, an independent linter, calls an error in a certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pkilint import loader
from pkilint.pkix import certificate, extension, name
from pkilint.validation import ValidationFindingSeverity

if TYPE_CHECKING:
    from collections.abc import Iterator

_ERRORS = frozenset({ValidationFindingSeverity.ERROR, ValidationFindingSeverity.FATAL})
_LINTER = certificate.create_pkix_certificate_validator_container(
    certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
    [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ],
)


def findings(certificate_der: bytes) -> set[str]:
    """The codes of the errors in a certificate; "unreadable" where pkilint cannot even begin."""
    try:
        document = loader.RFC5280CertificateDocumentLoader().load_der_document(certificate_der, "certificate")
        results = _LINTER.validate(document.root)
    except ValueError:
        return {"unreadable"}
    return {
        each.finding.code
        for result in results
        for each in result.finding_descriptions
        if each.finding.severity in _ERRORS
    }


def all_codes() -> set[str]:
    """The codes of every error that pkilint may find."""
    return {found.code for found in _validations(_LINTER) if found.severity in _ERRORS}


def _validations(validator: Any) -> Iterator[Any]:
    yield from getattr(validator, "validations", None) or ()
    for inner in getattr(validator, "validators", None) or ():
        yield from _validations(inner)
