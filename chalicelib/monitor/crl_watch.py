"""CRLs as clients see them: fetched from their distribution points, verified and measured.

The publisher's own records count for nothing here. Beside the CAs and their distribution points, the monitor reads the
base records of the last revocations, which must be visible, and the number that clients may have seen already.

Source: RFC 5280 sections 3.3, 5.1 and 6.3.3.
"""

from __future__ import annotations

import http.client
from dataclasses import replace
from datetime import timedelta
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from cryptography import x509

from chalicelib import arn as arns
from chalicelib import fetching, logs
from chalicelib.ca import state as ca_state
from chalicelib.crl import distribution_points, freshness
from chalicelib.monitor import rounds
from chalicelib.monitor.sightings import Sighting, problem_of
from chalicelib.pki.asn1 import der
from chalicelib.pki.crl import entries as crl_entries
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.pki.issuing.validity import BACKDATED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.monitor.rounds import Budget
    from chalicelib.records import CertificateAuthority, DistributionPoint
    from chalicelib.runtime import Runtime

FETCH_SECONDS = 10
_MOST_BYTES = 256 * 1024 * 1024
VISIBLE_WITHIN = timedelta(minutes=2)  # two runs of the schedule
_LAST = 1_000  # revocations of each CA are looked for


def watch_crls(rt: Runtime, *, seconds: float = inf) -> list[Sighting]:
    """Look at every CRL; report as metrics how old the oldest is and how many have a problem."""
    sightings = rounds.watch_all(rt, partial(_watch, rt), "crls", seconds=seconds)
    for sighting in sightings:
        if sighting.problem:
            logs.log("crl_problem", ca=sighting.ca_arn, address=sighting.url, problem=sighting.problem)
    logs.metrics(
        "crls_watched",
        {
            "CrlLifeUsed": (max((sighting.life_used for sighting in sightings), default=0.0), "Percent"),
            "CrlProblems": (sum(bool(sighting.problem) for sighting in sightings), "Count"),
            "CrlsWatched": (len(sightings), "Count"),
        },
        timestamp=rt.now(),
        namespace=rt.settings.metrics_namespace,
    )
    return sightings


def _watch(rt: Runtime, ca: CertificateAuthority, budget: Budget) -> Iterator[Sighting]:
    """Look at a CA's distribution points, if its CRLs are published."""
    if ca_state.has_status_service(ca, rt.now()):
        yield from (_look(rt, ca, point, budget) for point in distribution_points.in_use(ca, rt.now()) if point.url)


def _look(rt: Runtime, ca: CertificateAuthority, point: DistributionPoint, budget: Budget) -> Sighting:
    may = fetching.allowed_by(rt.settings, by_operator=point.url == rt.buckets.object_url(point.bucket, point.key))
    try:
        body = budget.spend(FETCH_SECONDS, partial(fetching.fetch, point.url, may, most=_MOST_BYTES))
        sighting = judge(ca, point, body, rt.now())
        return sighting if sighting.problem else replace(sighting, problem=_behind(rt, ca, point, body, sighting))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Sighting(ca.arn, point.url, problem=problem_of(error))


def _behind(rt: Runtime, ca: CertificateAuthority, point: DistributionPoint, body: bytes, sighting: Sighting) -> str:
    """Describe what the CRL lacks although it was recorded long enough ago; empty if it lacks nothing."""
    settled = rt.now() - VISIBLE_WITHIN
    state = rt.store.get_crl_state(arns.crl_arn(ca.arn, point.partition))
    latest = state.published_number if state and state.published_at and state.published_at < settled else 0
    if sighting.crl_number < latest:
        return f"Its number is {sighting.crl_number}, although {latest} has been published."
    if state and sighting.crl_number > state.crl_number:
        return f"Its number is {sighting.crl_number}, and the state knows {state.crl_number}: the state is older."
    this_update = x509.load_der_x509_crl(body).last_update_utc
    wanted = {
        crl_tbs.serial_content(revocation.serial_number): revocation.serial_number
        for revocation in rt.store.last_revocations(ca.arn, limit=_LAST)
        if revocation.revoked_at < settled
        and revocation.not_after >= this_update
        and point.partition in {"", revocation.crl_partition}
    }
    entries = crl_entries.of_tbs(der.read(body).children()[0])
    missing = wanted.keys() - crl_entries.contained(wanted.keys(), entries)
    return f"It lacks the revoked serial number {arns.serial_hex(wanted[min(missing)])}." if missing else ""


def judge(ca: CertificateAuthority, point: DistributionPoint, body: bytes, now: datetime) -> Sighting:
    """Verify a CRL and measure its age.

    Raises:
        ValueError: it is not a CRL.
    """
    crl = x509.load_der_x509_crl(body)
    certificate = x509.load_der_x509_certificate(ca.certificate_der or b"")
    public_key: Any = certificate.public_key()  # a CA's key signs
    made_at, next_update = crl.last_update_utc + BACKDATED, crl.next_update_utc or crl.last_update_utc
    condition = freshness.condition_of_times(made_at, next_update, now)
    problem = ""
    if crl.issuer.public_bytes() != certificate.subject.public_bytes():
        problem = "Its issuer is not the CA."
    elif not crl.is_signature_valid(public_key):
        problem = "Its signature is not the CA's."
    elif _issuing_distribution_point(crl) != ([point.issuing_distribution_point] if point.partition else None):
        problem = "Its IssuingDistributionPoint is not its distribution point."
    elif condition == "EXPIRED":
        problem = f"It expired at {next_update:%Y-%m-%dT%H:%M:%SZ}."
    elif crl.last_update_utc > now:
        problem = f"It is not valid before {crl.last_update_utc:%Y-%m-%dT%H:%M:%SZ}."
    return Sighting(
        ca.arn,
        point.url,
        crl_number=crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number,
        life_used=_life_used(made_at, next_update, now),
        freshness=freshness.WORDS[condition],
        problem=problem,
    )


def _life_used(made_at: datetime, next_update: datetime, now: datetime) -> float:
    return max(100 * ((now - made_at) / (next_update - made_at)), 0.0) if next_update > made_at else 100.0


def _issuing_distribution_point(crl: x509.CertificateRevocationList) -> list[str] | None:
    """The URLs in the IssuingDistributionPoint extension; None without one."""
    for extension in crl.extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            return [str(name.value) for name in extension.value.full_name or ()]
    return None
