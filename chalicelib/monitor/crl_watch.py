"""CRLs as a stranger sees them: fetched from their addresses, verified and measured.

What the publisher believes of its CRLs counts for nothing here. Beside the CAs and their addresses, it reads the base
records of the last revocations, which have to be visible, and the number that clients may have seen already.

Source: RFC 5280 sections 3.3, 5.1 and 6.3.3.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from cryptography import x509

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.ca import iterate
from chalicelib.ca import state as ca_state
from chalicelib.crl import distribution_points
from chalicelib.pki.asn1 import der
from chalicelib.pki.crl import entries as crl_entries
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.pki.issuing.validity import BACKDATED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.records import CertificateAuthority, DistributionPoint
    from chalicelib.runtime import Runtime

FETCH_SECONDS = 5
_MOST_BYTES = 256 * 1024 * 1024
_THREADS = 8
VISIBLE_WITHIN = timedelta(minutes=2)  # two runs of the schedule
_LAST = 1_000  # revocations of each CA are looked for


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was found at an address.

    Attributes:
        life_used: how much of its life the CRL has behind it, in percent; beyond 50 a newer one is missing.
        problem: what is wrong with it, in words; empty where nothing is.
    """

    ca_arn: str
    address: str
    crl_number: int = 0
    life_used: float = 0.0
    problem: str = ""


def watch_crls(rt: Runtime) -> list[Sighting]:
    """Look at every CRL and report as metrics how old the oldest is and how many have a problem."""
    with ThreadPoolExecutor(_THREADS) as pool:
        look = partial(_watched, rt)
        looks = pool.map(lambda ca: iterate.look_at(ca, look, unseen), iterate.every_authority(rt))
        seen = [each for found in looks for each in found]
    for each in seen:
        if each.problem:
            logs.log("crl_problem", ca=each.ca_arn, address=each.address, problem=each.problem)
    logs.metrics(
        "crls_watched",
        {
            "CrlLifeUsed": (max((each.life_used for each in seen), default=0.0), "Percent"),
            "CrlProblems": (sum(bool(each.problem) for each in seen), "Count"),
            "CrlsWatched": (len(seen), "Count"),
        },
        timestamp=rt.now(),
    )
    return seen


def unseen(ca_arn: str, problem: str) -> Sighting:
    """That there was no looking at a CA."""
    return Sighting(ca_arn, ca_arn, problem=problem)


def _watched(rt: Runtime, ca: CertificateAuthority) -> Iterator[Sighting]:
    """What is at a CA's addresses, if its certificates send clients there."""
    if ca.certificate_der is not None and ca_state.status_of(ca, rt.now()) in ca_state.WITH_STATUS_SERVICE:
        yield from (_look(rt, ca, each) for each in distribution_points.in_use(ca, rt.now()) if each.url)


def _look(rt: Runtime, ca: CertificateAuthority, point: DistributionPoint) -> Sighting:
    address = point.url
    try:
        body = fetch(address)
        seen = judge(ca, point, address, body, rt.now())
        return seen if seen.problem else replace(seen, problem=_behind(rt, ca, point, body, seen.crl_number))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Sighting(ca.arn, address, problem=text_of(error))


def _behind(rt: Runtime, ca: CertificateAuthority, point: DistributionPoint, body: bytes, crl_number: int) -> str:
    """What the CRL does not show although it was recorded long enough ago, in words."""
    settled = rt.now() - VISIBLE_WITHIN
    state = rt.store.get_crl_state(arns.crl_arn(ca.arn, point.partition))
    latest = state.published_number if state and state.published_at and state.published_at < settled else 0
    if crl_number < latest:
        return f"Its number is {crl_number}, although {latest} has been published."
    this_update = x509.load_der_x509_crl(body).last_update_utc
    wanted = {
        crl_tbs.serial_content(each.serial_number): each.serial_number
        for each in rt.store.last_revocations(ca.arn, limit=_LAST)
        if each.revoked_at < settled and each.not_after >= this_update and point.partition in {"", each.crl_partition}
    }
    entries = crl_entries.of_tbs(next(der.read(body).children()))
    missing = wanted.keys() - crl_entries.contained(wanted.keys(), entries)
    return f"It lacks the revoked serial number {arns.serial_hex(wanted[min(missing)])}." if missing else ""


def fetch(address: str, body: bytes | None = None, content_type: str = "") -> bytes:
    """What anybody gets from an address, or as the answer to a body that is posted there; no redirect is followed.

    Raises:
        OSError: it does not answer, or not with 200.
    """
    headers = {"User-Agent": "signet-monitor"} | ({"Content-Type": content_type} if content_type else {})
    request = urllib.request.Request(address, data=body, headers=headers)  # noqa: S310  it begins with http
    opener = urllib.request.build_opener(_NoRedirects)
    with opener.open(request, timeout=FETCH_SECONDS) as answer:
        found: bytes = answer.read(_MOST_BYTES + 1)
    if len(found) > _MOST_BYTES:
        raise ValueError(f"It is longer than {_MOST_BYTES} bytes.")
    return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A CRL lies where its address says."""


def judge(ca: CertificateAuthority, point: DistributionPoint, address: str, body: bytes, now: datetime) -> Sighting:
    """Verify a CRL and measure its age.

    Raises:
        ValueError: it is no CRL.
    """
    found = x509.load_der_x509_crl(body)
    certificate = x509.load_der_x509_certificate(ca.certificate_der or b"")
    public_key: Any = certificate.public_key()  # a CA's key signs
    number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    made_at, next_update = found.last_update_utc + BACKDATED, found.next_update_utc or found.last_update_utc
    life_used = 100 * ((now - made_at) / (next_update - made_at)) if next_update > made_at else 100.0
    problem = ""
    if found.issuer.public_bytes() != certificate.subject.public_bytes():
        problem = "It is another issuer's."
    elif not found.is_signature_valid(public_key):
        problem = "Its signature is not the CA's."
    elif _scope(found) != ([point.issuing_distribution_point] if point.partition else None):
        problem = "Its scope (IssuingDistributionPoint) is not its address."
    elif now >= next_update:
        problem = f"It ended at {next_update:%Y-%m-%dT%H:%M:%SZ}."
    elif found.last_update_utc > now:
        problem = f"It begins only at {found.last_update_utc:%Y-%m-%dT%H:%M:%SZ}."
    return Sighting(ca.arn, address, number, max(life_used, 0.0), problem)


def _scope(found: x509.CertificateRevocationList) -> list[str] | None:
    """The addresses in the IssuingDistributionPoint; None without one."""
    for extension in found.extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            return [str(each.value) for each in extension.value.full_name or ()]
    return None


def text_of(error: Exception) -> str:
    """Why an address was not read."""
    if isinstance(error, urllib.error.HTTPError):
        return f"The address answers with {error.code}."
    return f"{type(error).__name__}: {error}"[:200]
