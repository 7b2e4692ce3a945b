"""The summary of a certificate: its names as text, for search, explanations and titles.

Source: RFC 5280 section 4.1; RFC 2253 for names.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.x509 import extensions, general_names, names
from chalicelib.pki.x509.csr_gate import AWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.pki.asn1.der import Element
    from chalicelib.pki.x509.csr_gate import Gate
    from chalicelib.pki.x509.extensions import Extension


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The names of a certificate as text.

    Attributes:
        subject_der: the subject's Name.
        subject_values: the value of each attribute of the subject.
        alternative_names: the value of each subject alternative name.
    """

    subject_der: bytes
    subject_values: tuple[str, ...]
    alternative_names: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The subject by RFC 2253."""
        return names.rfc2253(self.subject_der)

    @property
    def name(self) -> str:
        """The name for people: the first subject alternative name, or else the subject."""
        return self.alternative_names[0] if self.alternative_names else self.subject


NO_NAMES = Summary(subject_der=der.sequence(), subject_values=(), alternative_names=())


def of_certificate(certificate_der: bytes) -> Summary:
    """Summarize a certificate of version 3."""
    return of_tbs(der.read(certificate_der).children()[0].der)


def of_tbs(tbs_der: bytes) -> Summary:
    """Summarize a TBSCertificate of version 3."""
    members = der.read(tbs_der).children()
    subject, wrapper = members[5], members[7]
    return summarize(subject.der, extensions.parse_extensions(wrapper.children()[0]))


def summarize(subject_der: bytes, certificate_extensions: Iterable[Extension], gate: Gate = AWS) -> Summary:
    """Summarize a certificate of which the subject and the extensions are at hand; its names have passed the gate."""
    alternative = [value_der for oid, _, value_der in certificate_extensions if oid == oids.SUBJECT_ALTERNATIVE_NAME]
    return Summary(
        subject_der=subject_der,
        subject_values=tuple([text for _, text in names.attributes_of(subject_der, gate)]),
        alternative_names=tuple([text for value_der in alternative for text in alternative_names(value_der)]),
    )


def alternative_names(value_der: bytes) -> tuple[str, ...]:
    """The text of each GeneralName of a SubjectAlternativeName."""
    return tuple(map(general_name, der.read(value_der).children()))


def general_name(member: Element) -> str:
    """The text of a GeneralName; "#" and its hex where it is none."""
    write = _TEXTS.get(member.tag)
    return write(member) if write else f"#{member.der.hex()}"


def _ia5(member: Element) -> str:
    return member.content.decode("latin-1")


_TEXTS: dict[int, Callable[[Element], str]] = {
    general_names.MAIL: _ia5,
    general_names.DNS: _ia5,
    general_names.URI: _ia5,
    general_names.IP: lambda member: str(ipaddress.ip_address(member.content)),
    general_names.DIRECTORY: lambda member: names.rfc2253(member.content),
    general_names.REGISTERED_ID: lambda member: der.oid_text(der.read(der.tlv(der.OID, member.content))),
}


def file_stem(name: str, otherwise: str = "certificate") -> str:
    """The beginning of the names of a certificate's files: its host or another name, safe in any directory."""
    stem = re.sub(r"[^A-Za-z0-9._@-]+", "_", name.replace("*", "_wildcard"), flags=re.ASCII).lstrip(".-")[:100]
    return stem if re.search("[A-Za-z0-9]", stem) else otherwise
