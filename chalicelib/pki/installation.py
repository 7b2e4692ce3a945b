"""Installing a CA certificate: every check of the certificate and its chain.

Source: AWS Private CA API, ImportCertificateAuthorityCertificate; User Guide, "Installing the CA certificate" and
"RFC compliance"; RFC 5280 section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from chalicelib.pki.asn1 import der, pem
from chalicelib.pki.errors import (
    CertificateMismatchError,
    CertificateParseError,
    ConstraintError,
    PkiError,
    RequestError,
)
from chalicelib.pki.x509 import algorithms, csr, extension_values, extensions, keys, name_constraints, names
from chalicelib.pki.x509.reading import ParsedCertificate, parse_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_SKEW = timedelta(minutes=5)
MAX_CERTIFICATE_BYTES = 32768
MAX_CHAIN = 16
_MAY_BE_CRITICAL = frozenset(
    {
        extensions.AUTHORITY_KEY_IDENTIFIER,
        extensions.BASIC_CONSTRAINTS,
        extensions.CERTIFICATE_POLICIES,
        extensions.EXTENDED_KEY_USAGE,
        extensions.INHIBIT_ANY_POLICY,
        extensions.KEY_USAGE,
        extensions.NAME_CONSTRAINTS,
        extensions.POLICY_MAPPINGS,
        extensions.SUBJECT_ALTERNATIVE_NAME,
        extensions.SUBJECT_KEY_IDENTIFIER,
        extensions.SUBJECT_INFORMATION_ACCESS,
        "2.5.29.9",  # SubjectDirectoryAttributes
        "2.5.29.18",  # IssuerAltName
    }
)


@dataclass(frozen=True, slots=True)
class ImportedCertificate:
    """A CA certificate that passed every check, and its chain from its issuer to the root."""

    certificate_der: bytes
    chain_der: tuple[bytes, ...]


def pem_of(certificate_der: bytes, label: str = "CERTIFICATE") -> str:
    """PEM without a final newline, as AWS returns it."""
    return pem.encode(certificate_der, label)


def pem_chain(chain_der: Sequence[bytes]) -> str:
    """A chain in PEM, in the order given."""
    return "\n".join(map(pem.encode, chain_der))


def check_import(
    *, certificate_pem: bytes, chain_pem: bytes | None, ca_type: str, csr_der: bytes, now: datetime
) -> ImportedCertificate:
    """Check a certificate for the CA with this CSR, and its chain.

    Raises:
        CertificateParseError: something does not parse, or a field is invalid.
        CertificateMismatchError: other key or subject; a signature, a name constraint or the order of the chain fails.
        RequestError: a chain is missing or superfluous, or the certificate is self-signed where it must not be.
        ConstraintError: basic constraints, key usage, path lengths or validity do not hold.
    """
    own = _load(certificate_pem, "Certificate", 1)
    above = _load(chain_pem, "CertificateChain", MAX_CHAIN) if chain_pem and chain_pem.strip() else []
    certificate, path = own[0], [*own, *above]
    _check_subject(certificate, csr.parse_csr_der(csr_der))
    _check_type(ca_type, certificate, above)
    for position, each in enumerate(path):
        _check_one(each, _what(position), now)
    _check_links(path)
    _check_path_lengths(path)
    _check_names(path)
    return ImportedCertificate(certificate.der, tuple(each.der for each in above))


def check_renewal(old_der: bytes, new_der: bytes) -> None:
    """See that what a CA has issued is also found below its renewed certificate: by the issuer's name and key id.

    Raises:
        CertificateMismatchError: clients would not find it; the text says why.

    Source: RFC 5280 sections 4.2.1.1 and 6.3.3; RFC 6960 section 4.1.1 (issuerNameHash).
    """
    old, new = parse_certificate(old_der), parse_certificate(new_der)
    if old.subject_der != new.subject_der:
        raise CertificateMismatchError(
            "The certificate's subject has other string types than that of the one it replaces: clients would not find "
            "the status of what the CA has issued."
        )
    if old.key_identifier != new.key_identifier:
        raise CertificateMismatchError(
            "The certificate's subject key identifier is not that of the one it replaces, which is in what the CA has "
            "issued."
        )


def _what(position: int) -> str:
    return f"certificate {position} of the chain" if position else "the certificate"


def _load(text: bytes, member: str, most: int) -> list[ParsedCertificate]:
    try:
        found = pem.blocks(text)
    except PkiError as error:
        raise CertificateParseError(f"{member} is refused. {error}") from error
    if not found or any(label != "CERTIFICATE" for label, _ in found):
        raise CertificateParseError(f"{member} must hold PEM blocks with the label CERTIFICATE, and no others.")
    if len(found) > most:
        raise CertificateParseError(f"{member} must not hold more than {most} certificates in PEM.")
    if any(len(each) > MAX_CERTIFICATE_BYTES for _, each in found):
        raise CertificateParseError(f"{member} holds a certificate of more than {MAX_CERTIFICATE_BYTES} bytes.")
    return [parse_certificate(each) for _, each in found]


def _check_subject(certificate: ParsedCertificate, request: csr.CertificateRequest) -> None:
    if certificate.spki_der != request.spki_der:
        raise CertificateMismatchError("The certificate is for another key than the CA's.")
    if not _same_name(certificate.subject_der, request.subject_der):
        raise CertificateMismatchError("The certificate's subject is not the one in the CA's CSR.")


def _same_name(first_der: bytes, second_der: bytes) -> bool:
    """Whether two names have the same attributes with the same text; other signers may choose other string types."""
    if first_der == second_der:
        return True
    try:
        first, second = (names.parse_name(der.read(each)) for each in (first_der, second_der))
    except PkiError:
        return False
    return first == second and names.normalized(first_der) == names.normalized(second_der)


def _check_type(ca_type: str, certificate: ParsedCertificate, above: list[ParsedCertificate]) -> None:
    if ca_type == "ROOT":
        if above:
            raise RequestError("A root CA's certificate has no chain.")
        if not certificate.is_self_issued:
            raise RequestError("A root CA's certificate must be self-signed.")
    else:
        if certificate.is_self_issued:
            raise RequestError("A subordinate CA's certificate must not be self-signed.")
        if not above:
            raise RequestError("A subordinate CA's certificate needs its chain.")


def _check_one(certificate: ParsedCertificate, what: str, now: datetime) -> None:
    """What must hold for every certificate of the path by itself."""
    if certificate.not_after < now:
        raise ConstraintError(f"The validity of {what} has ended.")
    if certificate.not_before > now + _SKEW:
        raise ConstraintError(f"The validity of {what} has not begun.")
    if not algorithms.is_strong(certificate.certificate.signature_hash_algorithm):
        raise CertificateParseError(f"The signature of {what} does not use SHA-256, SHA-384 or SHA-512.")
    try:
        keys.check_subject_key(certificate.public_key)
    except PkiError as error:
        raise CertificateParseError(f"The key of {what} must not be used. {error}") from error
    for extension in certificate.extensions.values():
        if extension.critical and extension.oid not in _MAY_BE_CRITICAL:
            raise CertificateParseError(f"Extension {extension.oid} of {what} is critical, which is not supported.")
    _check_is_ca(certificate, what)


def _check_is_ca(certificate: ParsedCertificate, what: str) -> None:
    constraints = certificate.basic_constraints
    if (
        constraints is None
        or not constraints.is_ca
        or not certificate.extensions[extensions.BASIC_CONSTRAINTS].critical
    ):
        raise ConstraintError(f"The basic constraints of {what} must be there, critical, and say that it is a CA.")
    usage = certificate.value(extensions.KEY_USAGE)
    if usage is not None and "KeyCertSign" not in extension_values.key_usages(usage):
        raise ConstraintError(f"The key usage of {what} does not allow signing certificates.")


def _check_links(path: list[ParsedCertificate]) -> None:
    """Each certificate is signed by the next one, and the last by itself."""
    for position, (child, parent) in enumerate(pairwise([*path, path[-1]])):
        what = "The certificate" if position == 0 else f"Certificate {position} of the chain"
        by = "itself, as a root has to be" if position == len(path) - 1 else f"certificate {position + 1} of the chain"
        if position < len(path) - 1 and child.is_self_issued and child.spki_der == parent.spki_der:
            raise CertificateMismatchError(f"{what} is self-signed, so it must be the last one.")
        try:
            child.certificate.verify_directly_issued_by(parent.certificate)
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise CertificateMismatchError(f"{what} is not signed by {by}.") from error


def _check_path_lengths(path: list[ParsedCertificate]) -> None:
    for position, certificate in enumerate(path):
        length = certificate.basic_constraints.path_length if certificate.basic_constraints else None
        below = sum(1 for each in path[:position] if not each.is_self_issued)
        if length is not None and below > length:
            raise ConstraintError(
                f"Path length check failed: {_what(position)} allows {length} CAs below it, but there are {below}."
            )


def _check_names(path: list[ParsedCertificate]) -> None:
    """Every certificate obeys the name constraints of all above it (RFC 5280 section 6.1.3)."""
    for position, certificate in enumerate(path):
        constraints = [above.name_constraints for above in path[position + 1 :] if above.name_constraints]
        if not constraints:
            continue
        alternative_names = certificate.value(extensions.SUBJECT_ALTERNATIVE_NAME)
        try:
            found = name_constraints.names_of(certificate.subject_der, alternative_names, common_names=False)
            name_constraints.check(constraints, found)
        except PkiError as error:
            raise CertificateMismatchError(f"The names of {_what(position)} are refused. {error}") from error
