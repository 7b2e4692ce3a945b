"""Distinguished names: written from members of the API, read and checked from DER, compared.

Source: AWS Private CA API, ASN1Subject; RFC 5280 sections 4.1.2.4 and 7.1, and appendix A; ITU-T X.520.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ArgumentError, DerError, PkiError, reason_of, within
from chalicelib.pki.x509.csr_gate import STRICT, require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.pki.asn1.der import Element
    from chalicelib.pki.x509.csr_gate import Gate

    Rdns = tuple[frozenset[tuple[str, str]], ...]  # object identifiers with texts

# The members of ASN1Subject in the order in which AWS writes them.
SUBJECT_MEMBERS: dict[str, str] = {
    "Country": oids.COUNTRY,
    "Organization": oids.ORGANIZATION,
    "OrganizationalUnit": oids.ORGANIZATIONAL_UNIT,
    "DistinguishedNameQualifier": oids.DISTINGUISHED_NAME_QUALIFIER,
    "State": oids.STATE,
    "CommonName": oids.COMMON_NAME,
    "SerialNumber": oids.SERIAL_NUMBER,
    "Locality": oids.LOCALITY,
    "Title": oids.TITLE,
    "Surname": oids.SURNAME,
    "GivenName": oids.GIVEN_NAME,
    "Initials": oids.INITIALS,
    "Pseudonym": oids.PSEUDONYM,
    "GenerationQualifier": oids.GENERATION_QUALIFIER,
}
_PRINTABLE_ONLY = frozenset({oids.COUNTRY, oids.DISTINGUISHED_NAME_QUALIFIER, oids.SERIAL_NUMBER})
_STRING_TAGS = dict.fromkeys(_PRINTABLE_ONLY, der.PRINTABLE_STRING) | dict.fromkeys(
    (oids.DOMAIN_COMPONENT, oids.EMAIL_ADDRESS), der.IA5_STRING
)
# Upper bounds in characters (RFC 5280 appendix A.1); the others have ub-name, 32768.
_UPPER_BOUNDS = {
    oids.COMMON_NAME: 64,
    oids.SERIAL_NUMBER: 64,
    oids.LOCALITY: 128,
    oids.STATE: 128,
    oids.ORGANIZATION: 64,
    oids.ORGANIZATIONAL_UNIT: 64,
    oids.TITLE: 64,
    oids.DISTINGUISHED_NAME_QUALIFIER: 64,
    oids.PSEUDONYM: 128,
    oids.EMAIL_ADDRESS: 255,
}
_ANY_UPPER_BOUND = 32768
MAX_ATTRIBUTES = 150  # the limit of the model for CustomAttributes, applied to names of others too
_CHARACTERS = {
    der.PRINTABLE_STRING: re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*", re.ASCII),
    0x12: re.compile(r"[0-9 ]*", re.ASCII),  # NumericString
}
_ENCODINGS = {
    der.UTF8_STRING: "utf-8",
    der.PRINTABLE_STRING: "ascii",
    der.IA5_STRING: "ascii",
    0x12: "ascii",  # NumericString
    0x14: "latin-1",  # TeletexString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
_UNSEEN = frozenset(
    "\u034f\u1806\ufffc"  # what joins or breaks graphemes and words, and stands for an object
    "\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # letters and symbols that are blank
) | {chr(code) for code in (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))}
_SHORT = {
    oids.COUNTRY: "C",
    oids.ORGANIZATION: "O",
    oids.ORGANIZATIONAL_UNIT: "OU",
    oids.STATE: "ST",
    oids.COMMON_NAME: "CN",
    oids.LOCALITY: "L",
    oids.DOMAIN_COMPONENT: "DC",
    oids.USER_ID: "UID",
    oids.STREET_ADDRESS: "STREET",
}


def encode_subject(subject: Mapping[str, Any]) -> bytes:
    """Write an ASN1Subject as a Name: one attribute per RDN, in AWS's order; an empty text is as absent.

    Raises:
        ArgumentError: it is empty, mixes standard and custom attributes, or a value cannot be written.
    """
    custom = [
        (("CustomAttributes", position, "Value"), attribute["ObjectIdentifier"], attribute["Value"])
        for position, attribute in enumerate(subject.get("CustomAttributes", ()))
    ]
    standard = [((name,), oid, subject[name]) for name, oid in SUBJECT_MEMBERS.items() if subject.get(name)]
    if custom and standard:
        raise ArgumentError("A subject has either CustomAttributes or standard attributes, not both.")
    attributes = custom or standard
    if not attributes:
        raise ArgumentError("A subject needs at least one attribute.")
    if len(attributes) > MAX_ATTRIBUTES:
        raise ArgumentError(f"A subject has at most {MAX_ATTRIBUTES} attributes.")
    rdns = []
    for member, oid, value in attributes:
        with within(*member):
            rdns.append(der.tlv(der.SET, _attribute(oid, value)))
    return der.sequence(*rdns)


def _attribute(oid: str, value: str) -> bytes:
    tag = _STRING_TAGS.get(oid, der.UTF8_STRING)
    try:
        if tag != der.UTF8_STRING and not value.isascii():
            raise PkiError("It holds characters other than ASCII.")
        content = value.encode(_ENCODINGS[tag])
        _check_value(oid, tag, content)
        return der.sequence(der.oid(oid), der.tlv(tag, content))
    except ValueError as error:
        raise ArgumentError(f"Attribute {oid} of the subject is refused. {error}", reason=reason_of(error)) from error


# reading


@lru_cache(maxsize=16)  # a CSR, the linter and the summary read the same bytes
def attributes_of(name_der: bytes, gate: Gate = STRICT) -> tuple[tuple[str, str], ...]:
    """Read and check the attributes of a Name in DER as (OID, value); errors as in `parse_name`."""
    return tuple(parse_name(der.parse(name_der), gate))


def parse_name(name: Element, gate: Gate = STRICT) -> list[tuple[str, str]]:
    """Read and check the attributes of a Name as (OID, value).

    Raises:
        PkiError: a part breaks a rule.
    """
    attributes = []
    for rdn in name.expect(der.SEQUENCE, "A name").children():
        attributes += parse_rdn(rdn.expect(der.SET, "A relative distinguished name"), gate)
        if len(attributes) > MAX_ATTRIBUTES:
            raise PkiError(f"A name has more than {MAX_ATTRIBUTES} attributes.")
    return attributes


def parse_rdn(rdn: Element, gate: Gate = STRICT) -> list[tuple[str, str]]:
    """Read the attributes of a relative distinguished name, whatever its tag; errors as in `parse_name`."""
    members = rdn.children()
    if not members:
        raise DerError("A relative distinguished name is empty.")
    encoded = [member.der for member in members]
    if len(encoded) > 1 and encoded != sorted(set(encoded)):
        raise DerError("The attributes of a relative distinguished name are not in DER's order, or repeated.")
    return [_parse_attribute(member, gate) for member in members]


def _parse_attribute(attribute: Element, gate: Gate) -> tuple[str, str]:
    kind, value = _type_and_value(attribute)
    oid = der.oid_text(kind)
    return oid, _check_value(oid, value.tag, value.content, gate)


def _type_and_value(attribute: Element) -> tuple[Element, Element]:
    parts = attribute.expect(der.SEQUENCE, "An attribute of a name").children()
    if len(parts) != 2:
        raise DerError("An attribute of a name does not consist of type and value.")
    return parts[0], parts[1]


def _check_value(oid: str, tag: int, content: bytes, gate: Gate = STRICT) -> str:
    """Decode and check the value of an attribute."""
    if tag != der.PRINTABLE_STRING and oid in _PRINTABLE_ONLY:
        _break(gate, oid, "is not a PrintableString")
    text = decode_string(tag, content)
    if not text:
        raise _attribute_error(oid, "is empty")
    if len(text) > _ANY_UPPER_BOUND:
        raise _attribute_error(oid, f"has more than {_ANY_UPPER_BOUND} characters")
    bound = _UPPER_BOUNDS.get(oid, _ANY_UPPER_BOUND)
    if len(text) > bound:
        _break(gate, oid, f"has more than {bound} characters")
    if oid == oids.COUNTRY and re.fullmatch(r"[A-Za-z]{2}", text, re.ASCII) is None:
        require(gate, "The country of a name is not two letters.", holds=False, reason="It is not two letters.")
    return text


def _break(gate: Gate, oid: str, rule: str) -> None:
    """Refuse an attribute that breaks a rule of the strict gate."""
    require(gate, f"Attribute {oid} of a name {rule}.", holds=False, reason=f"It {rule}.")


def _attribute_error(oid: str, rule: str) -> PkiError:
    return PkiError(f"Attribute {oid} of a name {rule}.", reason=f"It {rule}.")


def decode_string(tag: int, content: bytes) -> str:
    """Decode an ASN.1 string.

    Raises:
        PkiError: it is no string, not in its encoding, or holds control characters.
    """
    if tag not in _ENCODINGS:
        raise PkiError(f"A name holds a value with tag 0x{tag:02x}, which is no string.")
    try:
        text = content.decode(_ENCODINGS[tag])
    except UnicodeDecodeError as error:
        raise PkiError(
            "A name holds a string that is not in its encoding.", reason="It is not in its encoding."
        ) from error
    if tag in _CHARACTERS and _CHARACTERS[tag].fullmatch(text) is None:
        raise PkiError(
            "A name holds a PrintableString or NumericString with other characters.",
            reason="It contains characters that are not allowed here.",
        )
    if not text.isprintable() and any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise PkiError("A name holds control characters.", reason="It holds control characters.")
    return text


# comparing and showing


def normalized(name_der: bytes) -> Rdns:
    """Bring the RDNs of a Name into a form that is equal for names that RFC 5280 section 7.1 calls equal.

    Raises:
        DerError: it is no Name.
    """
    return _rdns(name_der, _prepared)


def normalized_loosely(name_der: bytes) -> Rdns:
    """The same for names that any client takes for equal.

    Characters that nobody sees count for nothing (RFC 4518 section 2.2). Java compares names in capitals, and those of
    "i" and the dotless i are the same.
    """
    return _rdns(name_der, _loosely)


def normalized_strictly(name_der: bytes) -> Rdns:
    """The same for names that all clients take for equal: OpenSSL knows only spaces and the case of ASCII."""
    return _rdns(name_der, _strictly)


def _rdns(name_der: bytes, fold: Callable[[str], str]) -> Rdns:
    rdns = der.read(name_der).expect(der.SEQUENCE, "A name").children()
    return tuple([frozenset([_folded(attribute, fold) for attribute in rdn.children()]) for rdn in rdns])


def _folded(attribute: Element, fold: Callable[[str], str]) -> tuple[str, str]:
    kind, value = _type_and_value(attribute)
    if value.tag not in _ENCODINGS:
        return der.oid_text(kind), value.der.hex()
    return der.oid_text(kind), fold(value.content.decode(_ENCODINGS[value.tag], "replace"))


def _prepared(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _loosely(text: str) -> str:
    prepared = _prepared(text)
    if prepared.isascii():
        return prepared
    seen = (each for each in prepared if each not in _UNSEEN and unicodedata.category(each) != "Cf")
    return _prepared("".join(seen).upper())


def _strictly(text: str) -> str:
    return " ".join(filter(None, text.encode().lower().decode().split(" ")))


def rfc2253(name_der: bytes) -> str:
    """Write a Name for people: reversed, commas without space, unknown types as `oid=#hex` (RFC 2253)."""
    rdns = ["+".join(map(_rfc2253_attribute, rdn.children())) for rdn in der.read(name_der).children()]
    return ",".join(reversed(rdns))


def _rfc2253_attribute(attribute: Element) -> str:
    kind, value = _type_and_value(attribute)
    oid = der.oid_text(kind)
    if oid not in _SHORT or value.tag not in _ENCODINGS:
        return f"{oid}=#{value.der.hex()}"
    text = value.content.decode(_ENCODINGS[value.tag], "replace")
    text = re.sub(r'([,+"\\<>;])', r"\\\1", text)
    text = re.sub(r"^[ #]| $", r"\\\g<0>", text)
    return f"{_SHORT[oid]}={text}"


def common_name(name_der: bytes) -> str | None:
    """The first common name, or None."""
    for rdn in der.read(name_der).children():
        for kind, value in map(_type_and_value, rdn.children()):
            if der.oid_text(kind) == oids.COMMON_NAME:
                return value.content.decode(_ENCODINGS.get(value.tag, "latin-1"), "replace")
    return None
