"""CSRs: reading and checking those of subscribers, and writing those of CAs.

A CSR comes from a stranger: our own strict reader checks it, rule by rule, before any part of it is used. Its names and
its key go into the certificate byte for byte.

Source: RFC 2986; RFC 2985 section 5.4.2; RFC 5280; AWS Private CA User Guide, "CSR".
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der, oids, pem
from chalicelib.pki.errors import ArgumentError, CsrError, DerError, PkiError, refused, within
from chalicelib.pki.x509 import algorithms, extensions, general_names, keys, names, signed
from chalicelib.pki.x509.csr_gate import HINT, STRICT, is_the_gates, require
from chalicelib.pki.x509.extension_rules import check_value
from chalicelib.pki.x509.extension_values import check_outline
from chalicelib.pki.x509.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.pki.asn1.der import Element
    from chalicelib.pki.x509.csr_gate import Gate

MAX_BYTES = 32768
_LABELS = frozenset({"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"})
_ATTRIBUTES = 0xA0
_ONE_CSR = "It must be one CSR in PEM: from -----BEGIN CERTIFICATE REQUEST----- to -----END CERTIFICATE REQUEST-----."


@dataclass(frozen=True)
class CertificateRequest:
    """A CSR that passed every check; names and key as they were encoded.

    Attributes:
        info_der: the CertificationRequestInfo, which does not change if the CSR is signed again.
    """

    der: bytes
    info_der: bytes
    subject_der: bytes
    spki_der: bytes
    public_key: PublicKeyTypes
    extensions: tuple[Extension, ...]

    @cached_property
    def key_sha256(self) -> str:
        """The hash of its key, as `keys.key_sha256` computes it."""
        return keys.key_sha256(self.public_key, self.spki_der)

    def extension(self, oid: str) -> Extension | None:
        """The requested extension, or None."""
        return next((extension for extension in self.extensions if extension.oid == oid), None)


def parse_csr(text: bytes, gate: Gate = STRICT) -> CertificateRequest:
    """Read and verify a CSR in PEM.

    Raises:
        CsrError: it does not parse, its signature does not verify, or it breaks a rule of the gate.
    """
    try:
        with within("Csr"), refused(CsrError, "The CSR is refused."):
            return parse_csr_der(_single_block(text), gate)
    except CsrError as error:
        if is_the_gates(error):
            raise CsrError(f"{error} {HINT}", reason=error.reason, member=error.member) from error
        raise


def _single_block(text: bytes) -> bytes:
    if len(text) > MAX_BYTES:
        raise DerError(f"It has more than {MAX_BYTES} bytes.")
    blocks = pem.blocks(text)
    if len(blocks) != 1 or blocks[0][0] not in _LABELS:
        raise DerError("It must be exactly one PEM block with the label CERTIFICATE REQUEST.", reason=_ONE_CSR)
    return blocks[0][1]


def parse_csr_der(csr_der: bytes, gate: Gate = STRICT) -> CertificateRequest:
    """Read and verify a CSR in DER.

    Raises:
        PkiError: it does not parse, its signature does not verify, or it breaks a rule.
    """
    parts = der.fields(der.parse(csr_der), "A CSR", der.SEQUENCE, der.SEQUENCE, der.BIT_STRING)
    request, algorithm, _ = parts
    version, subject, spki, attributes = der.fields(
        request, "A request", der.INTEGER, der.SEQUENCE, der.SEQUENCE, _ATTRIBUTES
    )
    if version.content != b"\x00":
        raise DerError("The version is not 0.")
    subject_attributes = names.attributes_of(subject.der, gate)
    requested = _requested_extensions(attributes, gate)
    if not subject_attributes and all(oid != oids.SUBJECT_ALTERNATIVE_NAME for oid, _, _ in requested):
        raise PkiError("It has neither a subject nor a subject alternative name.")
    if gate == STRICT:
        algorithms.check_foreign_algorithm(algorithm)
    public_key = _public_key(spki.der, gate)
    _verify(csr_der, parts, public_key, gate)
    keys.check_factors(public_key, gate)  # costly: only for whoever holds the key
    return CertificateRequest(csr_der, request.der, subject.der, spki.der, public_key, requested)


def _requested_extensions(attributes: Element, gate: Gate) -> tuple[Extension, ...]:
    requests: list[tuple[Extension, ...]] = []
    for attribute in attributes.children():
        kind, values = der.fields(attribute, "An attribute", der.OID, der.SET)
        members = values.children()
        if not members:
            raise DerError("An attribute has no value.")
        if der.oid_text(kind) == oids.EXTENSION_REQUEST:
            if len(members) != 1 or requests:
                raise DerError("There is more than one extension request.")
            requests.append(extensions.parse_extensions(members[0]))
    requested = requests[0] if requests else ()
    for extension in requested:
        check_outline(extension, gate)
    return requested


def _public_key(spki_der: bytes, gate: Gate) -> PublicKeyTypes:
    try:
        public_key = load_der_public_key(spki_der)
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm) as error:
        raise PkiError("The key is malformed or of an unsupported kind.") from error
    keys.check_public_key(public_key, gate)
    _check_key_encoding(spki_der, public_key)
    return public_key


def _check_key_encoding(spki_der: bytes, public_key: PublicKeyTypes) -> None:
    """A key has its usual encoding, with a compressed point at most: no explicit curves, no RSASSA-PSS keys."""
    if not keys.is_encoding(spki_der, public_key):
        raise PkiError("The key is not encoded as RFC 3279, RFC 5480 and RFC 9881 want it.")


def _verify(csr_der: bytes, parts: Sequence[Element], public_key: PublicKeyTypes, gate: Gate) -> None:
    """Verify the signature, which proves that the requester holds the key (RFC 2986 section 4.2).

    The library reads every CSR, too. It verifies by itself what is signed otherwise than the API's keys sign.
    """
    info, algorithm, bits = parts
    signature = der.octets(bits, "The signature")
    name = algorithms.NAMES_BY_IDENTIFIER.get(algorithm.der)
    try:
        request = x509.load_der_x509_csr(csr_der)
        if name is not None and signed.fits(public_key, name):
            strong, verified = True, signed.verifies(public_key, signature, info.der, name)
        else:
            strong = algorithms.is_strong(request.signature_hash_algorithm)
            verified = request.is_signature_valid or (
                gate != STRICT
                and signed.verifies_weakly(
                    public_key, request.signature_hash_algorithm, request.signature, request.tbs_certrequest_bytes
                )
            )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PkiError("The signature cannot be verified.") from error
    require(gate, "The signature does not use SHA-256, SHA-384 or SHA-512.", holds=strong)
    if not verified:
        raise PkiError("The signature does not verify.")


# a CA's own CSR


def check_csr_extensions(csr_extensions: Mapping[str, Any] | None) -> None:
    """Raise `ArgumentError` unless these CsrExtensions can be written."""
    with within("CsrExtensions"):
        _ca_extensions(csr_extensions or {})


def _ca_extensions(csr_extensions: Mapping[str, Any]) -> list[Extension]:
    """CA:TRUE and the CsrExtensions; members of refusals are below `CsrExtensions`."""
    requested = [extensions.basic_constraints(ca=True, critical=True)]
    for member, build in _CSR_EXTENSIONS.items():
        if extensions.is_asked(member, csr_extensions):
            with within(member), refused(ArgumentError, "CsrExtensions are refused."):
                extension = build(csr_extensions[member])
                check_value(extension)
            requested.append(extension)
    return requested


def _subject_information_access(descriptions: Iterable[Mapping[str, Any]]) -> Extension:
    value_der = general_names.access_descriptions(descriptions)
    return Extension(oids.SUBJECT_INFORMATION_ACCESS, critical=False, value_der=value_der)


_CSR_EXTENSIONS: dict[str, Callable[[Any], Extension]] = {
    "KeyUsage": extensions.key_usage,
    "SubjectInformationAccess": _subject_information_access,
}


def build_ca_csr_tbs(configuration: Mapping[str, Any], public_key: PublicKeyTypes) -> bytes:
    """Build the CertificationRequestInfo of a CA: its subject and key, and a request for CA:TRUE and its CsrExtensions.

    Raises:
        ArgumentError: subject or extensions contradict one another.
    """
    requested = extensions.encode_extensions(_ca_extensions(configuration.get("CsrExtensions", {})))
    attribute = der.sequence(der.oid(oids.EXTENSION_REQUEST), der.tlv(der.SET, requested))
    return der.sequence(
        der.integer(0),
        names.encode_subject(configuration["Subject"]),
        public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        der.tlv(0xA0, attribute),
    )
