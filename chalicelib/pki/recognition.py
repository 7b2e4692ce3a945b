"""Recognizing what somebody pastes: certificates, CSRs, CRLs, public keys, OCSP responses, in PEM, DER or base64.

Private keys are recognized first, in every form, and refused: nothing here keeps or shows them.

Source: RFC 7468 for labels; RFC 5958, RFC 8017 appendix A, RFC 5915 and RFC 7292 for the outlines of private keys.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import ocsp

from chalicelib import arn as arns
from chalicelib.pki.asn1 import der, pem
from chalicelib.pki.crl import entries as crl_entries
from chalicelib.pki.crl import gate
from chalicelib.pki.errors import DerError, PkiError
from chalicelib.pki.x509 import bundles, display
from chalicelib.pki.x509.display import Line, Section

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

MAX_BYTES = 64 * 1024
MAX_ITEMS = 20
MAX_CSRS = 2  # that are read, because the search for weak keys takes a fraction of a second
_MOST_ENTRIES = 20
_ENUMERATED = 0x0A
_TIMES = {der.UTC_TIME, der.GENERALIZED_TIME}
PRIVATE = (
    "This is a private key. Never paste one into a page. Nothing of it was stored or logged here, but if anybody could "
    "have seen it on its way, revoke its certificate and make a new key."
)


class PrivateKeyError(Exception):
    """The input holds a private key; the text says what to do, and holds nothing of the key."""

    def __init__(self) -> None:
        super().__init__(PRIVATE)


class Item(NamedTuple):
    """Something that was recognized.

    Attributes:
        kind: a key of `KINDS`.
        sections: its contents; empty if it cannot be read.
        problem: why it cannot be read; empty if it can.
    """

    kind: str
    der: bytes
    sections: tuple[Section, ...] = ()
    problem: str = ""


def items(content: bytes) -> list[Item]:
    """Recognize everything in a text or a file.

    Raises:
        PrivateKeyError: it holds a private key.
        DerError: it is none of these, is too long, or holds too much.
    """
    if b"PRIVATE KEY" in content:
        raise PrivateKeyError
    if len(content) > MAX_BYTES:
        raise DerError(f"It is longer than {MAX_BYTES // 1024} KB.")
    ders = [member for encoded in _encoded(content) for member in _unpacked(encoded)]
    if len(ders) > MAX_ITEMS:
        raise DerError(f"It contains more than {MAX_ITEMS} structures.")
    kinds = list(map(kind_of, ders))
    unread = [place for place, kind in enumerate(kinds) if kind == "csr"][MAX_CSRS:]
    return [
        Item(kind, encoded, problem="Paste it alone: checking a CSR takes time.")
        if place in unread
        else _read(kind, encoded)
        for place, (kind, encoded) in enumerate(zip(kinds, ders, strict=True))
    ]


def _encoded(content: bytes) -> list[bytes]:
    """The DER in a text or a file."""
    if b"-----BEGIN" in content:
        return [encoded for _, encoded in pem.blocks(content)][: MAX_ITEMS + 1]
    if content[:1] == b"\x30":
        return [content]
    try:
        return [base64.b64decode(b"".join(content.split()), validate=True)]
    except binascii.Error as error:
        raise DerError("It is neither PEM nor DER nor base64.") from error


def _unpacked(encoded: bytes) -> list[bytes]:
    """The certificates of a PKCS #7 file; anything else stands for itself."""
    if kind_of(encoded) != "bundle":
        return [encoded]
    try:
        return bundles.certificates(encoded)
    except PkiError as error:
        raise DerError(str(error)) from error


def kind_of(encoded: bytes) -> str:
    """The kind of a DER structure by its outline: a key of `KINDS`, or "bundle" for PKCS #7.

    Raises:
        PrivateKeyError: it is a private key, encrypted or not, or a PKCS #12 file.
    """
    try:
        members = der.read(encoded).expect(der.SEQUENCE, "It").children()
    except DerError:
        return "unknown"
    tags = tuple(member.tag for member in members)
    if _is_private(tags):
        raise PrivateKeyError
    if tags == (der.SEQUENCE, der.SEQUENCE, der.BIT_STRING):
        return _signed_kind(tuple(member.tag for member in members[0].children()))
    return next((kind for outline, kind in _OUTLINES.items() if tags[: len(outline)] == outline), "unknown")


_OUTLINES = {(der.SEQUENCE, der.BIT_STRING): "key", (der.OID, 0xA0): "bundle", (_ENUMERATED,): "ocsp"}
_PRIVATE = (
    (der.INTEGER, der.SEQUENCE),  # PKCS #8 and PKCS #12
    (der.INTEGER, der.OCTET_STRING),  # keys of elliptic curves
    (der.INTEGER,) * 3,  # keys of RSA and DSA
    (der.SEQUENCE, der.OCTET_STRING),  # encrypted PKCS #8
)


def _is_private(tags: tuple[int, ...]) -> bool:
    return any(tags[: len(outline)] == outline for outline in _PRIVATE)


def _signed_kind(tags: tuple[int, ...]) -> str:
    """The kind of a signed structure, by the tags of its members: CRLs hold times, and CSRs end with attributes."""
    if _TIMES.intersection(tags):
        return "crl"
    return "csr" if tags == (der.INTEGER, der.SEQUENCE, der.SEQUENCE, 0xA0) else "certificate"


def _read(kind: str, encoded: bytes) -> Item:
    read = _READERS.get(kind)
    if read is None:
        return Item("unknown", encoded, problem="It is DER, but of no kind that this page knows.")
    try:
        return Item(kind, encoded, read(encoded))
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, gate.CrlRefusedError) as error:
        return Item(kind, encoded, problem=error.reason if isinstance(error, PkiError) else str(error)[:300])


def _time(label: str, moment: datetime | None) -> Line:
    return Line(label, moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else "none", "time" if moment else "text")


def _key(encoded: bytes) -> tuple[Section, ...]:
    return (display.public_key(load_der_public_key(encoded), encoded),)


def _crl(encoded: bytes) -> tuple[Section, ...]:
    crl = gate.read(encoded)
    shown = list(crl_entries.serials(crl.entries))
    lines = (
        Line("Number", str(crl.number)),
        _time("This update", crl.this_update),
        _time("Next update", crl.next_update),
        Line("Scope", "complete" if crl.scope is None else "one distribution point"),
        Line("Entries", f"{len(shown):,}"),
    )
    revoked = tuple(
        Line("Serial number", arns.serial_pairs(crl_entries.number(serial)), "hex") for serial in shown[:_MOST_ENTRIES]
    )
    issuer = Section("Issuer", (Line("Name", crl.parsed.issuer.rfc4514_string() or "(empty)"),))
    title = f"The first {_MOST_ENTRIES} of {len(shown):,} entries" if len(shown) > _MOST_ENTRIES else "Entries"
    return (Section("CRL", lines), issuer, *([Section(title, revoked)] if revoked else []))


def _ocsp(encoded: bytes) -> tuple[Section, ...]:
    response = ocsp.load_der_ocsp_response(encoded)
    status = response.response_status.name.lower().replace("_", " ")
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return (Section("OCSP response", (Line("Response status", status),)),)
    by = (
        response.responder_name.rfc4514_string()
        if response.responder_name
        else (response.responder_key_hash or b"").hex()
    )
    head = (Line("Response status", status), Line("Responder", by), _time("Produced at", response.produced_at_utc))
    answers = [single for single, _ in zip(response.responses, range(_MOST_ENTRIES), strict=False)]
    return (Section("OCSP response", head), *map(_answer, answers))


def _answer(single: ocsp.OCSPSingleResponse) -> Section:
    lines = (
        Line("Status", single.certificate_status.name.lower()),
        *([_time("Revoked at", single.revocation_time_utc)] if single.revocation_time_utc else []),
        _time("This update", single.this_update_utc),
        _time("Next update", single.next_update_utc),
        Line("SHA of the issuer's key", single.issuer_key_hash.hex(), "hex"),
    )
    return Section(f"Certificate {arns.serial_pairs(single.serial_number)}", lines)


# The words for each kind, and how it is read.
KINDS = {
    "certificate": "Certificate",
    "csr": "Certificate signing request (CSR)",
    "crl": "Certificate revocation list (CRL)",
    "key": "Public key",
    "ocsp": "OCSP response",
    "unknown": "Unknown",
}
_READERS: dict[str, Callable[[bytes], tuple[Section, ...]]] = {
    "certificate": display.of_certificate,
    "csr": display.of_csr,
    "crl": _crl,
    "key": _key,
    "ocsp": _ocsp,
}
