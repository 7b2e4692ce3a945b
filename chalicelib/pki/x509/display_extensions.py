"""The display of extensions: the value of each known one in words, that of any other in hex.

Source: RFC 5280 section 4.2.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.x509 import extension_values, extensions, general_names, names, summary
from chalicelib.pki.x509.name_constraints import parse_name_constraints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.pki.asn1.der import Element
    from chalicelib.pki.x509.extensions import Extension
    from chalicelib.pki.x509.name_constraints import Subtree

Words = tuple[str, str, str]  # label, value, kind
TITLES = {
    oids.SUBJECT_KEY_IDENTIFIER: "Subject key identifier",
    oids.KEY_USAGE: "Key usage",
    oids.SUBJECT_ALTERNATIVE_NAME: "Subject alternative names",
    oids.BASIC_CONSTRAINTS: "Basic constraints",
    oids.NAME_CONSTRAINTS: "Name constraints",
    oids.CRL_DISTRIBUTION_POINTS: "CRL distribution points",
    oids.CERTIFICATE_POLICIES: "Certificate policies",
    oids.POLICY_MAPPINGS: "Policy mappings",
    oids.AUTHORITY_KEY_IDENTIFIER: "Authority key identifier",
    oids.POLICY_CONSTRAINTS: "Policy constraints",
    oids.EXTENDED_KEY_USAGE: "Extended key usage",
    oids.INHIBIT_ANY_POLICY: "Inhibit any policy",
    oids.AUTHORITY_INFORMATION_ACCESS: "Authority information access",
    oids.SUBJECT_INFORMATION_ACCESS: "Subject information access",
}
_USAGES = {
    "DigitalSignature": "digital signature",
    "NonRepudiation": "non-repudiation",
    "KeyEncipherment": "key encipherment",
    "DataEncipherment": "data encipherment",
    "KeyAgreement": "key agreement",
    "KeyCertSign": "signing certificates",
    "CRLSign": "signing CRLs",
    "EncipherOnly": "enciphering only",
    "DecipherOnly": "deciphering only",
}
_PURPOSES = {oid: name.lower().replace("_", " ") for name, oid in oids.EXTENDED_KEY_USAGES.items()} | {
    oids.ANY_EXTENDED_KEY_USAGE: "any purpose",
}
_METHODS = {oid: name.lower().replace("_", " ") for name, oid in oids.ACCESS_METHODS.items()} | {
    oids.OCSP_ACCESS: "OCSP",
    oids.CA_ISSUERS_ACCESS: "CA issuers",
}
_QUALIFIERS = {oids.CPS_QUALIFIER: "practice statement (CPS)"}
_FORMS: dict[int, tuple[str, str]] = {
    general_names.OTHER_NAME: ("Other name", "hex"),
    general_names.MAIL: ("Email address", "text"),
    general_names.DNS: ("DNS name", "text"),
    general_names.DIRECTORY: ("Directory name", "text"),
    general_names.EDI_PARTY: ("EDI party name", "hex"),
    general_names.URI: ("URI", "url"),
    general_names.IP: ("IP address", "text"),
    general_names.REGISTERED_ID: ("Registered id", "oid"),
}
_FULL_NAME, _POINT, _REASONS, _CRL_ISSUER, _KEY_ISSUER = 0xA0, 0xA0, 0x81, 0xA2, 0xA1


def lines(extension: Extension) -> list[Words]:
    """Display a value as label, text and kind (see `display.Line`): in hex if it is unknown or malformed."""
    read = _READERS.get(extension.oid)
    if read is not None:
        try:
            return list(read(der.parse(extension.value_der)))
        except (ValueError, LookupError):
            pass
    return [("Value", extension.value_der.hex(), "hex")]


def _general_name(member: Element) -> Words:
    label, kind = _FORMS.get(member.tag, (f"Name with tag 0x{member.tag:02x}", "hex"))
    return (label, summary.general_name(member), kind)


def _names(list_: Element) -> Iterable[Words]:
    return map(_general_name, list_.children())


def colons(octets: bytes) -> str:
    """Octets as pairs of upper-case hex digits, as people compare them."""
    return octets.hex(":").upper()


def _key_usage(root: Element) -> Iterable[Words]:
    usages = extension_values.key_usages(root.der)
    return [("Usage", _USAGES[usage], "text") for usage in extensions.KEY_USAGE_BITS if usage in usages]


def _purposes(root: Element) -> Iterable[Words]:
    return [_known("Purpose", purpose, _PURPOSES) for purpose in root.children()]


def _known(label: str, oid: Element, words: dict[str, str]) -> Words:
    """An object identifier, with its name where it has one."""
    dotted = der.oid_text(oid)
    return (label, f"{words[dotted]} ({dotted})" if dotted in words else dotted, "oid")


def _basic_constraints(root: Element) -> Iterable[Words]:
    is_ca, path_length = extension_values.parse_basic_constraints(root.der)
    yield ("Certificate authority", "yes" if is_ca else "no", "text")
    if is_ca:
        yield ("CAs below it", "any number" if path_length is None else f"{path_length} at most", "text")


def _authority_key(root: Element) -> Iterable[Words]:
    octets = {0x80: "Key identifier", 0x82: "Serial number"}
    for member in root.children():
        if member.tag == _KEY_ISSUER:
            yield from (("Issuer", text, kind) for _, text, kind in _names(member))
        else:
            yield (octets[member.tag], colons(member.content), "hex")


def _points(root: Element) -> Iterable[Words]:
    for point in root.children():
        for member in point.children():
            if member.tag == _POINT:
                yield from _point_names(member)
            elif member.tag == _REASONS:
                yield ("Reasons", member.content.hex(), "hex")
            elif member.tag == _CRL_ISSUER:
                yield from (("CRL issuer", text, kind) for _, text, kind in _names(member))


def _point_names(point: Element) -> Iterable[Words]:
    for choice in point.children():
        if choice.tag == _FULL_NAME:
            yield from _names(choice)
        else:
            yield ("Relative name", choice.der.hex(), "hex")


def _access(root: Element) -> Iterable[Words]:
    for description in root.children():
        method, location = description.children()
        _, text, kind = _general_name(location)
        yield (_METHODS.get(der.oid_text(method), der.oid_text(method)), text, kind)


def _policies(root: Element) -> Iterable[Words]:
    for information in root.children():
        identifier, *qualifiers = information.children()
        yield _known("Policy", identifier, {oids.ANY_POLICY: "any policy"})
        for qualifier in (member for list_ in qualifiers for member in list_.children()):
            kind, value = qualifier.children()
            oid = der.oid_text(kind)
            if value.tag == der.IA5_STRING:
                yield (_QUALIFIERS.get(oid, oid), value.content.decode("ascii", "backslashreplace"), "url")
            else:
                yield (f"Qualifier {oid}", value.der.hex(), "hex")


def _mappings(root: Element) -> Iterable[Words]:
    for mapping in root.children():
        issuers, subjects = map(der.oid_text, mapping.children())
        yield ("Mapping", f"{issuers} = {subjects}", "oid")


def _policy_constraints(root: Element) -> Iterable[Words]:
    words = {0x80: "Explicit policy is required after", 0x81: "Policy mapping is inhibited after"}
    for member in root.children():
        yield (words[member.tag], f"{int.from_bytes(member.content)} certificates", "text")


def _name_constraints(root: Element) -> Iterable[Words]:
    constraints = parse_name_constraints(root.der)
    for label, bases in (("Permitted", constraints.permitted), ("Excluded", constraints.excluded)):
        yield from ((f"{label} {_FORMS[base.tag][0]}", _base(base), "text") for base in bases)


def _base(base: Subtree) -> str:
    if base.tag == general_names.IP:
        half = len(base.content) // 2
        address, mask = map(ipaddress.ip_address, (base.content[:half], base.content[half:]))
        return f"{address} mask {mask}"
    if base.tag == general_names.DIRECTORY:
        return names.rfc2253(base.content)
    return base.content.decode("latin-1") or "(every one)"


_READERS: dict[str, Callable[[Element], Iterable[Words]]] = {
    oids.SUBJECT_KEY_IDENTIFIER: lambda root: [("Key identifier", colons(root.content), "hex")],
    oids.KEY_USAGE: _key_usage,
    oids.SUBJECT_ALTERNATIVE_NAME: _names,
    oids.BASIC_CONSTRAINTS: _basic_constraints,
    oids.NAME_CONSTRAINTS: _name_constraints,
    oids.CRL_DISTRIBUTION_POINTS: _points,
    oids.CERTIFICATE_POLICIES: _policies,
    oids.POLICY_MAPPINGS: _mappings,
    oids.AUTHORITY_KEY_IDENTIFIER: _authority_key,
    oids.POLICY_CONSTRAINTS: _policy_constraints,
    oids.EXTENDED_KEY_USAGE: _purposes,
    oids.INHIBIT_ANY_POLICY: lambda root: [("Certificates below it", str(der.unsigned(root, "It")), "text")],
    oids.AUTHORITY_INFORMATION_ACCESS: _access,
    oids.SUBJECT_INFORMATION_ACCESS: _access,
}
