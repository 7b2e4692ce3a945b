"""CAs as lists and their own page show them: what the operations describe, with tags and the freshness of CRLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.ca import find
from chalicelib.crl import freshness
from chalicelib.pki.x509 import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.console.web import Visit
    from chalicelib.crl.freshness import Freshness
    from chalicelib.records import CertificateAuthority, CrlState
    from chalicelib.runtime import Runtime


class Light(NamedTuple):
    """How fresh a CA's CRLs are: a tone for the colour, an icon, and a word that says the same.

    Attributes:
        state: of the CRL that is worst off; None where there is none.
    """

    tone: str
    icon: str
    word: str
    state: CrlState | None = None


# The tone and the icon of each condition.
_SIGNS = {
    "EXPIRED": ("bad", "✕"),
    "FAILING": ("bad", "✕"),
    "OLD": ("warn", "◐"),
    "OVERDUE": ("warn", "◐"),
    "WAITING": ("muted", "○"),
    "FRESH": ("good", "●"),
    "NOT_PUBLISHED": ("muted", "◌"),
    "NONE": ("muted", "○"),
    "OFF": ("muted", "-"),
}
LIGHTS = {condition: Light(*signs, freshness.WORDS[condition]) for condition, signs in _SIGNS.items()}
_NOT_TOLD = Light("muted", "-", "its owner's")


class AuthorityRow(NamedTuple):
    """A CA in a list."""

    ca_id: str
    name: str
    common_name: str
    ca: Mapping[str, Any]
    light: Light


def row(visit: Visit, described: Mapping[str, Any]) -> AuthorityRow:
    """A row for what ListCertificateAuthorities or DescribeCertificateAuthority says of a CA."""
    own = described["OwnerAccount"] == visit.caller.account_id
    return rows(visit, [described])[0] if own else shared_row(described)


def shared_row(described: Mapping[str, Any]) -> AuthorityRow:
    """A row for a CA of another account: what is described of it, and nothing else."""
    return AuthorityRow(_ca_id(described), "", common_name(described), described, _NOT_TOLD)


def rows(visit: Visit, described: Sequence[Mapping[str, Any]]) -> list[AuthorityRow]:
    """A row for each of some CAs of the visitor's account."""
    records = [find.find(visit.rt, visit.caller, each["Arn"]) for each in described]
    crls = freshness.of_authorities(visit.rt, records)
    return [
        AuthorityRow(
            ca_id=_ca_id(each),
            name=dict(record.tags).get("Name") or "",
            common_name=common_name(each),
            ca=each,
            light=_light(record, crls[record.arn]),
        )
        for each, record in zip(described, records, strict=True)
    ]


def list_shared(visit: Visit, most: int) -> tuple[list[AuthorityRow], str | None]:
    """A page of the CAs that others share, from the token that the query names; and the token of the next page."""
    token = visit.query.get("shared")
    given: dict[str, Any] = {"MaxResults": most} | ({"NextToken": token} if token else {})
    answer = visit.call("ListCertificateAuthorities", ResourceOwner="OTHER_ACCOUNTS", **given)
    return [shared_row(each) for each in answer["CertificateAuthorities"]], answer.get("NextToken")


def _ca_id(described: Mapping[str, Any]) -> str:
    return str(described["Arn"].rsplit("/", 1)[1])


def common_name(described: Mapping[str, Any]) -> str:
    """What a CA is called: its common name, or else its whole subject."""
    given = described["CertificateAuthorityConfiguration"]["Subject"]
    return str(given.get("CommonName") or subject(described))


def subject(described: Mapping[str, Any]) -> str:
    """The subject as RFC 2253 writes it."""
    return names.rfc2253(names.encode_subject(described["CertificateAuthorityConfiguration"]["Subject"]))


def light(rt: Runtime, ca: CertificateAuthority) -> Light:
    """The freshness of a CA's CRLs: that of the one that is worst off."""
    return _light(ca, freshness.of_authority(rt, ca))


def _light(ca: CertificateAuthority, crls: Sequence[Freshness]) -> Light:
    light = LIGHTS[freshness.worst_condition(ca, crls)]
    return light._replace(state=crls[0].state) if crls else light
