"""CSRs: writing a CA's own, and the gate through which subscribers' come.

A CSR is the bytes of a stranger: it is read by our own strict reader, rule by rule, before anything of it is used. Its
names and its key go into the certificate byte for byte.

Source: RFC 2986; RFC 2985 section 5.4.2; RFC 5280; AWS Private CA User Guide, "CSR".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from chalicelib.pki import der, extensions, general_names, keys, names, pem
from chalicelib.pki.errors import ArgumentError, CsrError, DerError, PkiError
from chalicelib.pki.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.pki.der import Element

MAX_BYTES = 32768
MAX_ALTERNATIVE_NAMES = 1000
_LABELS = frozenset({"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"})
_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A CSR that passed every check; names and key as they were encoded."""

    der: bytes
    subject_der: bytes
    spki_der: bytes
    public_key: PublicKeyTypes
    extensions: tuple[Extension, ...]

    def extension(self, oid: str) -> Extension | None:
        """The requested extension, or None."""
        return next((each for each in self.extensions if each.oid == oid), None)


def parse_csr(text: bytes) -> CertificateRequest:
    """Read and verify a CSR in PEM.

    Raises:
        CsrError: it does not parse, its signature does not verify, or which rule it breaks.
    """
    try:
        return parse_csr_der(_single_block(text))
    except CsrError:
        raise
    except PkiError as error:
        raise CsrError(f"The CSR is refused: {error}") from error


def _single_block(text: bytes) -> bytes:
    if len(text) > MAX_BYTES:
        raise CsrError(f"The CSR is refused: it has more than {MAX_BYTES} bytes.")
    found = pem.blocks(text)
    if len(found) != 1 or found[0][0] not in _LABELS:
        raise CsrError("The CSR is refused: it must be one PEM block with the label CERTIFICATE REQUEST.")
    return found[0][1]


def parse_csr_der(csr_der: bytes) -> CertificateRequest:
    """Read and verify a CSR in DER.

    Raises:
        PkiError: it does not parse, does not verify, or which rule it breaks.
    """
    parts = list(der.parse(csr_der).expect(der.SEQUENCE, "A CSR").children())
    if len(parts) != 3:
        raise DerError("a CSR consists of request, algorithm and signature.")
    members = list(parts[0].expect(der.SEQUENCE, "The request").children())
    if not 3 <= len(members) <= 4:
        raise DerError("a request consists of version, subject, key and attributes.")
    version, subject, spki = members[:3]
    if version.der != der.integer(0):
        raise DerError("its version is not 0.")
    attributes = names.parse_name(subject)
    requested = _requested_extensions(members[3]) if len(members) == 4 else ()
    alternative_names = _check_alternative_names(requested)
    if not attributes and not alternative_names:
        raise CsrError("The CSR is refused: it has neither a subject nor a subject alternative name.")
    public_key = _public_key(spki.expect(der.SEQUENCE, "The key").der)
    _verify(csr_der)
    return CertificateRequest(csr_der, subject.der, spki.der, public_key, requested)


def _requested_extensions(attributes: Element) -> tuple[Extension, ...]:
    found: list[tuple[Extension, ...]] = []
    for attribute in attributes.expect(0xA0, "The attributes").children():
        parts = list(attribute.expect(der.SEQUENCE, "An attribute").children())
        if len(parts) != 2:
            raise DerError("an attribute consists of type and values.")
        values = list(parts[1].expect(der.SET, "The values of an attribute").children())
        if der.oid_text(parts[0]) == _EXTENSION_REQUEST:
            if len(values) != 1:
                raise DerError("an extension request holds exactly one list of extensions.")
            found.append(extensions.parse_extensions(values[0]))
    if len(found) > 1:
        raise DerError("it holds more than one extension request.")
    return found[0] if found else ()


def _check_alternative_names(requested: tuple[Extension, ...]) -> int:
    for extension in requested:
        if extension.oid == extensions.SUBJECT_ALTERNATIVE_NAME:
            count = sum(1 for _ in names.walk_general_names(der.read(extension.value_der)))
            if count > MAX_ALTERNATIVE_NAMES:
                raise PkiError(f"it has more than {MAX_ALTERNATIVE_NAMES} alternative names.")
            return count
    return 0


def _public_key(spki_der: bytes) -> PublicKeyTypes:
    _check_size(spki_der)
    try:
        public_key = load_der_public_key(spki_der)
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm) as error:
        raise PkiError("its key is malformed or of an unsupported kind.") from error
    keys.check_subject_key(public_key)
    if public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != spki_der:
        _check_point_compression(spki_der, public_key)
    return public_key


def _check_size(spki_der: bytes) -> None:
    """Keep what is larger than any key we certify away from the arithmetic."""
    if len(spki_der) > 2 * keys.MAX_RSA_BITS // 8:
        raise PkiError("its key is too large.")


def _check_point_compression(spki_der: bytes, public_key: PublicKeyTypes) -> None:
    """A key may differ from its usual encoding only by a compressed point."""
    algorithm, bits = der.read(spki_der).children()
    usual_algorithm, _ = der.read(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).children()
    if algorithm.der != usual_algorithm.der or bits.content[1:2] not in {b"\x02", b"\x03"}:
        raise PkiError("its key is not encoded as RFC 3279 and RFC 5480 want it.")


def _verify(csr_der: bytes) -> None:
    """The signature proves that whoever asks holds the key (RFC 2986 section 4.2)."""
    try:
        request = x509.load_der_x509_csr(csr_der)
        algorithm = request.signature_hash_algorithm
        verified = isinstance(algorithm, _HASHES) and request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PkiError("its signature cannot be verified.") from error
    if not isinstance(algorithm, _HASHES):
        raise PkiError("its signature does not use SHA-256, SHA-384 or SHA-512.")
    if not verified:
        raise PkiError("its signature does not verify.")


# a CA's own CSR


def check_csr_extensions(csr_extensions: Mapping[str, Any] | None) -> None:
    """Raise `ArgumentError` unless these CsrExtensions can be written."""
    _ca_extensions(csr_extensions)


def _ca_extensions(csr_extensions: Mapping[str, Any] | None) -> list[Extension]:
    given = csr_extensions or {}
    found = [extensions.basic_constraints(ca=True, critical=True)]
    if "KeyUsage" in given:
        if not any(given["KeyUsage"].values()):
            raise ArgumentError("CsrExtensions.KeyUsage needs at least one usage that is true.")
        found.append(extensions.key_usage(given["KeyUsage"]))
    if "SubjectInformationAccess" in given:
        found.append(general_names.subject_information_access(given["SubjectInformationAccess"]))
    return found


def build_ca_csr_tbs(configuration: Mapping[str, Any], public_key: PublicKeyTypes) -> bytes:
    """The CertificationRequestInfo of a CA: its subject and key, and one request for CA:TRUE and its CsrExtensions.

    Raises:
        ArgumentError: subject or extensions contradict one another.
    """
    requested = extensions.encode_extensions(_ca_extensions(configuration.get("CsrExtensions")))
    attribute = der.sequence(der.oid(_EXTENSION_REQUEST), der.tlv(der.SET, requested))
    return der.sequence(
        der.integer(0),
        names.encode_subject(configuration["Subject"]),
        public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        der.tlv(0xA0, attribute),
    )
