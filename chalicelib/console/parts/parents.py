"""The CAs that may sign the certificate of another one, the best first, and the reasons against the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.ca import chains, iterate, state
from chalicelib.console import web
from chalicelib.pki import paths

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.ca.chains import Index
    from chalicelib.console.web import Visit
    from chalicelib.pki.paths import Path
    from chalicelib.records import CertificateAuthority

_MANY = 1 << 20  # levels below a CA without a path length


class Parent(NamedTuple):
    """A CA that may sign the certificate of another one.

    Attributes:
        levels: how many levels of CAs may follow below it; None: any number.
        is_present: it has signed the certificate that the CA has.
    """

    name: str
    ca_id: str
    arn: str
    type: str
    not_after: datetime
    levels: int | None
    is_present: bool = False


def offered(visit: Visit) -> list[Parent]:
    """The CAs of the account with which the visitor may sign, the best first.

    The one that has signed the present certificate comes first, then those with the most levels below them, and then
    those that expire last.
    """
    ca, now, cas, index = visit.ca.record, visit.rt.now(), *_account(visit)
    above = [link.identity for link in chains.installed(ca)[1:2]]
    parents = [
        _parent(other, chains.installed(other), above)
        for other in cas
        if not _refusal(ca, other, index, now) and _may_sign(visit, other.arn)
    ]
    return sorted(parents, key=_rank)


def refusal(visit: Visit, ca_id: str) -> str:
    """The reason, for the visitor, why the chosen CA may not sign; empty if it may."""
    cas, index = _account(visit)
    other = next((other for other in cas if other.arn.rsplit("/", 1)[1] == ca_id), None)
    if other is None or not _may_sign(visit, other.arn):
        return "Choose one of these."
    return _refusal(visit.ca.record, other, index, visit.rt.now())


def _account(visit: Visit) -> tuple[list[CertificateAuthority], Index]:
    cas = list(iterate.of_account(visit.rt, arns.parse_ca_arn(visit.ca.arn).account_id))
    return cas, chains.index(cas)


def _refusal(ca: CertificateAuthority, other: CertificateAuthority, index: Index, now: datetime) -> str:
    """The rule that keeps a CA from signing the certificate of another one; empty if there is none."""
    if other.arn == ca.arn:
        return "Only a root signs its own certificate."
    if state.status_of(other, now) != "ACTIVE":
        return "This CA is not active."
    if other.key_sha256 == ca.key_sha256 or _is_below(ca, chains.present(chains.installed(other), index)):
        return "This CA is below the one that it would sign."
    if state.issuer_of(other).path_length == 0:
        return "The path length of this CA is 0: no CA may be below it."
    if problems := chains.problems(chains.installed(other), index, now):
        return f"The chain of this CA does not verify. {problems[0]}"
    return ""


def _is_below(ca: CertificateAuthority, path: Path) -> bool:
    own = chains.installed(ca)[:1]
    return bool(own) and own[0].identity in [link.identity for link in path]


def _may_sign(visit: Visit, arn: str) -> bool:
    """Tell whether the visitor may issue CA certificates with a CA, and get them."""
    issuer = web.authority(visit.rt, visit.caller, arn)
    return (
        issuer.allows("DescribeCertificateAuthority")
        and issuer.allows("GetCertificate")
        and any(name.startswith("SubordinateCACertificate_PathLen") for name in issuer.templates)
    )


def _parent(other: CertificateAuthority, path: Path, above: list[paths.Identity]) -> Parent:
    return Parent(
        name=state.name_of(other),
        ca_id=other.arn.rsplit("/", 1)[1],
        arn=other.arn,
        type=other.type,
        not_after=paths.ends(path),
        levels=state.issuer_of(other).path_length,
        is_present=path[0].identity in above,
    )


def _rank(parent: Parent) -> tuple[bool, int, float, str]:
    levels = _MANY if parent.levels is None else parent.levels
    return not parent.is_present, -levels, -parent.not_after.timestamp(), parent.name.casefold()
