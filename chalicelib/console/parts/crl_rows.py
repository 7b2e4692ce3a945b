"""The condition of a CA's CRLs and OCSP, with advice if something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.ca import state as ca_state
from chalicelib.console import severity
from chalicelib.console.parts import authority_rows, reachability
from chalicelib.crl import distribution_points, freshness, revocation_configuration
from chalicelib.crl import reachability as verdicts
from chalicelib.ocsp import responders
from chalicelib.pki.x509 import reading

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.console.parts.authority_rows import Light
    from chalicelib.console.parts.reachability import Seen
    from chalicelib.console.web import Visit
    from chalicelib.records import CertificateAuthority, CrlState, DistributionPoint
    from chalicelib.runtime import Runtime

_SCHEDULE = (
    "The schedule that publishes CRLs does not seem to run: in the laptop home check that signet serve runs; on AWS "
    "read the log of the function publish_crls."
)
# Advice, by the condition of a CRL.
_ADVICE = {
    "EXPIRED": "Clients reject this CRL. Fix the last error, if there is one, then publish now.",
    "FAILING": (
        "Fix the last error. If it is about the bucket, edit the settings and save them: the page checks the bucket "
        "and shows what is missing. The publication is retried automatically."
    ),
    "OLD": f"A newer CRL should have been published by now. {_SCHEDULE}",
    "OVERDUE": _SCHEDULE,
    "WAITING": "The next run of the schedule publishes the first CRL, within a minute.",
    "NOT_PUBLISHED": (
        "This CA and its certificates have expired, so its CRLs are no longer published. Install a new CA certificate "
        "to publish them again."
    ),
}
_UNUSABLE = (
    "This CRL is published, but clients get no usable CRL at the URL in certificates. The monitor's last look says "
    "why. Check that the host name resolves, and that it leads to this server or to the bucket."
)


class Address(NamedTuple):
    """A distribution point.

    Attributes:
        own: the address of the same CRL at this server or in the bucket; it works even if the URL leads elsewhere.
        seen: what the monitor saw at the URL; None: nobody looks there.
    """

    url: str
    own: str
    seen: Seen | None


class CrlRow(NamedTuple):
    """A CRL.

    Attributes:
        partition: its id; empty for the complete CRL.
        addresses: its distribution points.
        next_run: the time of the next publication; None if it is no longer published.
    """

    light: Light
    partition: str
    state: CrlState
    advice: str
    addresses: tuple[Address, ...]
    next_run: datetime | None


def crls(visit: Visit) -> list[CrlRow]:
    """Every CRL of the CA of a page, the worst first."""
    rt, ca = visit.rt, visit.ca.record
    points = distribution_points.in_use(ca, rt.now())
    judged = {verdict.url: verdict for verdict in verdicts.of_authority(rt, ca) if verdict.kind == "CRL"}
    rows = []
    for crl in freshness.of_authority(rt, ca):
        _, partition = arns.split_crl_arn(crl.crl_arn)
        of_crl = [point for point in points if point.partition == partition]
        light = authority_rows.light_of(crl.condition, [judged[point.url] for point in of_crl if point.url in judged])
        is_unusable = crl.condition == "FRESH" and light.tone == "bad"
        next_run = None if crl.condition == "NOT_PUBLISHED" else crl.state.next_crl_at
        addresses = tuple(
            Address(point.url, own_address(visit, point), _seen(judged.get(point.url))) for point in of_crl
        )
        advice = _UNUSABLE if is_unusable else _ADVICE.get(crl.condition, "")
        rows.append(CrlRow(light, partition, crl.state, advice, addresses, next_run))
    return rows


def own_address(visit: Visit, point: DistributionPoint) -> str:
    """The address at which this home serves a CRL, relative if this server does."""
    if visit.rt.settings.buckets != "s3":
        return visit.beside(f"{point.bucket}/{point.key}")
    is_public = distribution_points.acl_of(visit.ca.record, point) == "PUBLIC_READ"
    return visit.rt.buckets.object_url(point.bucket, point.key) if is_public else point.url


def _seen(verdict: verdicts.Verdict | None) -> Seen | None:
    return None if verdict is None else reachability.seen(verdict)


class Ocsp(NamedTuple):
    """The condition of a CA's OCSP.

    Attributes:
        address: the URL in new certificates; empty if OCSP is disabled.
        responder_until: when the certificate of the delegated responder expires; None if the CA itself signs.
    """

    tone: str
    icon: str
    word: str
    text: str
    address: str
    responder_until: datetime | None


_ANSWERS = severity.sign("good", "answers")
_PENDING = (*severity.sign("muted", "pending"), "OCSP answers once the CA has its certificate.")
_OFF = (*severity.sign("muted", "off"), "No certificate contains an OCSP URL.")
# By whether OCSP is enabled, the CA is known to OCSP, and its status lets OCSP answer.
_OCSP = {
    (True, True, True): (*_ANSWERS, "New certificates contain the URL below."),
    (True, False, True): _PENDING,
    (True, False, False): _PENDING,
    (True, True, False): (*severity.sign("warn", "silent"), "OCSP does not answer for a CA with this status."),
    (False, True, True): (
        *_ANSWERS,
        "OCSP is disabled for new certificates, but still answers for those that contain its URL.",
    ),
}


def ocsp(rt: Runtime, ca: CertificateAuthority) -> Ocsp:
    """The condition of a CA's OCSP, as it would answer now."""
    on = bool(ca.revocation_configuration["OcspConfiguration"]["Enabled"])
    answers = ca_state.status_of(ca, rt.now()) in ca_state.WITH_STATUS_SERVICE
    known = bool(ca.ocsp_key_hashes)
    condition = _OCSP.get((on, known, answers), _OFF)
    responder = responders.usable(rt, ca, rt.now()) if known else None
    until = reading.parse_certificate(responder.certificate_der).not_after if responder else None
    return Ocsp(*condition, revocation_configuration.ocsp_url(rt, ca) or "", until)
