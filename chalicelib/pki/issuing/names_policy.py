"""A names policy: the names that certificates may have, as a list of patterns.

`www.example.com` allows that host name, `*.example.com` every host name below, `10.0.0.0/8` addresses, `@example.com`
email addresses of that domain. An empty policy allows every name. A policy with patterns allows no name of another
kind, such as a URI, and holds for common names and email addresses in the subject as well.

Source: RFC 5280 section 4.2.1.10 for names below a name.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.x509 import general_names, names, summary
from chalicelib.pki.x509.csr_gate import AWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.pki.issuing.specification import Plan

MOST = 50
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)


def parse(patterns: Sequence[str]) -> tuple[str, ...]:
    """Patterns in the form in which they are compared.

    Raises:
        ArgumentError: a pattern is malformed, or there are too many.
    """
    if len(patterns) > MOST:
        raise ArgumentError(f"A names policy has at most {MOST} patterns.")
    return tuple(dict.fromkeys(_parsed(pattern) for pattern in patterns))


def _parsed(pattern: str) -> str:
    text = pattern.strip().lower().removesuffix(".")
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    host = text.removeprefix("@") if text.startswith("@") else text.removeprefix("*.")
    if len(host) > 253 or _HOST.fullmatch(host) is None:
        raise ArgumentError(
            f"'{pattern[:100]}' is not a pattern. Patterns look like www.example.com, *.example.com, 10.0.0.0/8 or "
            "@example.com."
        )
    return text


def first_refused(patterns: Sequence[str], plan: Plan) -> str:
    """The first name of a certificate that a policy does not allow, as text; empty if it allows all."""
    if not patterns:
        return ""
    return next((text for kind, text in _names(plan) if not _allows(patterns, kind, text)), "")


def _names(plan: Plan) -> Iterator[tuple[int, str]]:
    """The kind and the text of each subject alternative name, and of the names that the subject holds."""
    extension = plan.extension(oids.SUBJECT_ALTERNATIVE_NAME)
    if extension is not None:
        for member in der.read(extension.extension.value_der).children():
            yield member.tag, summary.general_name(member)
    for oid, text in names.parse_name(der.read(plan.subject_der), AWS):
        if oid == oids.COMMON_NAME:
            yield _kind_of(text), text
        elif oid == oids.EMAIL_ADDRESS:
            yield general_names.MAIL, text


def _kind_of(text: str) -> int:
    """The kind of name that a common name is: an IP address, an email address, or else a host name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return general_names.MAIL if "@" in text else general_names.DNS
    return general_names.IP


def _allows(patterns: Sequence[str], kind: int, text: str) -> bool:
    name = text.lower().removesuffix(".")
    if kind == general_names.DNS:
        return any(name == pattern or _is_below(name, pattern) for pattern in patterns)
    if kind == general_names.MAIL:
        return any(pattern.startswith("@") and name.rpartition("@")[1:] == ("@", pattern[1:]) for pattern in patterns)
    if kind == general_names.IP:
        address = ipaddress.ip_address(name)
        return any(address in ipaddress.ip_network(pattern) for pattern in patterns if "/" in pattern)
    return False


def _is_below(name: str, pattern: str) -> bool:
    return pattern.startswith("*.") and name.endswith(pattern[1:]) and len(name) > len(pattern) - 1
