"""General names: writing them from members of the API, and checking those that others wrote.

Source: AWS Private CA API, GeneralName, AccessDescription; RFC 5280 sections 4.2.1.6 and 4.2.2.2.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib import hosts
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ArgumentError, DerError, PkiError, reason_of, refused, within
from chalicelib.pki.x509 import names
from chalicelib.pki.x509.csr_gate import STRICT, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from chalicelib.pki.asn1.der import Element
    from chalicelib.pki.x509.csr_gate import Gate

OTHER_NAME, MAIL, DNS, X400, DIRECTORY, EDI_PARTY, URI, IP, REGISTERED_ID = (
    *(0xA0, 0x81, 0x82, 0xA3, 0xA4, 0xA5),
    *(0x86, 0x87, 0x88),
)
MAX_NAMES = 1000
# The API's names of the kinds.
KINDS = {
    OTHER_NAME: "OtherName",
    MAIL: "Rfc822Name",
    DNS: "DnsName",
    DIRECTORY: "DirectoryName",
    EDI_PARTY: "EdiPartyName",
    URI: "UniformResourceIdentifier",
    IP: "IpAddress",
    REGISTERED_ID: "RegisteredId",
}


# reading


@lru_cache(maxsize=16)  # a CSR, the plan and the linter hold the same bytes against the same rules
def parse_general_names(value_der: bytes, gate: Gate = STRICT) -> tuple[Element, ...]:
    """Read and check GeneralNames in DER.

    Raises:
        PkiError: it is not strict DER, or a name breaks a rule.
    """
    return tuple(check_general_names(der.parse(value_der).expect(der.SEQUENCE, "A list of alternative names"), gate))


def check_general_names(list_: Element, gate: Gate = STRICT) -> list[Element]:
    """Read and check the members of GeneralNames, whatever their tag; errors as in `parse_general_names`."""
    return _checked(list_, lambda member: check_general_name(member, gate))


def check_locations(list_: Element) -> list[Element]:
    """Check the names of a CRL distribution point: a URI may be relative, as in the mDL samples of AWS's guide."""
    return _checked(list_, _check_location)


def _checked(list_: Element, check: Callable[[Element], None]) -> list[Element]:
    members = []
    for member in list_.children():
        members.append(member)
        if len(members) > MAX_NAMES:
            raise PkiError(f"There are more than {MAX_NAMES} alternative names.")
        check(member)
    if not members:
        raise PkiError("A list of alternative names is empty.")
    return members


def _check_location(member: Element) -> None:
    if member.tag != URI or _RELATIVE_URI.fullmatch(_ia5(member)) is None:
        check_general_name(member)


def check_general_name(member: Element, gate: Gate = STRICT) -> None:
    """Check one GeneralName against the grammar of its kind.

    Raises:
        PkiError: it breaks a rule.
    """
    check = _CHECKS.get(member.tag)
    if check is None:
        raise PkiError(f"An alternative name has tag 0x{member.tag:02x}, which is not supported.")
    check(member, gate)


# Letters, digits and hyphens (RFC 1034), and the underscore that private names use.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX = re.compile(rf"(?=.{{1,64}}$){_ATOM}(?:\.{_ATOM})*", re.ASCII)
# RFC 3986: a scheme, and something after it; only LDAP (RFC 4516) and files (RFC 8089) may have an empty authority.
_URI_CHARACTERS = r"(?:[!#$&-;=?-Z\[\]_a-z~]|%[0-9A-Fa-f]{2})+"
_URI = re.compile(
    rf"(?:(?i:ldaps?|file):(?!//$)|[A-Za-z][A-Za-z0-9+.-]*:(?!//(?:[/?#]|$))){_URI_CHARACTERS}",
    re.ASCII,
)
_RELATIVE_URI = re.compile(rf"(?!//|[^/?#]*:){_URI_CHARACTERS}", re.ASCII)  # RFC 3986 section 4.2, without a host
_URN = re.compile("(?i:urn|tag|mailto|sip|sips):", re.ASCII)  # the usual schemes without an authority


def is_host_name(text: str) -> bool:
    """Test for a DNS name without wildcard and final dot, which no client reads as an address."""
    return _HOST.fullmatch(text) is not None and not hosts.ends_in_number(text)


def is_mail_address(text: str) -> bool:
    """Test for an email address whose host all clients read alike: no quotes, no comments, one "@"."""
    mailbox, _, host = text.rpartition("@")
    return _MAILBOX.fullmatch(mailbox) is not None and _HOST.fullmatch(host) is not None


def _ia5(member: Element) -> str:
    """Decode a name of one or more characters, none of which are control characters."""
    if not member.content:
        raise PkiError("An alternative name is empty.")
    return names.decode_string(der.IA5_STRING, member.content)


def kind_of(text: str) -> str:
    """Return the API's name of the kind of name that a text looks like; it may still be malformed."""
    if "://" in text or _URN.match(text):
        return KINDS[URI]
    if "@" in text:
        return KINDS[MAIL]
    return KINDS[IP if hosts.is_literal(text) else DNS]


def _check_dns(member: Element, gate: Gate) -> None:
    name = _ia5(member)
    if len(name) > 253 or not is_host_name(name.removeprefix("*.")):
        require(gate, f"The DNS name '{name[:80]}' is malformed.", holds=False)


def _check_mail(member: Element, gate: Gate) -> None:
    is_address = is_mail_address(_ia5(member))
    require(gate, "An email address among the alternative names is malformed.", holds=is_address)


def _check_uri(member: Element, gate: Gate) -> None:
    is_uri = _URI.fullmatch(_ia5(member)) is not None
    require(gate, "A URI among the alternative names is malformed or not absolute.", holds=is_uri)


def _check_ip(member: Element, _gate: Gate) -> None:
    if len(member.content) not in {4, 16}:
        raise PkiError("An IP address among the alternative names has neither 4 nor 16 octets.")


def _check_directory(member: Element, gate: Gate) -> None:
    inner = member.children()
    if len(inner) != 1 or not names.parse_name(inner[0], gate):
        raise PkiError("A directory name among the alternative names is empty or malformed.")


def _check_other(member: Element, _gate: Gate) -> None:
    parts = member.children()
    if [part.tag for part in parts] != [der.OID, 0xA0] or len(parts[1].children()) != 1:
        raise PkiError("An other name among the alternative names is malformed.")


def _check_edi_party(member: Element, _gate: Gate) -> None:
    parts = member.children()
    if [part.tag for part in parts] not in ([0xA1], [0xA0, 0xA1]):
        raise PkiError("An EDI party name among the alternative names is malformed.")
    for part in parts:
        strings = part.children()
        if len(strings) != 1 or not names.decode_string(strings[0].tag, strings[0].content):
            raise PkiError("An EDI party name among the alternative names is empty or malformed.")


def _check_registered(member: Element, _gate: Gate) -> None:
    if not der.is_oid_content(member.content):
        raise PkiError("A registered id among the alternative names is malformed.")


_CHECKS: dict[int, Callable[[Element, Gate], None]] = {
    OTHER_NAME: _check_other,
    MAIL: _check_mail,
    DNS: _check_dns,
    DIRECTORY: _check_directory,
    EDI_PARTY: _check_edi_party,
    URI: _check_uri,
    IP: _check_ip,
    REGISTERED_ID: _check_registered,
}


# writing


def general_name(value: Mapping[str, Any]) -> bytes:
    """Write a GeneralName in DER.

    Raises:
        ArgumentError: there is not exactly one member, or it cannot be written.
    """
    if len(value) != 1:
        raise ArgumentError("A GeneralName has exactly one member.")
    ((kind, content),) = value.items()
    try:
        encoded = _WRITERS[kind](content)
        check_general_name(der.read(encoded))
    except ValueError as error:
        below = error.member if isinstance(error, PkiError) else ()
        raise ArgumentError(
            f"The {kind} of a GeneralName cannot be written. {error}", reason=reason_of(error), member=(kind, *below)
        ) from error
    return encoded


def _ascii(text: str, advice: str = "") -> bytes:
    if not text.isascii():
        refusal = f"It holds characters other than ASCII. {advice}".rstrip()
        raise PkiError(refusal)
    return text.encode()


def _utf8(text: str) -> bytes:
    return der.tlv(der.UTF8_STRING, text.encode())


def _other_name(content: Mapping[str, str]) -> bytes:
    return der.tlv(OTHER_NAME, der.oid(content["TypeId"]), der.tlv(0xA0, _utf8(content["Value"])))


def _edi_party_name(content: Mapping[str, str]) -> bytes:
    assigner = [der.tlv(0xA0, _utf8(content["NameAssigner"]))] if "NameAssigner" in content else []
    return der.tlv(EDI_PARTY, *assigner, der.tlv(0xA1, _utf8(content["PartyName"])))


def _ip_address(content: str) -> bytes:
    if "%" in content:
        raise DerError("A certificate cannot hold the zone of an IPv6 address.")
    try:
        return der.tlv(IP, ipaddress.ip_address(content).packed)
    except ValueError as error:
        raise PkiError(str(error), reason="It is neither an IPv4 nor an IPv6 address.") from error


_WRITERS: dict[str, Callable[[Any], bytes]] = {
    "OtherName": _other_name,
    "Rfc822Name": lambda text: der.tlv(MAIL, _ascii(text)),
    "DnsName": lambda text: der.tlv(DNS, _ascii(text, "A host name of another script is written as xn--… (RFC 5891).")),
    "DirectoryName": lambda subject: der.tlv(DIRECTORY, names.encode_subject(subject)),
    "EdiPartyName": _edi_party_name,
    "UniformResourceIdentifier": lambda text: der.tlv(URI, _ascii(text)),
    "IpAddress": _ip_address,
    "RegisteredId": lambda text: der.tlv(REGISTERED_ID, der.read(der.oid(text)).content),
}


def access_descriptions(descriptions: Iterable[Mapping[str, Any]]) -> bytes:
    """Write a list of AccessDescriptions, the value of SubjectInformationAccess, in DER.

    Raises:
        ArgumentError: a method or location does not have exactly one member.
    """
    encoded = []
    for position, description in enumerate(descriptions):
        with within(position, "AccessMethod"):
            method = _access_method(description["AccessMethod"])
        with within(position, "AccessLocation"):
            encoded.append(der.sequence(method, general_name(description["AccessLocation"])))
    return der.sequence(*encoded)


def _access_method(method: Mapping[str, str]) -> bytes:
    if len(method) != 1:
        raise ArgumentError("An AccessMethod has either CustomObjectIdentifier or AccessMethodType.")
    ((kind, name),) = method.items()
    with within(kind), refused(ArgumentError, "An AccessMethod is refused."):
        return der.oid(oids.ACCESS_METHODS[name] if kind == "AccessMethodType" else name)
