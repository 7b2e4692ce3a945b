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
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import hosts
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ConstraintError
from chalicelib.pki.x509 import general_names, names
from chalicelib.pki.x509.name_constraints import FORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.errors import Member
    from chalicelib.pki.x509.name_constraints import NameConstraints, Subtree


MOST_COMPARISONS = 100_000  # of names with subtrees; they take a tenth of a second


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
    members = general_names.parse_general_names(alternative_names) if alternative_names is not None else ()
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


def check(constraints: Sequence[NameConstraints], names_below: Sequence[Name]) -> None:
    """Hold names against the name constraints of every CA above.

    Raises:
        ConstraintError: a name is excluded, or is not in a permitted subtree though its form has some; or there are too
            many names for so many subtrees.
    """
    subtrees = sum(len(issuer.permitted) + len(issuer.excluded) for issuer in constraints)
    if len(names_below) * subtrees > MOST_COMPARISONS:
        raise ConstraintError(
            f"{len(names_below)} names are too many to be held against the {subtrees} subtrees of the issuer's name "
            "constraints.",
            member=("SubjectAlternativeNames",),
        )
    for issuer in constraints:
        permitted, excluded = _by_form(issuer.permitted), _by_form(issuer.excluded)
        for name in names_below:
            _check(name, permitted.get(name.tag, ()), excluded.get(name.tag, ()))


@lru_cache(maxsize=64)
def _by_form(bases: tuple[Subtree, ...]) -> dict[int, list[Any]]:
    """Read the bases of subtrees, once for all names and, as long as a CA is in use, for all certificates."""
    found: dict[int, list[Any]] = {}
    for base in bases:
        found.setdefault(base.tag, []).append(_FORMS[base.tag].of_base(base.content))
    return found


def _check(name: Name, permitted: Sequence[Any], excluded: Sequence[Any]) -> None:
    form = _FORMS.get(name.tag)
    if form is None:
        kind = general_names.KINDS.get(name.tag, "name")
        raise ConstraintError(
            f"The {kind} among the subject alternative names cannot be held against the issuer's name constraints.",
            member=name.member,
        )
    if not permitted and not excluded:
        return
    value = form.of_name(name.content)
    if value is None:
        raise ConstraintError(
            f"The {_shown(name)} has no host name that the issuer's name constraints can be held to.",
            member=name.member,
        )
    if permitted and not any(form.permits(value, base) for base in permitted):
        raise ConstraintError(
            f"The {_shown(name)} is outside the permitted name constraints of the issuer.", member=name.member
        )
    if any(form.excludes(value, base) for base in excluded):
        raise ConstraintError(
            f"The {_shown(name)} is excluded by the name constraints of the issuer.", member=name.member
        )


def _shown(name: Name) -> str:
    if name.tag == general_names.DIRECTORY:
        return f"directory name '{names.rfc2253(name.content)[:200]}'"
    if name.tag == general_names.IP:
        return f"IP address {ipaddress.ip_address(name.content)}"
    return f"{FORMS[name.tag]} '{_text(name.content)[:200]}'"


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace").lower()


def _host_within(host: str, base: str) -> bool:
    """Test that a host is the base or lies below it; a base that begins with a dot is not below itself."""
    return not base or host.endswith(base if base.startswith(".") else f".{base}") or host == base


def _host_or_wildcard_within(host: str, base: str) -> bool:
    """Test for a host within the base, or with a wildcard that stands for the base."""
    if _host_within(host, base):
        return True
    wildcard = re.escape(host).replace(r"\*", "[^.]*") if "*" in host else ""
    return bool(wildcard) and re.fullmatch(wildcard, base.removeprefix(".")) is not None


def _exact_or_below(host: str, base: str) -> bool:
    return not base or (host.endswith(base) if base.startswith(".") else host == base)


def _exact_or_below_some(host: str, base: str) -> bool:
    """The same, but no host permits no URI, as OpenSSL has it."""
    return bool(base) and _exact_or_below(host, base)


def _mail_parts(content: bytes) -> tuple[str, str] | None:
    """The mailbox and the host of an email address; that of a subject has not been checked before."""
    text = content.decode("utf-8", "replace")
    mailbox, _, host = text.rpartition("@")
    return (mailbox, host.lower()) if general_names.is_mail_address(text) else None


def _mail_base(content: bytes) -> tuple[str, str]:
    mailbox, _, host = content.decode("ascii").rpartition("@")
    return mailbox, host.lower()


def _mail(name: tuple[str, str], base: tuple[str, str]) -> bool:
    return name == base if base[0] else _exact_or_below(name[1], base[1])


def _mail_in_any_case(name: tuple[str, str], base: tuple[str, str]) -> bool:
    """The same for servers that ignore the case of a mailbox."""
    return _mail((name[0].lower(), name[1]), (base[0].lower(), base[1]))


# No user information, and a path before any query: clients disagree on where these end, so the host is uncertain.
_AUTHORITY = re.compile(r"[^:/?#]+://([^/?#:\[\]@]+)(?::[0-9]*)?(?:/.*)?")


def _host_of_uri(content: bytes) -> str | None:
    authority = _AUTHORITY.fullmatch(_text(content))
    return authority[1] if authority and general_names.is_host_name(authority[1]) else None


class _Address(NamedTuple):
    """An IP address, or a network with its mask."""

    size: int
    number: int
    mask: int = -1


def _addresses(content: bytes) -> list[_Address]:
    """An address, and the IPv4 addresses that tunnels and translators take it for."""
    inner = (each.packed for each in hosts.embedded(ipaddress.ip_address(content)))
    return [_Address(len(packed), int.from_bytes(packed)) for packed in (content, *inner)]


def _network(content: bytes) -> _Address:
    size = len(content) // 2
    number, mask = int.from_bytes(content[:size]), int.from_bytes(content[size:])
    return _Address(size, number & mask, mask)


def _in_network(address: _Address, network: _Address) -> bool:
    return address.size == network.size and address.number & network.mask == network.number


class _Readings(NamedTuple):
    """A directory name as the strictest and the loosest client compares it."""

    strict: names.Rdns
    loose: names.Rdns


def _readings(content: bytes) -> _Readings:
    return _Readings(names.normalized_strictly(content), names.normalized_loosely(content))


def _begins_with(rdns: names.Rdns, prefix: names.Rdns) -> bool:
    return rdns[: len(prefix)] == prefix


class _Form(NamedTuple):
    """How names of a form are held against subtrees: what is permitted strictly, what is excluded in every reading.

    Attributes:
        of_name: reads the content of a name once for all subtrees; None where clients would read it differently.
        of_base: reads that of a base once for all names.
    """

    of_name: Callable[[bytes], Any]
    of_base: Callable[[bytes], Any]
    permits: Callable[[Any, Any], bool]
    excludes: Callable[[Any, Any], bool]


_FORMS = {
    general_names.DNS: _Form(_text, _text, _host_within, _host_or_wildcard_within),
    general_names.MAIL: _Form(_mail_parts, _mail_base, _mail, _mail_in_any_case),
    general_names.URI: _Form(_host_of_uri, _text, _exact_or_below_some, _exact_or_below),
    general_names.IP: _Form(
        _addresses,
        _network,
        lambda found, network: _in_network(found[0], network),
        lambda found, network: any(_in_network(address, network) for address in found),
    ),
    general_names.DIRECTORY: _Form(
        _readings,
        _readings,
        lambda name, base: _begins_with(name.strict, base.strict),
        lambda name, base: _begins_with(name.loose, base.loose),
    ),
}
