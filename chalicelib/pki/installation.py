"""Installing a CA certificate: the checks of the certificate and its chain.

Source: AWS Private CA API, ImportCertificateAuthorityCertificate; User Guide, "Installing the CA certificate" and
"RFC compliance"; RFC 5280 section 6.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der, oids, pem
from chalicelib.pki.errors import (
    CertificateMismatchError,
    CertificateParseError,
    ConstraintError,
    PkiError,
    RequestError,
    refused,
    within,
)
from chalicelib.pki.issuing import name_rules
from chalicelib.pki.x509 import algorithms, csr, extension_rules, extension_values, keys, names, signed
from chalicelib.pki.x509.csr_gate import HINT, STRICT
from chalicelib.pki.x509.reading import ParsedCertificate, parse_certificate

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.pki.x509.csr_gate import Gate

_SKEW = timedelta(minutes=5)
MAX_CERTIFICATE_BYTES = 32768
MAX_CHAIN = 16
_CERTIFICATE, _CHAIN = "Certificate", "CertificateChain"  # members of the request
_MAY_BE_CRITICAL = frozenset(
    {
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.BASIC_CONSTRAINTS,
        oids.CERTIFICATE_POLICIES,
        oids.EXTENDED_KEY_USAGE,
        oids.INHIBIT_ANY_POLICY,
        oids.KEY_USAGE,
        oids.NAME_CONSTRAINTS,
        oids.POLICY_MAPPINGS,
        oids.SUBJECT_ALTERNATIVE_NAME,
        oids.SUBJECT_KEY_IDENTIFIER,
        oids.SUBJECT_INFORMATION_ACCESS,
        oids.SUBJECT_DIRECTORY_ATTRIBUTES,
        oids.ISSUER_ALTERNATIVE_NAME,
    }
)


@dataclass(frozen=True, slots=True)
class ImportedCertificate:
    """A CA certificate that passed every check, and its chain from its issuer to the root."""

    certificate_der: bytes
    chain_der: tuple[bytes, ...]


def check_import(
    *,
    certificate_pem: bytes,
    chain_pem: bytes | None,
    ca_type: str,
    csr_der: bytes,
    now: datetime,
    gate: Gate = STRICT,
) -> ImportedCertificate:
    """Check a certificate for the CA with this CSR, and its chain.

    Raises:
        CertificateParseError: something does not parse, or a field is invalid.
        CertificateMismatchError: other key or subject; a signature, a name constraint or the order of the chain fails.
        RequestError: a chain is missing or superfluous, or the certificate is self-signed where it must not be.
        ConstraintError: basic constraints, key usage, path lengths or validity do not hold.
    """
    (certificate,) = _load(certificate_pem, _CERTIFICATE, 1)
    above = _load(chain_pem, _CHAIN, MAX_CHAIN) if chain_pem and chain_pem.strip() else []
    path = [certificate, *above]
    with within(_CERTIFICATE):
        _check_subject(certificate, csr.parse_csr_der(csr_der))
    _check_type(ca_type, certificate, above)
    for position in range(len(path)):
        with within(_member(position)):
            _check_certificate(path[position], _what(position), now)
            _check_signature(path[position], _what(position), gate if position == len(path) - 1 else STRICT)
    _check_links(path)
    for position in range(len(path)):
        with within(_member(position)):
            _check_path_length(path, position)
    for position in range(len(path)):
        with within(_member(position)):
            _check_names(path, position)
    return ImportedCertificate(certificate.der, tuple(parent.der for parent in above))


def check_renewal(old_der: bytes, new_der: bytes) -> None:
    """Check that clients find what the CA has issued below its renewed certificate: by issuer name and key identifier.

    Raises:
        CertificateMismatchError: subject or key identifier differ.

    Source: RFC 5280 sections 4.2.1.1 and 6.3.3; RFC 6960 section 4.1.1 (issuerNameHash).
    """
    old, new = parse_certificate(old_der), parse_certificate(new_der)
    if old.subject_der != new.subject_der:
        raise CertificateMismatchError(
            "The certificate's subject has other string types than that of the one it replaces: clients would not find "
            "the status of what the CA has issued.",
            member=(_CERTIFICATE,),
        )
    if old.key_identifier != new.key_identifier:
        raise CertificateMismatchError(
            "The certificate's subject key identifier is not that of the one it replaces, which is in what the CA has "
            "issued.",
            member=(_CERTIFICATE,),
        )


def _what(position: int) -> str:
    return f"certificate {position} of the chain" if position else "the certificate"


def _member(position: int) -> str:
    return _CHAIN if position else _CERTIFICATE


def _load(text: bytes, member: str, most: int) -> list[ParsedCertificate]:
    with within(member):
        with refused(CertificateParseError, f"{member} is refused."):
            blocks = pem.blocks(text)
        if not blocks or any(label != "CERTIFICATE" for label, _ in blocks):
            raise _load_error(member, "must hold PEM blocks with the label CERTIFICATE, and no others")
        if len(blocks) > most:
            raise _load_error(member, f"must not hold more than {most} certificates in PEM")
        if any(len(certificate_der) > MAX_CERTIFICATE_BYTES for _, certificate_der in blocks):
            raise _load_error(member, f"holds a certificate of more than {MAX_CERTIFICATE_BYTES} bytes")
        return [parse_certificate(certificate_der) for _, certificate_der in blocks]


def _load_error(member: str, rule: str) -> CertificateParseError:
    return CertificateParseError(f"{member} {rule}.", reason=f"It {rule}.")


def _check_subject(certificate: ParsedCertificate, request: csr.CertificateRequest) -> None:
    if certificate.spki_der != request.spki_der:
        raise CertificateMismatchError("The certificate is for another key than the CA's.")
    if not _same_name(certificate.subject_der, request.subject_der):
        raise CertificateMismatchError("The certificate's subject is not the one in the CA's CSR.")


def _same_name(first_der: bytes, second_der: bytes) -> bool:
    """Compare names by their attributes and texts: other signers may choose other string types."""
    if first_der == second_der:
        return True
    try:
        first, second = (names.parse_name(der.read(name_der)) for name_der in (first_der, second_der))
    except PkiError:
        return False
    return first == second and names.normalized(first_der) == names.normalized(second_der)


def _check_type(ca_type: str, certificate: ParsedCertificate, above: list[ParsedCertificate]) -> None:
    if ca_type == "ROOT":
        if above:
            raise RequestError("A root CA's certificate has no chain.", member=(_CHAIN,))
        if not certificate.is_self_issued:
            raise RequestError("A root CA's certificate must be self-signed.", member=(_CERTIFICATE,))
    else:
        if certificate.is_self_issued:
            raise RequestError("A subordinate CA's certificate must not be self-signed.", member=(_CERTIFICATE,))
        if not above:
            raise RequestError("A subordinate CA's certificate needs its chain.", member=(_CHAIN,))


def _check_certificate(certificate: ParsedCertificate, what: str, now: datetime) -> None:
    """Check a certificate of the path by itself."""
    if certificate.not_after < now:
        raise ConstraintError(f"The validity of {what} has ended.")
    if certificate.not_before > now + _SKEW:
        raise ConstraintError(f"The validity of {what} has not begun.")
    with refused(CertificateParseError, f"The key of {what} must not be used."):
        keys.check_public_key(certificate.public_key)
    for extension in certificate.extensions.values():
        with refused(CertificateParseError, f"An extension of {what} is refused."):
            extension_values.check_outline(extension)
        if extension.critical and extension.oid not in _MAY_BE_CRITICAL:
            raise CertificateParseError(f"Extension {extension.oid} of {what} is critical, which is not supported.")
        with refused(CertificateParseError, f"An extension of {what} is refused."):
            extension_rules.check_readable(extension)  # clients would refuse the certificate
    _check_is_ca(certificate, what)


def _check_signature(certificate: ParsedCertificate, what: str, gate: Gate) -> None:
    """Check the hash; a root's signature proves nothing, so that only the strict gate minds SHA-1 there."""
    if algorithms.is_strong(certificate.certificate.signature_hash_algorithm):
        return
    text = f"The signature of {what} does not use SHA-256, SHA-384 or SHA-512."
    if not certificate.is_self_issued:
        raise CertificateParseError(text)
    if gate == STRICT:
        raise CertificateParseError(f"{text} {HINT}", reason=text)


def _check_is_ca(certificate: ParsedCertificate, what: str) -> None:
    constraints = certificate.basic_constraints
    if constraints is None or not constraints.is_ca or not certificate.extensions[oids.BASIC_CONSTRAINTS].critical:
        raise ConstraintError(f"The basic constraints of {what} must be there, critical, and say that it is a CA.")
    usage = certificate.value(oids.KEY_USAGE)
    if usage is not None and "KeyCertSign" not in extension_values.key_usages(usage):
        raise ConstraintError(f"The key usage of {what} does not allow signing certificates.")


def _check_links(path: list[ParsedCertificate]) -> None:
    """Check that the next certificate signs each one, and that the last signs itself."""
    for position, (child, parent) in enumerate(pairwise([*path, path[-1]])):
        what = "The certificate" if position == 0 else f"Certificate {position} of the chain"
        by = "itself, as a root has to be" if position == len(path) - 1 else f"certificate {position + 1} of the chain"
        # Who must have signed the certificate is in the chain, unless it is a root.
        member = _CHAIN if len(path) > 1 else _CERTIFICATE
        if position < len(path) - 1 and child.is_self_issued and child.spki_der == parent.spki_der:
            raise CertificateMismatchError(f"{what} is self-signed, so it must be the last one.", member=(member,))
        if child is parent and _signs_itself_weakly(child):
            continue
        try:
            child.certificate.verify_directly_issued_by(parent.certificate)
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise CertificateMismatchError(f"{what} is not signed by {by}.", member=(member,)) from error


def _signs_itself_weakly(root: ParsedCertificate) -> bool:
    found = root.certificate
    weak = (found.signature_hash_algorithm, found.signature, found.tbs_certificate_bytes)
    return root.is_self_issued and signed.verifies_weakly(root.public_key, *weak)


def _check_path_length(path: list[ParsedCertificate], position: int) -> None:
    constraints = path[position].basic_constraints
    length = constraints.path_length if constraints else None
    below = sum(1 for certificate in path[:position] if not certificate.is_self_issued)
    if length is not None and below > length:
        raise ConstraintError(
            f"Path length check failed: {_what(position)} allows {length} CAs below it, but there are {below}."
        )


def _check_names(path: list[ParsedCertificate], position: int) -> None:
    """Hold a certificate against the name constraints of all above it (RFC 5280 section 6.1.3)."""
    constraints = [above.name_constraints for above in path[position + 1 :] if above.name_constraints]
    if not constraints:
        return
    alternative_names = path[position].value(oids.SUBJECT_ALTERNATIVE_NAME)
    try:
        certified = name_rules.names_of(path[position].subject_der, alternative_names, common_names=False)
        name_rules.check(constraints, certified)
    except PkiError as error:
        raise CertificateMismatchError(f"The names of {_what(position)} are refused. {error}") from error
