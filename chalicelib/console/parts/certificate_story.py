"""A certificate in words: its purpose, the rest of its validity, and the CAs above it, with their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.console.parts import authority_rows
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.x509 import keys, names, summary
from chalicelib.pki.x509.reading import parse_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from chalicelib.console.web import Visit
    from chalicelib.pki.x509.reading import ParsedCertificate

# The purpose of a certificate in words, by its ExtendedKeyUsage: the first row whose purposes it has.
_PURPOSES = (
    ({oids.SERVER_AUTH, oids.CLIENT_AUTH}, "TLS servers and clients"),
    ({oids.SERVER_AUTH}, "TLS servers"),
    ({oids.CLIENT_AUTH}, "TLS clients"),
    ({oids.CODE_SIGNING}, "signing code"),
    ({oids.OCSP_SIGNING}, "signing OCSP responses"),
    ({oids.EXTENDED_KEY_USAGES["EMAIL_PROTECTION"]}, "email"),
)
_SOON_DAYS = 30


class Story(NamedTuple):
    """A certificate in words.

    Attributes:
        kind: what it is, such as "A certificate for TLS servers".
        left: how long it is valid, such as "89 days left".
        tone: of that: "good", "warn" or "bad".
        stem: the beginning of the names of its files.
    """

    kind: str
    left: str
    tone: str
    stem: str


class Link(NamedTuple):
    """A certificate of a chain.

    Attributes:
        name: of the CA if it is here, or else the common name, the first subject alternative name or the whole subject.
        path: of the page of its CA behind `/console`; empty if the visitor has none.
    """

    name: str
    kind: str
    not_after: datetime
    path: str = ""


def of_certificate(certificate_der: bytes, now: datetime, otherwise: str = "certificate") -> Story:
    """Describe a certificate.

    Args:
        certificate_der: the certificate.
        now: the present time.
        otherwise: the beginning of the names of its files, if it has no name for them.
    """
    certificate = parse_certificate(certificate_der)
    left, tone = left_of(certificate.not_before, certificate.not_after, now)
    stem = summary.file_stem(name_of(certificate), otherwise)
    return Story(kind_of(certificate), left, tone, stem)


def kind_of(certificate: ParsedCertificate) -> str:
    """The kind of a certificate, in words."""
    constraints = certificate.basic_constraints
    if constraints and constraints.is_ca:
        return "The certificate of a root CA" if certificate.is_self_issued else "The certificate of a subordinate CA"
    value = certificate.value(oids.EXTENDED_KEY_USAGE)
    purposes = {der.oid_text(member) for member in der.read(value).children()} if value else set()
    words = next((words for needed, words in _PURPOSES if needed <= purposes), "")
    return f"A certificate for {words}" if words else "A certificate"


def left_of(not_before: datetime, not_after: datetime, now: datetime) -> tuple[str, str]:
    """The rest of a certificate's validity in words, and its tone."""
    if now > not_after:
        return f"expired {_length(now - not_after)} ago", "bad"
    if now < not_before:
        return f"valid in {_length(not_before - now)}", "warn"
    left = not_after - now
    return f"{_length(left)} left", "warn" if left.days < min(_SOON_DAYS, (not_after - not_before).days / 3) else "good"


def _length(time: timedelta) -> str:
    for seconds, unit in ((86400, "day"), (3600, "hour")):
        if (number := int(time.total_seconds()) // seconds) > 0:
            return f"{number:,} {unit}{'s' if number > 1 else ''}"
    return "less than an hour"


def name_of(certificate: ParsedCertificate) -> str:
    """The name for people and files: a host comes before the common name, which may be any text."""
    described = summary.of_certificate(certificate.der)
    first = next(iter(described.alternative_names), "")
    return first or names.common_name(certificate.subject_der) or described.subject


def chain_of(visit: Visit, ders: Sequence[bytes]) -> list[Link]:
    """The certificates of a chain, the first one at its lower end, with the pages of CAs that are here."""
    return [_link(visit, parse_certificate(encoded)) for encoded in ders]


def _link(visit: Visit, certificate: ParsedCertificate) -> Link:
    constraints = certificate.basic_constraints
    name, path = _authority(visit, certificate) if constraints and constraints.is_ca else ("", "")
    name = name or names.common_name(certificate.subject_der) or name_of(certificate)
    return Link(name, kind_of(certificate), certificate.not_after, path)


def _authority(visit: Visit, certificate: ParsedCertificate) -> tuple[str, str]:
    """The name and the page of the CA with the key of a certificate; empty if the visitor may not see it."""
    arn = visit.rt.store.authority_with_key(keys.key_sha256(certificate.public_key))
    path = f"cas/{arns.parse_ca_arn(arn).ca_id}" if arn else ""
    return (authority_rows.name_of(visit, arn), path) if arn and visit.may(path, arn=arn) else ("", "")
