"""The CRLs and the OCSP address of a CA, with what to do where something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.ca import state as ca_state
from chalicelib.console.parts import authority_rows
from chalicelib.crl import distribution_points, freshness, revocation_configuration
from chalicelib.ocsp import responders
from chalicelib.pki.x509 import reading

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.console.parts.authority_rows import Light
    from chalicelib.records import CertificateAuthority, CrlState
    from chalicelib.runtime import Runtime

_SCHEDULE = (
    "The schedule that publishes CRLs does not seem to run: in the laptop home check that signet serve runs; on AWS "
    "read the log of the function publish_crls."
)
# What to do, by the condition of a CRL.
_ADVICE = {
    "EXPIRED": "Clients refuse this CRL. Put right what the last error says, if there is one, then publish now.",
    "FAILING": (
        "Put right what the last error says. Where it is about the bucket, edit the settings and save them: the bucket "
        "is checked, and the page says what is missing. It is tried again by itself."
    ),
    "OLD": f"A newer CRL should be there by now. {_SCHEDULE}",
    "OVERDUE": _SCHEDULE,
    "WAITING": "The first CRL is published by the next run of the schedule, within a minute.",
    "NOT_PUBLISHED": (
        "This CA has expired, and its certificates with it: its CRLs are not published any more. They are again once a "
        "new CA certificate is installed."
    ),
}


class CrlRow(NamedTuple):
    """A CRL.

    Attributes:
        partition: empty for the complete CRL.
        addresses: where clients find it.
        next_run: when it is published again; None where it is not any more.
    """

    light: Light
    partition: str
    state: CrlState
    advice: str
    addresses: tuple[str, ...]
    next_run: datetime | None


def crls(rt: Runtime, ca: CertificateAuthority) -> list[CrlRow]:
    """Every CRL of a CA, the worst first."""
    points = distribution_points.in_use(ca, rt.now())
    rows = []
    for each in freshness.of_authority(rt, ca):
        _, partition = arns.split_crl_arn(each.crl_arn)
        urls = tuple(point.url for point in points if point.partition == partition)
        light, advice = authority_rows.LIGHTS[each.condition], _ADVICE.get(each.condition, "")
        next_run = None if each.condition == "NOT_PUBLISHED" else each.state.next_crl_at
        rows.append(CrlRow(light, partition, each.state, advice, urls, next_run))
    return rows


class Ocsp(NamedTuple):
    """How a CA's OCSP is.

    Attributes:
        address: that certificates are given now; empty where OCSP is off.
        responder_until: when the certificate of the delegated responder ends; None where the CA signs itself.
    """

    tone: str
    icon: str
    word: str
    text: str
    address: str
    responder_until: datetime | None


_ANSWERS = ("good", "●", "answers")
# The state by what holds: OCSP is on, the CA has been known to OCSP, it is in a state in which status is told.
_OCSP = {
    (True, True, True): (*_ANSWERS, "Certificates that are issued now name the address below."),
    (True, False, True): ("muted", "○", "pending", "It answers once the CA has its certificate."),
    (True, False, False): ("muted", "○", "pending", "It answers once the CA has its certificate."),
    (True, True, False): ("warn", "◐", "silent", "In this status the CA answers no OCSP requests."),
    (False, True, True): (*_ANSWERS, "It is switched off for new certificates; those that name it are still answered."),
}


def ocsp(rt: Runtime, ca: CertificateAuthority) -> Ocsp:
    """The state of a CA's OCSP, as its answers would be now."""
    on = bool(ca.revocation_configuration["OcspConfiguration"]["Enabled"])
    tells = ca_state.status_of(ca, rt.now()) in ca_state.WITH_STATUS_SERVICE
    known = bool(ca.ocsp_key_hashes)
    said = _OCSP.get((on, known, tells), ("muted", "-", "off", "No certificate names an OCSP address."))
    responder = responders.usable(rt, ca, rt.now()) if known else None
    until = reading.parse_certificate(responder.certificate_der).not_after if responder else None
    return Ocsp(*said, revocation_configuration.ocsp_url(rt, ca) or "", until)
