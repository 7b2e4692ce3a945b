"""The rules for extensions that are about to be signed: each value has to follow its grammar to the last member.

What others have signed is read more tolerantly, by `extension_values`. An extension without a row here must be readable
by the library that reads certificates, if the library knows it.

Source: RFC 5280 section 4.2 and appendix A; RFC 7633 section 4; ITU-T X.690 for the encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from cryptography import x509

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.asn1.der import Element
from chalicelib.pki.errors import DerError, PkiError
from chalicelib.pki.x509 import extension_values, extensions, general_names, names
from chalicelib.pki.x509.csr_gate import STRICT
from chalicelib.pki.x509.name_constraints import parse_name_constraints

if TYPE_CHECKING:
    from chalicelib.pki.x509.csr_gate import Gate
    from chalicelib.pki.x509.extensions import Extension

Grammar = Callable[[Element], object]

_VISIBLE_STRING, _BMP_STRING = 0x1A, 0x1E
_DISPLAY_TEXT = frozenset({der.UTF8_STRING, der.IA5_STRING, _VISIBLE_STRING, _BMP_STRING})
_STATUS_REQUESTS = frozenset({5, 17})
_MAX_COUNT_BYTES = 4
_REASONS = 9


@lru_cache(maxsize=16)  # the plan and the linter check the same values
def check_value(extension: Extension, gate: Gate = STRICT) -> None:
    """Check that the value is DER, and follows the grammar of its extension.

    Raises:
        PkiError: it breaks a rule.
    """
    grammar = _GRAMMARS.get(extension.oid)
    try:
        if extension.oid == oids.SUBJECT_ALTERNATIVE_NAME:
            general_names.parse_general_names(extension.value_der, gate)
            return
        root = der.parse(extension.value_der)
        if grammar is not None:
            grammar(root)
    except PkiError as error:
        raise PkiError(f"The value of extension {extension.oid} is malformed. {error}") from error
    if grammar is None:
        check_readable(extension)


def check_readable(extension: Extension) -> None:
    """Let the library read a CSR that holds this extension alone.

    Raises:
        PkiError: the library knows the extension, and cannot read it.
    """
    requested = der.tlv(der.SET, extensions.encode_extensions([extension]))
    attribute = der.sequence(der.oid(oids.EXTENSION_REQUEST), requested)
    no_key = der.sequence(_ALGORITHM, der.bit_string(b""))
    info = der.sequence(der.integer(0), der.sequence(), no_key, der.tlv(0xA0, attribute))
    try:
        x509.load_der_x509_csr(der.sequence(info, _ALGORITHM, der.bit_string(b""))).extensions  # noqa: B018  it reads
    except x509.UnsupportedGeneralNameType:
        pass  # names of some kinds the library leaves to others
    except (ValueError, TypeError, LookupError) as error:
        text = "is malformed. It does not have the members that it must have."
        raise PkiError(f"The value of extension {extension.oid} {text}") from error


_ALGORITHM = der.sequence(der.oid("1.2.840.10045.4.3.2"))


# building blocks


def _list(what: str, grammar: Grammar) -> Grammar:
    """The grammar of a SEQUENCE of one or more members of a kind."""

    def check(element: Element) -> None:
        members = element.expect(der.SEQUENCE, what).children()
        if not members:
            raise DerError(f"{what} is empty.")
        for member in members:
            grammar(member)

    return check


def _optional(element: Element, what: str, grammars: Mapping[int, Grammar]) -> set[int]:
    """Check members that may each occur once, in this order; return the tags of those that do."""
    members = element.children()
    tags = [member.tag for member in members]
    if tags != [tag for tag in grammars if tag in tags]:
        raise DerError(f"{what} has members that it cannot have, or in another order.")
    for member in members:
        grammars[member.tag](member)
    return set(tags)


def _only_child(element: Element, what: str) -> Element:
    children = element.children()
    if len(children) != 1:
        raise DerError(f"{what} does not hold exactly one value.")
    return children[0]


def _oid(element: Element) -> None:
    element.expect(der.OID, "An object identifier")


def _octets(element: Element) -> None:
    if not element.content:
        raise DerError("A key identifier is empty.")


def _unsigned(element: Element, *, limit: int | None = None) -> None:
    """Check the content of an INTEGER that is zero or positive, whatever its tag."""
    content = element.content
    if not der.is_integer_content(content) or content[0] & 0x80:
        raise DerError("An INTEGER is negative, empty or not encoded minimally.")
    if limit is not None and len(content) > limit:
        raise DerError(f"An INTEGER has more than {limit} octets.")


def _serial_number(element: Element) -> None:
    """The content of an INTEGER above zero, whatever its tag (RFC 5280 section 4.1.2.2)."""
    _unsigned(element)
    if not any(element.content):
        raise DerError("A serial number is zero.")


_count = partial(_unsigned, limit=_MAX_COUNT_BYTES)


# RFC 5280


def _subject_key_identifier(root: Element) -> None:
    _octets(root.expect(der.OCTET_STRING, "SubjectKeyIdentifier"))


def _authority_key_identifier(root: Element) -> None:
    root.expect(der.SEQUENCE, "AuthorityKeyIdentifier")
    members: dict[int, Grammar] = {0x80: _octets, 0xA1: general_names.check_general_names, 0x82: _serial_number}
    tags = _optional(root, "AuthorityKeyIdentifier", members)
    if 0x80 not in tags or len(tags) == 2:
        raise DerError(
            "AuthorityKeyIdentifier has no keyIdentifier, or one of authorityCertIssuer and its serial alone."
        )


def _key_usage(root: Element) -> None:
    usages = extension_values.key_usages(root.der)
    if usages & {"EncipherOnly", "DecipherOnly"} and "KeyAgreement" not in usages:
        raise DerError("KeyUsage has encipherOnly or decipherOnly, which mean nothing without keyAgreement.")


def _basic_constraints(root: Element) -> None:
    is_ca, _ = extension_values.parse_basic_constraints(root.der)
    if not is_ca and root.content:
        raise DerError("BasicConstraints write out a cA of FALSE, which DER leaves out.")
    for member in root.children()[1:]:
        _count(member)


def _name_constraints(root: Element) -> None:
    constraints = parse_name_constraints(root.der)
    for base in (*constraints.permitted, *constraints.excluded):
        if base.tag == general_names.DIRECTORY:
            names.parse_name(der.parse(base.content))
        elif base.tag == general_names.IP:
            _check_range(base.content)
        elif base.tag == general_names.DNS and b"*" in base.content:
            raise DerError("A DNS name of name constraints has a wildcard, which is no host name.")


def _check_range(content: bytes) -> None:
    """Check an address with its mask, in the style of CIDR."""
    size = len(content) // 2
    address, mask = int.from_bytes(content[:size]), int.from_bytes(content[size:])
    below = mask ^ ((1 << 8 * size) - 1)
    if below & (below + 1):
        raise DerError("The mask of an IP address range is not contiguous.")
    if address & below:
        raise DerError("An IP address range has bits below its mask.")


def _distribution_point(element: Element) -> None:
    element.expect(der.SEQUENCE, "A distribution point")
    members: dict[int, Grammar] = {0xA0: _point_name, 0x81: _reasons, 0xA2: general_names.check_general_names}
    if not _optional(element, "A distribution point", members) - {0x81}:
        raise DerError("A distribution point has neither a name nor a CRL issuer.")


def _point_name(element: Element) -> None:
    choice = _only_child(element, "The name of a distribution point")
    if choice.tag == 0xA0:
        general_names.check_locations(choice)
    elif choice.tag == 0xA1:
        names.parse_rdn(choice)
    else:
        raise DerError("The name of a distribution point is neither full nor relative.")


def _reasons(element: Element) -> None:
    bits = der.bits(element.content)
    if bits is None or len(bits) > _REASONS or not any(bits) or bits[0] or not bits[-1]:
        raise DerError("The reasons of a distribution point set no bit, unknown bits, or are not encoded minimally.")


def _policy(element: Element) -> None:
    what = "A policy"
    element.expect(der.SEQUENCE, what)
    if der.OID not in _optional(element, what, {der.OID: _oid, der.SEQUENCE: _list("Its qualifiers", _qualifier)}):
        raise DerError(f"{what} has no identifier.")


def _policies(root: Element) -> None:
    _list("CertificatePolicies", _policy)(root)
    identifiers = [policy.children()[0].content for policy in root.children()]
    if len(set(identifiers)) != len(identifiers):
        raise DerError("A policy is there more than once.")


def _qualifier(element: Element) -> None:
    parts = element.expect(der.SEQUENCE, "A qualifier of a policy").children()
    if len(parts) != 2:
        raise DerError("A qualifier of a policy does not consist of identifier and value.")
    grammar = _QUALIFIERS.get(der.oid_text(parts[0]))
    if grammar is None:
        raise DerError("A qualifier of a policy is neither a CPS pointer nor a user notice.")
    grammar(parts[1])


def _cps(element: Element) -> None:
    _text(element.expect(der.IA5_STRING, "A CPS pointer"))


def _user_notice(element: Element) -> None:
    members = element.expect(der.SEQUENCE, "A user notice").children()
    if members and members[0].tag == der.SEQUENCE:
        organization, numbers = _pair(members.pop(0), "A notice reference")
        _display_text(organization)
        _list("The list of notice numbers", _notice_number)(numbers)
    if len(members) > 1:
        raise DerError("A user notice has members that it cannot have, or in another order.")
    for member in members:
        _display_text(member)


def _notice_number(element: Element) -> None:
    _unsigned(element.expect(der.INTEGER, "A notice number"))


def _display_text(element: Element) -> None:
    if element.tag not in _DISPLAY_TEXT:
        raise DerError("The text of a user notice is no string that RFC 5280 has there.")
    if len(_text(element)) > 200:
        raise DerError("The text of a user notice has more than 200 characters.")


def _text(element: Element) -> str:
    tag = der.IA5_STRING if element.tag == _VISIBLE_STRING else element.tag
    try:
        text = names.decode_string(tag, element.content)
    except PkiError as error:
        raise DerError("A text is not in its encoding, or holds control characters.") from error
    if not text:
        raise DerError("A text is empty.")
    return text


def _pair(element: Element, what: str) -> tuple[Element, Element]:
    parts = element.expect(der.SEQUENCE, what).children()
    if len(parts) != 2:
        raise DerError(f"{what} does not have two members.")
    return parts[0], parts[1]


def _mapping(element: Element) -> None:
    if oids.ANY_POLICY in map(der.oid_text, _pair(element, "A policy mapping")):
        raise DerError("A policy is mapped to or from anyPolicy.")


def _policy_constraints(root: Element) -> None:
    root.expect(der.SEQUENCE, "PolicyConstraints")
    if not _optional(root, "PolicyConstraints", {0x80: _count, 0x81: _count}):
        raise DerError("PolicyConstraints are empty.")


def _inhibit_any_policy(root: Element) -> None:
    _count(root.expect(der.INTEGER, "InhibitAnyPolicy"))


def _access_description(element: Element) -> None:
    method, location = _pair(element, "An access description")
    _oid(method)
    general_names.check_general_name(location)


def _directory_attribute(element: Element) -> None:
    kind, values = _pair(element, "A directory attribute")
    _oid(kind)
    members = [member.der for member in values.expect(der.SET, "The values of a directory attribute").children()]
    if not members or members != sorted(set(members)):
        raise DerError("The values of a directory attribute are missing, repeated, or not in DER's order.")


def _alternative_names(root: Element) -> None:
    general_names.parse_general_names(root.der)


def _feature(element: Element) -> None:
    """Accept the two features of RFC 7633; what another number promises, clients cannot know."""
    if der.unsigned(element, "A TLS feature") not in _STATUS_REQUESTS:
        raise DerError("A TLS feature is neither status_request (5) nor status_request_v2 (17).")


_QUALIFIERS: dict[str, Grammar] = {oids.CPS_QUALIFIER: _cps, oids.USER_NOTICE_QUALIFIER: _user_notice}
_GRAMMARS: dict[str, Grammar] = {
    oids.SUBJECT_DIRECTORY_ATTRIBUTES: _list("SubjectDirectoryAttributes", _directory_attribute),
    oids.SUBJECT_KEY_IDENTIFIER: _subject_key_identifier,
    oids.KEY_USAGE: _key_usage,
    oids.ISSUER_ALTERNATIVE_NAME: _alternative_names,
    oids.BASIC_CONSTRAINTS: _basic_constraints,
    oids.NAME_CONSTRAINTS: _name_constraints,
    oids.CRL_DISTRIBUTION_POINTS: _list("CRLDistributionPoints", _distribution_point),
    oids.CERTIFICATE_POLICIES: _policies,
    oids.POLICY_MAPPINGS: _list("PolicyMappings", _mapping),
    oids.AUTHORITY_KEY_IDENTIFIER: _authority_key_identifier,
    oids.POLICY_CONSTRAINTS: _policy_constraints,
    oids.EXTENDED_KEY_USAGE: _list("ExtendedKeyUsage", _oid),
    oids.FRESHEST_CRL: _list("FreshestCRL", _distribution_point),
    oids.INHIBIT_ANY_POLICY: _inhibit_any_policy,
    oids.AUTHORITY_INFORMATION_ACCESS: _list("AuthorityInformationAccess", _access_description),
    oids.SUBJECT_INFORMATION_ACCESS: _list("SubjectInformationAccess", _access_description),
    oids.TLS_FEATURE: _list("TLSFeature", _feature),
}
