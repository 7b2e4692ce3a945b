"""Identifiers of ACME: read from requests and CSRs, and compared with the patterns of a binding.

A DNS name is in A-labels and lower case, with `*.` before it for a wildcard; an IP address in its canonical text.

Source: RFC 8555 sections 7.1.3, 7.1.4 and 7.4; RFC 8738 section 3; RFC 5890 section 2.3; RFC 5952.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from chalicelib import hosts
from chalicelib.acme.problems import AcmeProblem, Subproblem
from chalicelib.acme_records import AcmeDomain, Identifier
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509 import general_names, names
from chalicelib.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.pki.x509.csr import CertificateRequest

DNS, IP = "dns", "ip"
MOST = 100
_MOST_TEXT = 1000
_MOST_SUGGESTED = 100  # characters: the cost of Punycode grows with their square
_WILDCARD = "*."
_JOINERS = dict.fromkeys((0x200C, 0x200D))  # which some scripts need (RFC 5892 appendix A)
_MAPPED = IPv6Network("::ffff:0:0/96")
_PATTERN_LABEL = re.compile(r"(?=.{1,63}$)[a-z0-9_*](?:[a-z0-9_*-]*[a-z0-9_*])?", re.ASCII)
_WITHIN_LABEL, _ANY_LABELS = "[a-z0-9_-]*", r"(?:\*|[a-z0-9_-]+)(?:\.[a-z0-9_-]+)*"


# reading


def parse(value: Any) -> Identifier:
    """Read an identifier of a request.

    Raises:
        AcmeProblem: `malformed`, `unsupportedIdentifier` or `rejectedIdentifier`.
    """
    kind, text = (value.get("type"), value.get("value")) if isinstance(value, dict) else (None, None)
    if not isinstance(kind, str) or not isinstance(text, str):
        raise AcmeProblem("malformed", "An identifier must be a JSON object with type and value, both text.")
    read = _READERS.get(kind)
    if read is None:
        raise AcmeProblem("unsupportedIdentifier", f"The type of an identifier must be {DNS} or {IP}.")
    return Identifier(kind, read(text))


def parse_all(values: Any) -> tuple[Identifier, ...]:
    """Read the identifiers of an order, sorted and without repetition.

    Raises:
        AcmeProblem: as `parse`; `compound` with a subproblem for each identifier if several are refused.
    """
    if not isinstance(values, list) or not 1 <= len(values) <= MOST:
        raise AcmeProblem("malformed", f"The identifiers must be a list of 1 to {MOST}.")
    found: set[Identifier] = set()
    refusals: list[tuple[Any, AcmeProblem]] = []
    for value in values:
        try:
            found.add(parse(value))
        except AcmeProblem as problem:
            refusals.append((value, problem))
    if len(refusals) == 1:
        raise refusals[0][1]
    if refusals:
        subproblems = [Subproblem(each.type, each.detail, _shown(value)) for value, each in refusals]
        raise AcmeProblem("compound", f"{len(refusals)} identifiers are refused.", subproblems=subproblems)
    return tuple(sorted(found))


def _shown(value: Any) -> tuple[str, str] | None:
    kind, text = (value.get("type"), value.get("value")) if isinstance(value, dict) else (None, None)
    return (kind[:20], text[:300]) if isinstance(kind, str) and isinstance(text, str) else None


def _dns_name(text: str) -> str:
    """Return the only spelling of a DNS name, or refuse the name."""
    if len(text) > _MOST_TEXT:
        raise AcmeProblem("malformed", "A DNS name must have at most 253 characters.")
    if not text.isascii():
        raise AcmeProblem("malformed", _ask_for_a_labels(text))
    if text.endswith("."):
        raise AcmeProblem("malformed", "A DNS name must not end with a dot.")
    name = text.lower()
    host = name.removeprefix(_WILDCARD)
    if "*" in host:
        raise AcmeProblem("malformed", "A wildcard must be the whole first label, as in *.example.com.")
    if hosts.is_literal(host):
        raise AcmeProblem("malformed", "An IP address must be an identifier of the type ip.")
    if len(name) > 253 or not hosts.is_host_name(host):
        raise AcmeProblem("malformed", f"'{printable(text[:100])}' is not a DNS name.")
    if bad := next((label for label in host.split(".") if not _is_usual_label(label)), ""):
        raise AcmeProblem("malformed", f"The label '{bad}' is not an A-label: xn-- and the Punycode of a name.")
    return name


def _ask_for_a_labels(text: str) -> str:
    """Say how a name of another script is written; the A-label is right if the U-label is (RFC 5891 section 4.4)."""
    name = unicodedata.normalize("NFKC", text[:_MOST_SUGGESTED]).lower().replace("\u3002", ".")
    if len(name) >= _MOST_SUGGESTED:
        return "A DNS name of another script must be in A-labels."
    labels = (each if each.isascii() else f"xn--{each.encode('punycode').decode()}" for each in name.split("."))
    return f"A DNS name of another script must be in A-labels: {printable('.'.join(labels))}."


def _is_usual_label(label: str) -> bool:
    """Tell whether a label with xn-- is the Punycode of characters of other scripts, in their one spelling."""
    if not label.startswith("xn--"):
        return True
    try:
        decoded = label[4:].encode().decode("punycode")
        again = decoded.encode("punycode").decode()
    except (UnicodeError, ValueError, OverflowError):
        return False
    is_spelled_once = again == label[4:] and unicodedata.normalize("NFC", decoded).lower() == decoded
    return not decoded.isascii() and is_spelled_once and decoded.translate(_JOINERS).isprintable()


def _address(text: str) -> str:
    """Check that an IP address is spelled canonically and can be a host's."""
    try:
        address = ip_address(text[:100])
    except ValueError:
        raise AcmeProblem("malformed", f"'{printable(text[:100])}' is not an IP address.") from None
    if "%" in text:
        raise AcmeProblem("malformed", "An IP address must not have a zone.")
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        raise AcmeProblem("malformed", f"An IPv4 address must be written as one: {address.ipv4_mapped}.")
    if str(address) != text:
        raise AcmeProblem("malformed", f"The IP address must be in its canonical form: {address}.")
    if address.is_multicast or address.is_unspecified or text == "255.255.255.255":
        raise AcmeProblem("rejectedIdentifier", f"{address} is not the address of a host.")
    return text


_READERS: dict[str, Callable[[str], str]] = {DNS: _dns_name, IP: _address}


# the patterns of a binding


def check_pattern(text: str) -> str:
    """Bring a pattern into the form in which `allows` takes it.

    `a.example.test` is that name, `*.example.test` every name below, of any depth, `web-*.example.test` a part of one
    label, `10.0.0.0/8` addresses.

    Raises:
        ValueError: it is not a pattern; the text names the rule.
    """
    pattern = text.strip().lower()
    if "/" in pattern or hosts.is_literal(pattern):
        return _check_network(pattern)
    if not pattern.isascii():
        raise ValueError(_ask_for_a_labels(pattern))
    labels = pattern.split(".")
    if len(pattern) > 253 or not all(map(_PATTERN_LABEL.fullmatch, labels)):
        raise ValueError(
            f"'{printable(text[:100])}' is not a pattern, such as a.example.com, *.example.com or 10.0.0.0/8."
        )
    if any(label.count("*") > 1 for label in labels):
        raise ValueError("A label of a pattern has at most one asterisk.")
    if not labels[-1].strip("*"):
        raise ValueError("The last label of a pattern must not be an asterisk: name a suffix.")
    if hosts.ends_in_number(pattern):
        raise ValueError("A pattern for names must not end in a number: addresses are written as 10.0.0.0/8.")
    return pattern


def _check_network(pattern: str) -> str:
    try:
        network = ip_network(pattern)
    except ValueError as error:
        raise ValueError(f"'{printable(pattern[:100])}' is not a range of addresses: {error}.") from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        raise ValueError("Write a range of IPv4 addresses as one, such as 10.0.0.0/8.")
    return str(network)


def allows(patterns: Sequence[str], identifier: Identifier) -> bool:
    """Tell whether patterns from `check_pattern` grant an identifier."""
    if identifier.type == IP:
        address = ip_address(identifier.value)
        return any(address in ip_network(pattern) for pattern in patterns if "/" in pattern)
    return any(_regex(pattern).fullmatch(identifier.value) for pattern in patterns if "/" not in pattern)


def grants(domain: AcmeDomain, identifier: Identifier) -> bool:
    """Tell whether a domain of a directory grants an identifier."""
    if identifier.type != DNS or (identifier.is_wildcard and not domain.wildcards):
        return False
    host = identifier.value.removeprefix(_WILDCARD)
    if host == domain.name:
        return domain.exact or identifier.is_wildcard
    return domain.subdomains and host.endswith(f".{domain.name}")


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    """Match a first label of an asterisk with labels of any number, and any other asterisk within its label."""
    labels = [_WITHIN_LABEL.join(map(re.escape, label.split("*"))) for label in pattern.split(".")]
    if pattern.startswith(_WILDCARD):
        labels[0] = _ANY_LABELS
    return re.compile(r"\.".join(labels), re.ASCII)


# CSRs


def csr_identifiers(csr_der: bytes) -> tuple[tuple[Identifier, ...], CertificateRequest]:
    """Read a CSR and return its identifiers, sorted and without repetition.

    They are its common names and its subject alternative names; other attributes of its subject are ignored, as no
    challenge proves them. Whoever issues compares them with the order's, and the key with the account's.

    Raises:
        AcmeProblem: `badCSR`: it is malformed, its signature does not verify, or it names anything else.
    """
    try:
        if len(csr_der) > csrs.MAX_BYTES:
            raise PkiError(f"It has more than {csrs.MAX_BYTES} bytes.")
        request = csrs.parse_csr_der(csr_der)
        found = {*_subject_identifiers(request), *_alternative_identifiers(request)}
    except PkiError as error:
        raise AcmeProblem("badCSR", f"The CSR is refused. {error}") from None
    except AcmeProblem as problem:
        raise AcmeProblem("badCSR", f"The CSR is refused. {problem.detail}") from None
    if len(found) > MOST:
        raise AcmeProblem("badCSR", f"The CSR is refused. It has more than {MOST} names.")
    return tuple(sorted(found)), request


def is_as_validated(csr_der: bytes, wanted: Iterable[Identifier]) -> bool:
    """Return whether a CSR that `csr_identifiers` has read may be copied: all names are subject alternative names.

    Its subject then has nothing but common names.
    """
    request = csrs.parse_csr_der(csr_der)
    attributes = {oid for oid, _ in names.parse_name(der.read(request.subject_der))}
    return attributes <= {oids.COMMON_NAME} and frozenset(_alternative_identifiers(request)) >= set(wanted)


def _subject_identifiers(request: CertificateRequest) -> Iterator[Identifier]:
    for oid, text in names.parse_name(der.read(request.subject_der)):
        if oid != oids.COMMON_NAME:
            continue
        yield Identifier(IP, _address(text)) if hosts.is_literal(text) else Identifier(DNS, _dns_name(text))


def _alternative_identifiers(request: CertificateRequest) -> Iterator[Identifier]:
    extension = request.extension(oids.SUBJECT_ALTERNATIVE_NAME)
    for member in general_names.parse_general_names(extension.value_der) if extension else ():
        if member.tag == general_names.DNS:
            yield Identifier(DNS, _dns_name(member.content.decode("ascii")))
        elif member.tag == general_names.IP:
            yield Identifier(IP, _address(str(ip_address(member.content))))
        else:
            kind = general_names.KINDS[member.tag]
            raise PkiError(f"The subject alternative names must be DNS names and IP addresses; one is {kind}.")
