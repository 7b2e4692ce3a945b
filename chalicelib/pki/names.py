"""Distinguished names and general names: writing them from the API's members, reading them from DER with every check.

Source: AWS Private CA API, ASN1Subject; RFC 5280 sections 4.1.2.4, 4.2.1.6 and appendix A; ITU-T X.520 upper bounds.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from chalicelib.pki import der
from chalicelib.pki.errors import ArgumentError, DerError, PkiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.pki.der import Element

# The members of ASN1Subject in the order in which AWS writes them.
SUBJECT_MEMBERS: dict[str, str] = {
    "Country": "2.5.4.6",
    "Organization": "2.5.4.10",
    "OrganizationalUnit": "2.5.4.11",
    "DistinguishedNameQualifier": "2.5.4.46",
    "State": "2.5.4.8",
    "CommonName": "2.5.4.3",
    "SerialNumber": "2.5.4.5",
    "Locality": "2.5.4.7",
    "Title": "2.5.4.12",
    "Surname": "2.5.4.4",
    "GivenName": "2.5.4.42",
    "Initials": "2.5.4.43",
    "Pseudonym": "2.5.4.65",
    "GenerationQualifier": "2.5.4.44",
}
_DOMAIN_COMPONENT, _EMAIL = "0.9.2342.19200300.100.1.25", "1.2.840.113549.1.9.1"
_STRING_TAGS = dict.fromkeys(("2.5.4.6", "2.5.4.46", "2.5.4.5"), der.PRINTABLE_STRING) | dict.fromkeys(
    (_DOMAIN_COMPONENT, _EMAIL), der.IA5_STRING
)
# Upper bounds in characters (RFC 5280 appendix A.1).
_UPPER_BOUNDS = {
    "2.5.4.3": 64,
    "2.5.4.4": 32768,
    "2.5.4.5": 64,
    "2.5.4.6": 2,
    "2.5.4.7": 128,
    "2.5.4.8": 128,
    "2.5.4.10": 64,
    "2.5.4.11": 64,
    "2.5.4.12": 64,
    "2.5.4.46": 64,
    "2.5.4.65": 128,
    _EMAIL: 255,
}
_ANY_UPPER_BOUND = 32768
MAX_ATTRIBUTES = 100
_PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]*")
_NUMERIC = re.compile(rb"[0-9 ]*")
_SHORT = {"2.5.4.6": "C", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.8": "ST", "2.5.4.3": "CN", "2.5.4.7": "L"} | {
    _DOMAIN_COMPONENT: "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "2.5.4.9": "STREET",
}


def encode_subject(subject: Mapping[str, Any]) -> bytes:
    """The Name of an ASN1Subject: one attribute per RDN, in AWS's order.

    Raises:
        ArgumentError: it is empty, mixes standard and custom attributes, or a value cannot be written.
    """
    custom = subject.get("CustomAttributes")
    given = [(oid, subject[member]) for member, oid in SUBJECT_MEMBERS.items() if member in subject]
    if custom and given:
        raise ArgumentError("A subject has either CustomAttributes or standard attributes, not both.")
    pairs = [(each["ObjectIdentifier"], each["Value"]) for each in custom] if custom else given
    if not pairs:
        raise ArgumentError("A subject needs at least one attribute.")
    return der.sequence(*(der.tlv(der.SET, _attribute(oid, value)) for oid, value in pairs))


def _attribute(oid: str, value: str) -> bytes:
    tag = _STRING_TAGS.get(oid, der.UTF8_STRING)
    try:
        content = value.encode("utf-8" if tag == der.UTF8_STRING else "ascii")
        _check_value(oid, tag, content)
    except (UnicodeEncodeError, PkiError) as error:
        raise ArgumentError(f"The value of subject attribute {oid} is refused: {error}") from error
    return der.sequence(der.oid(oid), der.tlv(tag, content))


# reading


def parse_name(name: Element) -> list[tuple[str, str]]:
    """The attributes of a Name as (OID, value), each one checked.

    Raises:
        PkiError: which rule a part breaks.
    """
    attributes = []
    for rdn in name.expect(der.SEQUENCE, "A name").children():
        members = list(rdn.expect(der.SET, "A relative distinguished name").children())
        if not members:
            raise DerError("A relative distinguished name is empty.")
        attributes += [_parse_attribute(member) for member in members]
    if len(attributes) > MAX_ATTRIBUTES:
        raise PkiError(f"A name has more than {MAX_ATTRIBUTES} attributes.")
    return attributes


def _parse_attribute(attribute: Element) -> tuple[str, str]:
    parts = list(attribute.expect(der.SEQUENCE, "An attribute of a name").children())
    if len(parts) != 2:
        raise DerError("An attribute of a name does not consist of type and value.")
    oid = der.oid_text(parts[0])
    return oid, _check_value(oid, parts[1].tag, parts[1].content)


_ENCODINGS = {
    der.UTF8_STRING: "utf-8",
    der.PRINTABLE_STRING: "ascii",
    der.IA5_STRING: "ascii",
    0x12: "ascii",  # NumericString
    0x14: "latin-1",  # TeletexString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}


def _check_value(oid: str, tag: int, content: bytes) -> str:
    """The text of an attribute value, or which rule it breaks."""
    text = decode_string(tag, content)
    if not text:
        raise PkiError(f"attribute {oid} of a name is empty.")
    if len(text) > _UPPER_BOUNDS.get(oid, _ANY_UPPER_BOUND):
        raise PkiError(
            f"attribute {oid} of a name has more than {_UPPER_BOUNDS.get(oid, _ANY_UPPER_BOUND)} characters."
        )
    if oid == "2.5.4.6" and re.fullmatch(r"[A-Za-z]{2}", text, re.ASCII) is None:
        raise PkiError("the country of a name is not two letters.")
    return text


def decode_string(tag: int, content: bytes) -> str:
    """The text of an ASN.1 string, refused if it is malformed or holds control characters."""
    if tag not in _ENCODINGS:
        raise PkiError(f"a name holds a value with tag 0x{tag:02x}, which is no string.")
    pattern = {der.PRINTABLE_STRING: _PRINTABLE, 0x12: _NUMERIC}.get(tag)
    try:
        text = content.decode(_ENCODINGS[tag])
    except UnicodeDecodeError as error:
        raise PkiError("a name holds a string that is not in its encoding.") from error
    if pattern is not None and pattern.fullmatch(content) is None:
        raise PkiError("a name holds a PrintableString or NumericString with other characters.")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise PkiError("a name holds control characters.")
    return text


def rfc2253(name_der: bytes) -> str:
    """A Name for people: reversed, commas without space, unknown types as `oid=#hex` (RFC 2253)."""
    rdns = ["+".join(map(_rfc2253_attribute, rdn.children())) for rdn in der.read(name_der).children()]
    return ",".join(reversed(rdns))


def _rfc2253_attribute(attribute: Element) -> str:
    kind, value = attribute.children()
    oid = der.oid_text(kind)
    if oid not in _SHORT or value.tag not in _ENCODINGS:
        return f"{oid}=#{value.der.hex()}"
    text = value.content.decode(_ENCODINGS[value.tag], "replace")
    text = re.sub(r'([,+"\\<>;])', r"\\\1", text)
    text = re.sub(r"^([ #])|( )$", r"\\\1\2", text)
    return f"{_SHORT[oid]}={text}"


def common_name(name_der: bytes) -> str | None:
    """The first common name, or None."""
    for rdn in der.read(name_der).children():
        for attribute in rdn.children():
            kind, value = attribute.children()
            if der.oid_text(kind) == SUBJECT_MEMBERS["CommonName"]:
                return value.content.decode(_ENCODINGS.get(value.tag, "latin-1"), "replace")
    return None


def walk_general_names(names: Element) -> Iterator[Element]:
    """The members of GeneralNames, each one checked (RFC 5280 section 4.2.1.6).

    Raises:
        PkiError: which rule a name breaks.
    """
    members = list(names.expect(der.SEQUENCE, "A list of general names").children())
    if not members:
        raise PkiError("a list of alternative names is empty.")
    for member in members:
        check = _GENERAL_NAMES.get(member.tag)
        if check is None:
            raise PkiError(f"an alternative name has tag 0x{member.tag:02x}, which is not supported.")
        check(member)
        yield member


_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_DNS = re.compile(rf"(?=.{{1,253}}$)(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-\[\]_a-z~]+", re.ASCII)


def _ia5(member: Element) -> str:
    return decode_string(der.IA5_STRING, member.content)


def _check_dns(member: Element) -> None:
    name = _ia5(member)
    if _DNS.fullmatch(name) is None:
        raise PkiError(f"the DNS name '{name}' is malformed.")
    if name.rsplit(".", 1)[-1].isdigit():
        raise PkiError(f"the DNS name '{name}' looks like an IP address.")


def _check_mail(member: Element) -> None:
    mailbox, _, host = _ia5(member).rpartition("@")
    if _MAILBOX.fullmatch(mailbox) is None or _HOST.fullmatch(host) is None:
        raise PkiError("an email address among the alternative names is malformed.")


def _check_uri(member: Element) -> None:
    if _URI.fullmatch(_ia5(member)) is None:
        raise PkiError("a URI among the alternative names is malformed or not absolute.")


def _check_ip(member: Element) -> None:
    if len(member.content) not in {4, 16}:
        raise PkiError("an IP address among the alternative names has neither 4 nor 16 octets.")


def _check_directory(member: Element) -> None:
    inner = list(member.children())
    if len(inner) != 1 or not parse_name(inner[0]):
        raise PkiError("a directory name among the alternative names is empty or malformed.")


def _check_other(member: Element) -> None:
    parts = list(member.children())
    if len(parts) != 2 or parts[0].tag != der.OID or parts[1].tag != 0xA0 or len(list(parts[1].children())) != 1:
        raise PkiError("an other name among the alternative names is malformed.")


def _check_registered(member: Element) -> None:
    if not member.content or member.content[-1] & 0x80:
        raise PkiError("a registered id among the alternative names is malformed.")


_GENERAL_NAMES = {
    0xA0: _check_other,
    0x81: _check_mail,
    0x82: _check_dns,
    0xA4: _check_directory,
    0x86: _check_uri,
    0x87: _check_ip,
    0x88: _check_registered,
}
