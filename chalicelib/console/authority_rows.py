"""CAs as lists and their own page show them: what the operations describe, with tags and the freshness of CRLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.operations import lookup, revocation_configuration
from chalicelib.pki import names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chalicelib.console.web import Visit
    from chalicelib.records import CertificateAuthority, CrlState
    from chalicelib.runtime import Runtime


class Light(NamedTuple):
    """How fresh a CA's CRLs are: a tone for the colour, an icon, and a word that says the same.

    Attributes:
        state: of the CRL that ends first; None where there is none.
    """

    tone: str
    icon: str
    word: str
    state: CrlState | None = None


_OFF, _NONE = Light("muted", "-", "off"), Light("muted", "○", "none yet")


class AuthorityRow(NamedTuple):
    """A CA in a list."""

    ca_id: str
    name: str
    common_name: str
    ca: Mapping[str, Any]
    light: Light


def row(visit: Visit, described: Mapping[str, Any]) -> AuthorityRow:
    """A row for what ListCertificateAuthorities or DescribeCertificateAuthority says of a CA."""
    record = lookup.find(visit.rt, visit.caller, described["Arn"])
    return AuthorityRow(
        ca_id=described["Arn"].rsplit("/", 1)[1],
        name=dict(record.tags).get("Name") or "",
        common_name=common_name(described),
        ca=described,
        light=light(visit.rt, record),
    )


def common_name(described: Mapping[str, Any]) -> str:
    """What a CA is called: its common name, or else its whole subject."""
    given = described["CertificateAuthorityConfiguration"]["Subject"]
    return str(given.get("CommonName") or subject(described))


def subject(described: Mapping[str, Any]) -> str:
    """The subject as RFC 2253 writes it."""
    return names.rfc2253(names.encode_subject(described["CertificateAuthorityConfiguration"]["Subject"]))


def light(rt: Runtime, ca: CertificateAuthority) -> Light:
    """The freshness of a CA's CRLs, judged by the one that is worst off."""
    states = [state for each in revocation_configuration.crl_arns(ca) if (state := rt.store.get_crl_state(each))]
    if not states:
        return _NONE if revocation_configuration.crl_enabled(ca) else _OFF
    return min((_light(state, rt.now()) for state in states), key=lambda each: _ORDER.index(each.word))


_ORDER = ("ended", "failing", "due", "fresh")


def _light(state: CrlState, now: datetime) -> Light:
    if state.next_update is not None and state.next_update <= now:
        return Light("bad", "✕", "ended", state)
    if state.failures:
        return Light("bad", "✕", "failing", state)
    if state.next_update is None or (state.next_crl_at is not None and state.next_crl_at <= now):
        return Light("warn", "◐", "due", state)
    return Light("good", "●", "fresh", state)
