"""Name constraints: reading them, and holding names against them.

Source: RFC 5280 section 4.2.1.10; AWS Private CA User Guide, "RFC compliance" (the five forms that are enforced).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ConstraintError, PkiError
from chalicelib.pki.x509 import general_names, names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chalicelib.errors import Member

_PERMITTED, _EXCLUDED = 0xA0, 0xA1
_FORMS = {
    general_names.MAIL: "email address",
    general_names.DNS: "DNS name",
    general_names.DIRECTORY: "directory name",
    general_names.URI: "URI",
    general_names.IP: "IP address",
}


class Name(NamedTuple):
    """A GeneralName, or the base of a subtree: its tag and content; of a directory name the whole Name.

    Attributes:
        member: where a certificate has it: ("Subject",), ("Subject", "CommonName") or
            ("SubjectAlternativeNames", 2, "DnsName").
    """

    tag: int
    content: bytes
    member: Member = ()


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """The subtrees of a CA certificate."""

    permitted: tuple[Name, ...]
    excluded: tuple[Name, ...]


def parse_name_constraints(value_der: bytes) -> NameConstraints:
    """Read the value of the extension.

    Raises:
        PkiError: it is malformed, or uses a form that is not enforced.
    """
    members = list(der.read(value_der).expect(der.SEQUENCE, "NameConstraints").children())
    if [member.tag for member in members] not in ([_PERMITTED], [_EXCLUDED], [_PERMITTED, _EXCLUDED]):
        raise PkiError("Name constraints have neither permitted nor excluded subtrees, or something else.")
    subtrees = {member.tag: tuple(map(_parse_subtree, member.children())) for member in members}
    if not all(subtrees.values()):
        raise PkiError("Name constraints hold an empty list of subtrees.")
    return NameConstraints(subtrees.get(_PERMITTED, ()), subtrees.get(_EXCLUDED, ()))


def _parse_subtree(subtree: der.Element) -> Name:
    parts = list(subtree.expect(der.SEQUENCE, "A subtree of name constraints").children())
    if len(parts) != 1:
        raise PkiError("A subtree of name constraints has a minimum or a maximum.")
    base = Name(parts[0].tag, parts[0].content)
    if base.tag not in _FORMS:
        raise PkiError(f"Name constraints use a form (tag 0x{base.tag:02x}) that is not supported.")
    if base.tag == general_names.IP:
        if len(base.content) not in {8, 32}:
            raise PkiError("An IP address range of name constraints has neither 8 nor 32 octets.")
    elif base.tag == general_names.DIRECTORY:
        names.normalized(base.content)
    else:
        names.decode_string(der.IA5_STRING, base.content)
    return base


def names_of(subject_der: bytes, alternative_names: bytes | None, *, common_names: bool) -> list[Name]:
    """Every name of a certificate that constraints are held against.

    Where there is no alternative name of the form, email addresses of the subject count (RFC 5280), and with
    `common_names` also common names that look like host names: clients that fall back to them exist.
    """
    members = general_names.parse_general_names(alternative_names) if alternative_names is not None else []
    found = [
        Name(member.tag, member.content, ("SubjectAlternativeNames", position, general_names.KINDS[member.tag]))
        for position, member in enumerate(members)
    ]
    forms = {name.tag for name in found}
    attributes = names.parse_name(der.read(subject_der))
    if attributes:
        found.append(Name(general_names.DIRECTORY, subject_der, ("Subject",)))
    for oid, text in attributes:
        if oid == oids.EMAIL_ADDRESS and general_names.MAIL not in forms:
            found.append(Name(general_names.MAIL, text.encode(), ("Subject",)))
        elif oid == oids.COMMON_NAME and common_names and general_names.DNS not in forms:
            host = text.removeprefix("*.")
            if "." in host and general_names.is_host_name(host):
                found.append(Name(general_names.DNS, text.encode(), ("Subject", "CommonName")))
    return found


def check(constraints: Iterable[NameConstraints], found: Sequence[Name]) -> None:
    """Hold names against the constraints of every CA above them.

    Raises:
        ConstraintError: a name is excluded, or is not in a permitted subtree though its form has some.
    """
    for each in constraints:
        for name in found:
            permitted = [base for base in each.permitted if base.tag == name.tag]
            excluded = [base for base in each.excluded if base.tag == name.tag]
            if permitted and not any(_within(name, base) for base in permitted):
                raise ConstraintError(
                    f"The {_shown(name)} is outside the permitted name constraints of the issuer.", member=name.member
                )
            if any(_within(name, base) or _covers(name, base) for base in excluded):
                raise ConstraintError(
                    f"The {_shown(name)} is excluded by the name constraints of the issuer.", member=name.member
                )


def _shown(name: Name) -> str:
    if name.tag == general_names.DIRECTORY:
        return f"directory name '{names.rfc2253(name.content)[:200]}'"
    if name.tag == general_names.IP:
        return f"IP address {ipaddress.ip_address(name.content)}"
    return f"{_FORMS[name.tag]} '{_text(name)[:200]}'"


def _text(name: Name) -> str:
    return name.content.decode("utf-8", "replace").lower()


def _within(name: Name, base: Name) -> bool:
    return _MATCHERS[name.tag](name, base)


def _covers(name: Name, base: Name) -> bool:
    """Whether a wildcard stands for names below the base."""
    text, below = _text(name), _text(base).removeprefix(".")
    return name.tag == general_names.DNS and text.startswith("*.") and below.partition(".")[2] == text[2:]


def _host_within(host: str, base: str) -> bool:
    """Whether a host lies below a base, or is it; a base that begins with a dot is not itself within."""
    return not base or host.endswith(base if base.startswith(".") else f".{base}") or host == base


def _dns(name: Name, base: Name) -> bool:
    return _host_within(_text(name), _text(base))


def _exact_or_below(host: str, base: str) -> bool:
    return not base or (host.endswith(base) if base.startswith(".") else host == base)


def _mail(name: Name, base: Name) -> bool:
    mailbox, _, host = name.content.decode("utf-8", "replace").rpartition("@")
    constraint = base.content.decode("ascii")
    if "@" in constraint:
        base_mailbox, _, base_host = constraint.rpartition("@")
        return mailbox == base_mailbox and host.lower() == base_host.lower()
    return _exact_or_below(host.lower(), constraint.lower())


_AUTHORITY = re.compile(r"[^:]+://(?:[^/?#@]*@)?([^/?#:\[\]@]+)(?::[0-9]*)?(?:[/?#].*)?")


def _uri(name: Name, base: Name) -> bool:
    authority = _AUTHORITY.fullmatch(_text(name))
    if authority is None or not general_names.is_host_name(authority[1]):
        raise ConstraintError(
            f"The {_shown(name)} has no host name that the issuer's name constraints can be held to.",
            member=name.member,
        )
    return _exact_or_below(authority[1], _text(base))


def _ip(name: Name, base: Name) -> bool:
    size = len(name.content)
    if len(base.content) != 2 * size:
        return False
    address, network, mask = (int.from_bytes(part) for part in (name.content, base.content[:size], base.content[size:]))
    return address & mask == network & mask


def _directory(name: Name, base: Name) -> bool:
    prefix = names.normalized(base.content)
    return names.normalized(name.content)[: len(prefix)] == prefix


_MATCHERS: dict[int, Callable[[Name, Name], bool]] = {
    general_names.DNS: _dns,
    general_names.MAIL: _mail,
    general_names.URI: _uri,
    general_names.IP: _ip,
    general_names.DIRECTORY: _directory,
}
