"""OCSP: reading requests strictly, and building answers, which echo each CertID of the request.

Source: RFC 6960 section 4; RFC 5019 section 2; RFC 9654 section 2.1 for the nonce.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der, oids, times
from chalicelib.pki.crl.tbs import REASON_CODES
from chalicelib.pki.errors import DerError
from chalicelib.pki.x509 import extensions
from chalicelib.pki.x509.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from chalicelib.pki.asn1.der import Element

MAX_REQUEST_BYTES = 16 * 1024
MAX_CERT_IDS = 32
MAX_NONCE_BYTES = 128
_HASHES = {oids.SHA1: "sha1", oids.SHA256: "sha256"}
_ENUMERATED = 0x0A
_CONTEXT = (0xA0, 0xA1, 0xA2)
Error = Literal["malformedRequest", "internalError", "tryLater", "unauthorized"]
_ERRORS: dict[Error, int] = {"malformedRequest": 1, "internalError": 2, "tryLater": 3, "unauthorized": 6}


class CertId(NamedTuple):
    """The certificate of a question; `hash_name` is empty for a hash that is not supported."""

    der: bytes
    hash_name: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int


class Request(NamedTuple):
    """An OCSP request."""

    cert_ids: tuple[CertId, ...]
    nonce: bytes | None


@dataclass(frozen=True, slots=True)
class Status:
    """The status of one certificate; `reason` is AWS's name."""

    cert_id_der: bytes
    kind: Literal["good", "revoked", "unknown"]
    revoked_at: datetime | None = None
    reason: str = "UNSPECIFIED"


def digest(hash_name: str, content: bytes) -> bytes:
    """Compute a hash of a CertID."""
    return hashlib.new(hash_name, content, usedforsecurity=False).digest()


def key_hash(hash_name: str, spki_der: bytes) -> bytes:
    """Compute issuerKeyHash, the hash of a key's bits."""
    _, bits = der.read(spki_der).children()
    return digest(hash_name, bits.content[1:])


def key_hashes(spki_der: bytes) -> tuple[str, ...]:
    """Compute the hashes by which requests name a CA's key, in hex."""
    return tuple(key_hash(name, spki_der).hex() for name in _HASHES.values())


def parse_request(request_der: bytes) -> Request:
    """Read an OCSPRequest; a signature of the requestor is ignored.

    Raises:
        DerError: it is malformed, asks for no or too many certificates, or has a nonce of a wrong length.
    """
    if len(request_der) > MAX_REQUEST_BYTES:
        raise DerError(f"The request is longer than {MAX_REQUEST_BYTES} bytes.")
    members = der.parse(request_der).expect(der.SEQUENCE, "OCSPRequest").children()
    if not members or _tags(members[1:]) not in ([], [0xA0]):
        raise DerError("OCSPRequest does not have the members it must have.")
    parts = members[0].expect(der.SEQUENCE, "TBSRequest").children()
    context = [parts.pop(0) for tag in _CONTEXT[:2] if parts and parts[0].tag == tag]  # version, requestorName
    if context and context[0].tag == 0xA0 and context[0].content != der.integer(0):
        raise DerError("The version is not 1.")
    if _tags(parts) not in ([der.SEQUENCE], [der.SEQUENCE, 0xA2]):
        raise DerError("TBSRequest does not have the members it must have.")
    questions = parts[0].children()
    if not 1 <= len(questions) <= MAX_CERT_IDS:
        raise DerError(f"From 1 to {MAX_CERT_IDS} certificates can be asked for.")
    return Request(tuple(map(_cert_id, questions)), _nonce(parts[1]) if len(parts) == 2 else None)


def _tags(members: Sequence[Element]) -> list[int]:
    return [member.tag for member in members]


def plain_request(cert_id: CertId) -> bytes:
    """The OCSPRequest about one certificate that has nothing else in it."""
    return der.sequence(der.sequence(der.sequence(der.sequence(cert_id.der))))


def _cert_id(request: Element) -> CertId:
    members = request.expect(der.SEQUENCE, "Request").children()
    if not members or _tags(members[1:]) not in ([], [0xA0]):
        raise DerError("Request does not have the members it must have.")
    if len(members) == 2:
        _check_known(_extensions(members[1]))
    tags = (der.SEQUENCE, der.OCTET_STRING, der.OCTET_STRING, der.INTEGER)
    algorithm, name, key, serial = der.fields(members[0], "CertID", *tags)
    identifier, *parameters = algorithm.children() or [algorithm]
    if _tags(parameters) not in ([], [der.NULL]):
        raise DerError("The hash algorithm has parameters.")
    hash_name = _HASHES.get(der.oid_text(identifier), "")
    number = int.from_bytes(serial.content, signed=True)
    return CertId(members[0].der, hash_name, name.content, key.content, number)


def _extensions(explicit: Element) -> tuple[Extension, ...]:
    inner = explicit.children()
    if len(inner) != 1:
        raise DerError("A list of extensions is not alone.")
    return extensions.parse_extensions(inner[0])


def _check_known(request_extensions: Iterable[Extension]) -> None:
    for extension in request_extensions:
        if extension.critical and extension.oid != oids.OCSP_NONCE:
            raise DerError(f"The critical extension {extension.oid} is not known here.")


def _nonce(explicit: Element) -> bytes | None:
    """Read the nonce; outside of RFC 9654's limits it makes the request malformed."""
    request_extensions = _extensions(explicit)
    _check_known(request_extensions)
    for extension in request_extensions:
        if extension.oid == oids.OCSP_NONCE:
            nonce = der.parse(extension.value_der).expect(der.OCTET_STRING, "The nonce").content
            if not 1 <= len(nonce) <= MAX_NONCE_BYTES:
                raise DerError(f"The nonce does not have from 1 to {MAX_NONCE_BYTES} bytes.")
            return nonce
    return None


def build_tbs(
    statuses: Sequence[Status],
    *,
    responder_spki_der: bytes,
    this_update: datetime,
    next_update: datetime,
    nonce: bytes | None = None,
) -> bytes:
    """Build the ResponseData, with the responder by its key (RFC 5019 section 2.2.1); times are whole seconds."""
    produced_at = times.encode_generalized(this_update)
    validity = (produced_at, der.tlv(0xA0, times.encode_generalized(next_update)))
    responses = (der.sequence(status.cert_id_der, _status(status), *validity) for status in statuses)
    echo = b""
    if nonce is not None:
        extension = Extension(oids.OCSP_NONCE, critical=False, value_der=der.tlv(der.OCTET_STRING, nonce))
        echo = der.tlv(0xA1, extensions.encode_extensions([extension]))
    responder = der.tlv(0xA2, der.tlv(der.OCTET_STRING, key_hash("sha1", responder_spki_der)))
    return der.sequence(responder, produced_at, der.sequence(*responses), echo)


def _status(status: Status) -> bytes:
    if status.kind != "revoked" or status.revoked_at is None:
        return der.tlv(0x80 if status.kind == "good" else 0x82)
    code = REASON_CODES[status.reason]
    reason = der.tlv(0xA0, der.tlv(_ENUMERATED, bytes((code,)))) if code else b""
    return der.tlv(0xA1, times.encode_generalized(status.revoked_at), reason)


def successful(signed_der: bytes, certificates: Iterable[bytes] = ()) -> bytes:
    """Wrap what was signed in an OCSPResponse, with the certificates that clients need besides the CA's."""
    joined = b"".join(certificates)
    basic = der.sequence(der.read(signed_der).content, der.tlv(0xA0, der.sequence(joined)) if joined else b"")
    held = der.sequence(der.oid(oids.OCSP_BASIC), der.tlv(der.OCTET_STRING, basic))
    return der.sequence(der.tlv(_ENUMERATED, b"\x00"), der.tlv(0xA0, held))


def error(name: Error) -> bytes:
    """Build an OCSPResponse that only says why there is no answer."""
    return der.sequence(der.tlv(_ENUMERATED, bytes((_ERRORS[name],))))
