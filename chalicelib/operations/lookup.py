"""Interpreting the text of the search box. Pure.

It is a name or the beginning of one; the end of host names, such as .example.com; a subject, or an attribute of it; a
serial number or the beginning of one; an IP address; or the ARN of a CA or a certificate.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib import arn as arns
from chalicelib.store import Span, search_value

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CHARACTERS = 1024
_WHOLE_SERIAL = 31  # hex digits; of random serial numbers, one in 16 has no more
_SHORT_SERIAL = 4
_SERIAL = re.compile(
    r"(?:serial(?: number)?\s*[=:]\s*)?(?:0x)?((?:[0-9a-f]{1,2}[:\s])*[0-9a-f]{1,40}:?)", re.ASCII | re.IGNORECASE
)
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\.?", re.ASCII | re.IGNORECASE)
_SUBJECT = re.compile(
    r"(?:subject\s*[=:]\s*)?(/?\s*(?:[a-z][a-z0-9.-]{0,40}|[0-9.]{3,60})\s*=.*)", re.ASCII | re.IGNORECASE | re.DOTALL
)
_SEPARATORS = {True: re.compile(r"(?<!\\)/"), False: re.compile(r"(?<!\\)[,;+\n]")}
_KINDS: tuple[Literal["san"], Literal["subject"]] = ("san", "subject")
_ESCAPED = re.compile(rb"\\(?:([0-9a-fA-F]{2})|(.))", re.DOTALL)


class Lookup(NamedTuple):
    """Conditions on certificates.

    Attributes:
        spans: a name in one of these.
        ending: that name ends with this.
        values: all of these attributes of the subject; with a final "*", the beginning of one.
        serial: instead of a name, a serial number that begins with these hex digits.
        ca_id: this CA.
    """

    spans: tuple[Span, ...] = ()
    ending: str = ""
    values: tuple[str, ...] = ()
    serial: str = ""
    ca_id: str = ""

    @property
    def is_whole_serial(self) -> bool:
        """Tell whether the serial number is complete: too long to be the beginning of another one."""
        return len(self.serial) >= _WHOLE_SERIAL

    def has_serial(self, serial: str) -> bool:
        """Tell whether a serial number of 32 digits begins so, with its leading zeros or without them."""
        return bool(self.serial) and (
            serial.startswith(self.serial) or serial.lstrip("0").startswith(self.serial.lstrip("0") or "-")
        )


def read(text: str) -> Lookup:
    """Read the text of the search box.

    Raises:
        ValueError: it looks like an ARN, but is neither a CA's nor a certificate's; the text says so.
    """
    text = text.strip()[:MOST_CHARACTERS]
    return next(lookup for reader in _READERS if (lookup := reader(text)) is not None)


def _arn(text: str) -> Lookup | None:
    if not text.startswith("arn:"):
        return None
    with suppress(arns.ArnError):
        return Lookup(ca_id=arns.parse_ca_arn(text).ca_id)
    try:
        parsed = arns.parse_certificate_arn(text)
    except arns.ArnError as error:
        raise ValueError("It must be the ARN of a CA or of a certificate.") from error
    return Lookup(ca_id=parsed.ca.ca_id, serial=arns.serial_hex(parsed.serial_number))


def _subject(text: str) -> Lookup | None:
    """A subject as programs print it: CN=a,O=b as in RFC 2253, CN = a, O = b, or /O=b/CN=a."""
    match = _SUBJECT.fullmatch(text)
    if match is None:
        return None
    parts = _SEPARATORS[match[1].startswith("/")].split(match[1])
    pairs = [(name.strip().upper(), _unescaped(value)) for name, _, value in (part.partition("=") for part in parts)]
    named = {name: value for name, value in pairs if value.strip("*")}
    if not named:
        return None
    wanted = named.get("CN") or max(named.values(), key=len)
    return Lookup(spans=(_span("subject", wanted),), values=tuple(named.values()))


def _unescaped(value: str) -> str:
    """A value of an attribute without the escapes of RFC 2253, section 2.4."""
    text = value.strip()
    text = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()) if found[1] else found[2], text.encode()).decode(
        "utf-8", "replace"
    )


def _address(text: str) -> Lookup | None:
    with suppress(ValueError):
        address = str(ipaddress.ip_address(text.strip("[]")))  # as the index has it (RFC 5952)
        return Lookup(spans=(_span("san", address), _span("subject", address)))
    return None


def _ending(text: str) -> Lookup | None:
    ending = text.removeprefix("*")
    if not re.fullmatch(r"\.[^\s*]+", ending):
        return None
    return Lookup(spans=(Span("san"), Span("subject")), ending=search_value(_ascii(ending)))


def _serial(text: str) -> Lookup | None:
    """A serial number, which may be a name as well, unless it has colons or is long."""
    match = _SERIAL.fullmatch(text)
    digits = re.sub(r"[:\s]", "", match[1]).lower() if match else ""
    if match is None or len(digits) < _SHORT_SERIAL:
        return None
    serial = digits.lstrip("0").rjust(32, "0") if len(digits) >= _WHOLE_SERIAL else digits
    is_name = match[1] == text and ":" not in text and len(digits) < _WHOLE_SERIAL
    return Lookup(spans=_named(text) if is_name else (), serial=serial)


def _name(text: str) -> Lookup:
    return Lookup(spans=_named(text))


def _named(text: str) -> tuple[Span, ...]:
    """Names that begin with a text; for a host, also the wildcard that stands for it."""
    begin = text.removesuffix("*")
    spellings = dict.fromkeys((begin, _ascii(begin)))
    spans = [_span(kind, f"{spelling}*") for spelling in spellings for kind in _KINDS]
    parent = _ascii(begin).partition(".")[2]
    if _HOST.fullmatch(_ascii(begin)) and "." in parent:
        spans.append(_span("san", f"*.{parent}"))
    return tuple(spans)


def _span(kind: Literal["san", "subject"], value: str) -> Span:
    """A value; with a final "*", all values that begin so."""
    begin = value.removesuffix("*")
    return Span(kind, begin, begin, whole=begin == value)


def _ascii(host: str) -> str:
    """A host name as certificates have it (RFC 5890); anything else unchanged."""
    if host.isascii():
        return host
    with suppress(UnicodeError):
        return ".".join(label.encode("idna").decode() if label else "" for label in host.split("."))
    return host


_READERS: tuple[Callable[[str], Lookup | None], ...] = (_arn, _address, _serial, _subject, _ending, _name)
