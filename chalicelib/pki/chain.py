"""Installing a CA certificate: every check of the certificate and its chain.

Source: AWS Private CA API, ImportCertificateAuthorityCertificate; User Guide, "Installing the CA certificate" and
"RFC compliance"; RFC 5280 section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.pki import csr, der, extensions, keys, pem
from chalicelib.pki.certificate import tbs_members
from chalicelib.pki.errors import (
    CertificateMismatchError,
    CertificateParseError,
    ConstraintError,
    PkiError,
    RequestError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_SKEW = timedelta(minutes=5)
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_MAY_BE_CRITICAL = frozenset(
    {
        extensions.AUTHORITY_KEY_IDENTIFIER,
        extensions.BASIC_CONSTRAINTS,
        extensions.EXTENDED_KEY_USAGE,
        extensions.KEY_USAGE,
        extensions.NAME_CONSTRAINTS,
        extensions.SUBJECT_ALTERNATIVE_NAME,
        extensions.SUBJECT_KEY_IDENTIFIER,
        extensions.SUBJECT_INFORMATION_ACCESS,
        "2.5.29.32",  # CertificatePolicies
        "2.5.29.54",  # InhibitAnyPolicy
        "2.5.29.18",  # IssuerAltName
        "2.5.29.33",  # PolicyMappings
        "2.5.29.9",  # SubjectDirectoryAttributes
    }
)
_CONSTRAINABLE = (x509.DNSName, x509.IPAddress, x509.DirectoryName, x509.UniformResourceIdentifier, x509.RFC822Name)


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
        CertificateMismatchError: other key or subject, or a signature or the order of the chain does not hold.
        RequestError: a chain is missing or superfluous, or the certificate is self-signed where it must not be.
        ConstraintError: basic constraints, key usage, path lengths or validity do not hold.
    """
    own = _load(certificate_pem, "Certificate")
    if len(own) != 1:
        raise CertificateParseError("Certificate must hold exactly one certificate in PEM.")
    above = _load(chain_pem, "CertificateChain") if chain_pem and chain_pem.strip() else []
    certificate = own[0]
    _check_subject(certificate, csr.parse_csr_der(csr_der))
    _check_type(ca_type, certificate, above)
    path = [certificate, *above]
    for position, each in enumerate(path):
        _check_ca(each, "the certificate" if position == 0 else f"certificate {position} of the chain", now)
    _check_links(path)
    _check_path_lengths(path)
    return ImportedCertificate(_der(certificate), tuple(map(_der, above)))


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _load(text: bytes, member: str) -> list[x509.Certificate]:
    try:
        found = pem.blocks(text)
        if not found or any(label != "CERTIFICATE" for label, _ in found):
            raise CertificateParseError(f"{member} must hold PEM blocks with the label CERTIFICATE, and no others.")
        for _, each in found:
            der.parse(each)
        loaded = [x509.load_der_x509_certificate(each) for _, each in found]
        for certificate in loaded:
            certificate.extensions  # noqa: B018  parsing them is the check
            certificate.public_key()
    except CertificateParseError:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise CertificateParseError(f"{member} does not parse: {error}") from error
    return loaded


def _check_subject(certificate: x509.Certificate, request: csr.CertificateRequest) -> None:
    members = tbs_members(_der(certificate))
    if members["spki"] != request.spki_der:
        raise CertificateMismatchError("The certificate is for another key than the CA's.")
    if members["subject"] != request.subject_der and certificate.subject != _name(request.subject_der):
        raise CertificateMismatchError("The certificate's subject is not the one in the CA's CSR.")


def _name(name_der: bytes) -> x509.Name:
    return x509.Name([x509.RelativeDistinguishedName(_attributes(rdn)) for rdn in der.read(name_der).children()])


def _attributes(rdn: der.Element) -> list[x509.NameAttribute[str]]:
    found = []
    for attribute in rdn.children():
        kind, value = attribute.children()
        text = value.content.decode("utf-8")
        found.append(x509.NameAttribute(x509.ObjectIdentifier(der.oid_text(kind)), text, _validate=False))
    return found


def _check_type(ca_type: str, certificate: x509.Certificate, above: list[x509.Certificate]) -> None:
    self_signed = certificate.issuer == certificate.subject
    if ca_type == "ROOT":
        if above:
            raise RequestError("A root CA's certificate has no chain.")
        if not self_signed:
            raise RequestError("A root CA's certificate must be self-signed.")
    else:
        if self_signed:
            raise RequestError("A subordinate CA's certificate must not be self-signed.")
        if not above:
            raise RequestError("A subordinate CA's certificate needs its chain.")


def _check_ca(certificate: x509.Certificate, what: str, now: datetime) -> None:
    """What must hold for every certificate of the path by itself."""
    _check_validity(certificate, what, now)
    if not isinstance(certificate.signature_hash_algorithm, _HASHES):
        raise CertificateParseError(f"The signature of {what} does not use SHA-256, SHA-384 or SHA-512.")
    try:
        keys.check_subject_key(certificate.public_key())
    except PkiError as error:
        raise CertificateParseError(f"The key of {what}: {error}") from error
    for extension in certificate.extensions:
        if extension.critical and extension.oid.dotted_string not in _MAY_BE_CRITICAL:
            raise CertificateParseError(
                f"Extension {extension.oid.dotted_string} of {what} is critical, which is not supported."
            )
    _check_basic_constraints(certificate, what)
    _check_name_constraints(certificate, what)


def _check_validity(certificate: x509.Certificate, what: str, now: datetime) -> None:
    if certificate.not_valid_after_utc < now:
        raise ConstraintError(f"The validity of {what} has ended.")
    if certificate.not_valid_before_utc > now + _SKEW:
        raise ConstraintError(f"The validity of {what} has not begun.")


def _check_basic_constraints(certificate: x509.Certificate, what: str) -> None:
    found = {type(each.value): each for each in certificate.extensions}
    constraints = found.get(x509.BasicConstraints)
    if constraints is None or not constraints.critical or not constraints.value.ca:
        raise ConstraintError(f"The basic constraints of {what} must be there, critical, and say that it is a CA.")
    usage = found.get(x509.KeyUsage)
    if usage is not None and not usage.value.key_cert_sign:
        raise ConstraintError(f"The key usage of {what} does not allow signing certificates.")


def _check_name_constraints(certificate: x509.Certificate, what: str) -> None:
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.NameConstraints):
            forms = [*(extension.value.permitted_subtrees or ()), *(extension.value.excluded_subtrees or ())]
            if not all(isinstance(form, _CONSTRAINABLE) for form in forms):
                raise CertificateMismatchError(f"The name constraints of {what} use a form that is not supported.")


def _check_links(path: list[x509.Certificate]) -> None:
    """Each certificate is signed by the next one, and the last by itself."""
    for position, (child, parent) in enumerate(pairwise([*path, path[-1]])):
        what = "The certificate" if position == 0 else f"Certificate {position} of the chain"
        by = "itself, as a root has to be" if position == len(path) - 1 else f"certificate {position + 1} of the chain"
        try:
            child.verify_directly_issued_by(parent)
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise CertificateMismatchError(f"{what} is not signed by {by}.") from error


def _check_path_lengths(path: list[x509.Certificate]) -> None:
    for position, certificate in enumerate(path):
        length = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        below = sum(1 for each in path[:position] if each.issuer != each.subject)
        if length is not None and below > length:
            raise ConstraintError(
                f"Path length check failed: certificate {position} of the chain allows {length} CAs below it, "
                f"but there are {below}."
            )
