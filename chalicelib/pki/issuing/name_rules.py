"""The rule of name constraints: names of a certificate against the constraints of every CA above it.

A name is judged as OpenSSL 3 judges it, or more strictly: clients differ, and the strictest of them decides. So a name
is permitted only as it stands, and excluded if any client might take it for an excluded one. Names of a form that is
not judged (otherName, registeredID, …) are refused below any constraint.

Source: RFC 5280 section 4.2.1.10; RFC 9598; AWS Private CA User Guide, "RFC compliance".
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import hosts
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ConstraintError
from chalicelib.pki.x509 import general_names, names
from chalicelib.pki.x509.name_constraints import FORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.errors import Member
    from chalicelib.pki.x509.name_constraints import NameConstraints, Subtree


class Name(NamedTuple):
    """A name of a certificate, as a GeneralName: its tag and content; of a directory name the whole Name.

    Attributes:
        member: where the certificate has it: ("Subject",), ("Subject", "CommonName") or
            ("SubjectAlternativeNames", 2, "DnsName").
    """

    tag: int
    content: bytes
    member: Member = ()


def names_of(subject_der: bytes, alternative_names: bytes | None, *, common_names: bool) -> list[Name]:
    """List the names of a certificate that name constraints apply to.

    Email addresses of the subject count always, as in OpenSSL. With `common_names`, so do common names that are a host
    name or an IP address, unless there is an alternative name of that form: some clients fall back to them.
    """
    members = general_names.parse_general_names(alternative_names) if alternative_names is not None else []
    certified = [
        Name(member.tag, member.content, ("SubjectAlternativeNames", position, general_names.KINDS[member.tag]))
        for position, member in enumerate(members)
    ]
    forms = {name.tag for name in certified}
    attributes = names.parse_name(der.read(subject_der))
    if attributes:
        certified.append(Name(general_names.DIRECTORY, subject_der, ("Subject",)))
    for oid, text in attributes:
        if oid == oids.EMAIL_ADDRESS:
            certified.append(Name(general_names.MAIL, text.encode(), ("Subject",)))
        elif oid == oids.COMMON_NAME and common_names:
            certified += (host for host in _hosts_of_common_name(text) if host.tag not in forms)
    return certified


def _hosts_of_common_name(text: str) -> Iterator[Name]:
    """Yield the host name and the IP address that a client may take a common name for."""
    member = ("Subject", "CommonName")
    host = text.strip().rstrip(".")
    with suppress(ValueError):
        yield Name(general_names.IP, ipaddress.ip_address(host.strip("[]")).packed, member)
    if _HOST_OF_COMMON_NAME.fullmatch(host):
        yield Name(general_names.DNS, host.encode(), member)


# With a dot, and perhaps wildcards anywhere: OpenSSL takes "10.0.0.1" and "f*.example.com" for hosts as well.
_HOST_OF_COMMON_NAME = re.compile(r"[A-Za-z0-9_*.-]*\.[A-Za-z0-9_*.-]*", re.ASCII)


def check(constraints: Iterable[NameConstraints], names_below: Sequence[Name]) -> None:
    """Hold names against the name constraints of every CA above.

    Raises:
        ConstraintError: a name is excluded, or is not in a permitted subtree though its form has some.
    """
    for issuer in constraints:
        for name in names_below:
            rule = _RULES.get(name.tag)
            if rule is None:
                kind = general_names.KINDS.get(name.tag, "name")
                raise ConstraintError(
                    f"The {kind} among the subject alternative names cannot be held against the issuer's name "
                    "constraints.",
                    member=name.member,
                )
            permitted = [base for base in issuer.permitted if base.tag == name.tag]
            excluded = [base for base in issuer.excluded if base.tag == name.tag]
            if permitted and not any(rule.permits(name, base) for base in permitted):
                raise ConstraintError(
                    f"The {_shown(name)} is outside the permitted name constraints of the issuer.", member=name.member
                )
            if any(rule.excludes(name, base) for base in excluded):
                raise ConstraintError(
                    f"The {_shown(name)} is excluded by the name constraints of the issuer.", member=name.member
                )


def _shown(name: Name) -> str:
    if name.tag == general_names.DIRECTORY:
        return f"directory name '{names.rfc2253(name.content)[:200]}'"
    if name.tag == general_names.IP:
        return f"IP address {ipaddress.ip_address(name.content)}"
    return f"{FORMS[name.tag]} '{_text(name)[:200]}'"


def _text(name: Name | Subtree) -> str:
    return name.content.decode("utf-8", "replace").lower()


def _host_within(host: str, base: str) -> bool:
    """Test that a host is the base or lies below it; a base that begins with a dot is not below itself."""
    return not base or host.endswith(base if base.startswith(".") else f".{base}") or host == base


def _dns(name: Name, base: Subtree) -> bool:
    return _host_within(_text(name), _text(base))


def _dns_or_below(name: Name, base: Subtree) -> bool:
    """Test for a name within the base, or with a wildcard that stands for the base."""
    wildcard = re.escape(_text(name)).replace(r"\*", "[^.]*")
    return _dns(name, base) or re.fullmatch(wildcard, _text(base).removeprefix(".")) is not None


def _exact_or_below(host: str, base: str) -> bool:
    return not base or (host.endswith(base) if base.startswith(".") else host == base)


def _mail(name: Name, base: Subtree) -> bool:
    mailbox, host = _mail_parts(name)
    constraint = base.content.decode("ascii")
    if "@" not in constraint:
        return _exact_or_below(host, constraint.lower())
    base_mailbox, _, base_host = constraint.rpartition("@")
    return mailbox == base_mailbox and host == base_host.lower()


def _mail_in_any_case(name: Name, base: Subtree) -> bool:
    """The same for servers that ignore the case of a mailbox."""
    return _mail(name._replace(content=name.content.lower()), base._replace(content=base.content.lower()))


def _mail_parts(name: Name) -> tuple[str, str]:
    """The mailbox and the host of an email address; that of a subject has not been checked before."""
    text = name.content.decode("utf-8", "replace")
    if not general_names.is_mail_address(text):
        raise ConstraintError(
            f"The {_shown(name)} has no host name that the issuer's name constraints can be held to.",
            member=name.member,
        )
    mailbox, _, host = text.rpartition("@")
    return mailbox, host.lower()


# No user information: clients disagree on where it ends, so the host that they connect to is uncertain.
_AUTHORITY = re.compile(r"[^:/?#]+://([^/?#:\[\]@]+)(?::[0-9]*)?(?:[/?#].*)?")


def _uri(name: Name, base: Subtree) -> bool:
    """Test that a host is the base or lies below it; no host permits no URI."""
    return _exact_or_below(_host_of_uri(name), _text(base)) and bool(base.content)


def _uri_or_any(name: Name, base: Subtree) -> bool:
    return _exact_or_below(_host_of_uri(name), _text(base))


def _host_of_uri(name: Name) -> str:
    authority = _AUTHORITY.fullmatch(_text(name))
    if authority is None or not general_names.is_host_name(authority[1]):
        raise ConstraintError(
            f"The {_shown(name)} has no host name that the issuer's name constraints can be held to.",
            member=name.member,
        )
    return authority[1]


def _ip(name: Name, base: Subtree) -> bool:
    return _in_range(name.content, base.content)


def _ip_or_embedded(name: Name, base: Subtree) -> bool:
    """Test that an address lies in a range, or an IPv4 address that tunnels and translators take it for."""
    inner = hosts.embedded(ipaddress.ip_address(name.content))
    return any(_in_range(address, base.content) for address in (name.content, *(each.packed for each in inner)))


def _in_range(address: bytes, base: bytes) -> bool:
    size = len(address)
    if len(base) != 2 * size:
        return False
    number, network, mask = (int.from_bytes(part) for part in (address, base[:size], base[size:]))
    return number & mask == network & mask


def _directory(name: Name, base: Subtree) -> bool:
    return _begins_with(names.normalized_strictly(name.content), names.normalized_strictly(base.content))


def _directory_loosely(name: Name, base: Subtree) -> bool:
    return _begins_with(names.normalized_loosely(name.content), names.normalized_loosely(base.content))


def _begins_with(rdns: Sequence[object], prefix: Sequence[object]) -> bool:
    return rdns[: len(prefix)] == prefix


class _Rule(NamedTuple):
    """How names of a form are held against a subtree: what is permitted strictly, what is excluded in every reading."""

    permits: Callable[[Name, Subtree], bool]
    excludes: Callable[[Name, Subtree], bool]


_RULES = {
    general_names.DNS: _Rule(_dns, _dns_or_below),
    general_names.MAIL: _Rule(_mail, _mail_in_any_case),
    general_names.URI: _Rule(_uri, _uri_or_any),
    general_names.IP: _Rule(_ip, _ip_or_embedded),
    general_names.DIRECTORY: _Rule(_directory, _directory_loosely),
}
