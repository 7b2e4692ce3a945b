"""Reading a certificate that is about to be signed: from its bytes alone, and strictly.

Source: RFC 5280 section 4.1; ITU-T X.690.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509

from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import LintError
from chalicelib.pki.x509.extensions import Extension

if TYPE_CHECKING:
    from chalicelib.pki.asn1.der import Element

_TIMES = {
    der.UTC_TIME: re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z"),
    der.GENERALIZED_TIME: re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z"),
}
_VERSION_3 = b"\xa0\x03\x02\x01\x02"
_MAX_SERIAL_OCTETS = 20


class Reading(NamedTuple):
    """A certificate as its bytes have it."""

    serial_number: int
    inner_algorithm: bytes
    outer_algorithm: bytes
    issuer: Element
    not_before: datetime
    not_after: datetime
    subject: Element
    spki_der: bytes
    extensions: dict[str, Extension]


def read(certificate_der: bytes) -> Reading:
    """Read a certificate of version 3, with our own reader and with another one.

    Names, key and the values of extensions are not read here: rules compare them byte for byte, or hold them against
    their grammar.

    Raises:
        LintError: it is not what X.509 calls a certificate, or an extension is there twice.
    """
    try:
        root = der.read(certificate_der)
        tbs, outer, _ = der.fields(root, "A certificate", der.SEQUENCE, der.SEQUENCE, der.BIT_STRING)
        if root.end != len(certificate_der):
            raise LintError("der_malformed", "Something follows the certificate.")
        result = _read(tbs.children(), outer.der)
    except LintError:
        raise
    except ValueError as error:
        raise LintError("der_malformed", str(error)) from error
    try:
        serial_number = x509.load_der_x509_certificate(certificate_der).serial_number
    except ValueError as error:
        raise LintError("unreadable_elsewhere", "Another reader does not read the certificate.") from error
    if serial_number != result.serial_number:
        raise LintError("unreadable_elsewhere", "Another reader reads another serial number.")
    return result


def _read(members: list[Element], outer_algorithm: bytes) -> Reading:
    if not members or members[0].der != _VERSION_3:
        raise LintError("version_not_3", "The version is not 3.")
    # version, serial number, algorithm, issuer, validity, subject, key, extensions; no unique identifiers
    if [member.tag for member in members[1:]] != [der.INTEGER, *[der.SEQUENCE] * 5, 0xA3]:
        raise LintError("fields_unexpected", "It has other fields than RFC 5280 wants, or unique identifiers.")
    _, serial, inner, issuer, validity, subject, spki, wrapper = members
    not_before, not_after = _validity(validity)
    return Reading(
        serial_number=_serial_number(serial),
        inner_algorithm=inner.der,
        outer_algorithm=outer_algorithm,
        issuer=issuer,
        not_before=not_before,
        not_after=not_after,
        subject=subject,
        spki_der=spki.der,
        extensions=_extensions(wrapper),
    )


def _serial_number(element: Element) -> int:
    content = element.content
    number = int.from_bytes(content, signed=True)
    if number <= 0 or len(content) > _MAX_SERIAL_OCTETS:
        raise LintError("serial_number_out_of_range", "The serial number is not positive, or has more than 20 octets.")
    if not der.is_integer_content(content):
        raise LintError("der_malformed", "The serial number is not encoded minimally.")
    return number


def _validity(validity: Element) -> tuple[datetime, datetime]:
    moments = [_moment(element.tag, element.content) for element in validity.children()]
    if len(moments) != 2:
        raise LintError("validity_encoding", "The validity does not consist of two times.")
    return moments[0], moments[1]


@lru_cache(maxsize=16)  # certificates that are issued in one second have the same times
def _moment(tag: int, content: bytes) -> datetime:
    """Read a time: UTCTime from 1950 through 2049, otherwise GeneralizedTime, in whole seconds and UTC."""
    match = _TIMES[tag].fullmatch(content) if tag in _TIMES else None
    try:
        year, month, day, hour, minute, second = map(int, match.groups() if match else ())
        if tag == der.UTC_TIME:
            year += 1900 if year >= 50 else 2000
        elif 1950 <= year < 2050:
            raise ValueError(year)
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (TypeError, ValueError) as error:
        raise LintError(
            "validity_encoding",
            "A time is neither a UTCTime of a year before 2050 nor a GeneralizedTime of a later one.",
        ) from error


def _extensions(wrapper: Element) -> dict[str, Extension]:
    by_oid: dict[str, Extension] = {}
    (extension_list,) = wrapper.children()
    for element in extension_list.expect(der.SEQUENCE, "A list of extensions").children():
        extension = _extension(element.der)
        if extension.oid in by_oid:
            raise LintError("extension_duplicate", f"Extension {extension.oid} is there twice.", oid=extension.oid)
        by_oid[extension.oid] = extension
    return by_oid


@lru_cache(maxsize=256)  # most are those of templates and CAs, and are read once
def _extension(extension_der: bytes) -> Extension:
    kind, *critical, value = der.read(extension_der).expect(der.SEQUENCE, "An extension").children()
    if [flag.der for flag in critical] not in ([], [b"\x01\x01\xff"]) or value.tag != der.OCTET_STRING:
        raise LintError("der_malformed", "An extension does not consist of identifier, criticality and value.")
    return Extension(_oid(kind.der), bool(critical), value.content)


@lru_cache(maxsize=256)
def _oid(oid_der: bytes) -> str:
    return der.oid_text(der.parse(oid_der))
