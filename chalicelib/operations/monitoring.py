"""CRLs as a stranger sees them: fetched from their addresses, verified and measured.

What the publisher believes counts for nothing here: of its records, only the CAs and the addresses are read.

Source: RFC 5280 sections 5.1 and 6.3.3.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509

from chalicelib import logs
from chalicelib.operations import lookup, revocation_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.records import CertificateAuthority, CrlLocation
    from chalicelib.runtime import Runtime

FETCH_SECONDS = 5
_MOST_BYTES = 256 * 1024 * 1024
_THREADS = 8
_BACKDATED = timedelta(hours=1)  # thisUpdate lies so long before the CRL was made, as AWS's does


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
        seen = list(pool.map(lambda watched: _look(rt, *watched), _watched(rt)))
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


def _watched(rt: Runtime) -> Iterator[tuple[CertificateAuthority, CrlLocation, str]]:
    """Each CA whose certificates send clients to a CRL, with each of the addresses."""
    now = rt.now()
    for ca in lookup.every_authority(rt):
        if ca.certificate_der is not None and lookup.status_of(ca, now) in lookup.WITH_STATUS_SERVICE:
            yield from ((ca, *each) for each in revocation_configuration.crl_addresses(rt, ca))


def _look(rt: Runtime, ca: CertificateAuthority, location: CrlLocation, address: str) -> Sighting:
    try:
        return judge(ca, location, address, fetch(address), rt.now())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Sighting(ca.arn, address, problem=text_of(error))


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


def judge(ca: CertificateAuthority, location: CrlLocation, address: str, body: bytes, now: datetime) -> Sighting:
    """Verify a CRL and measure its age.

    Raises:
        ValueError: it is no CRL.
    """
    crl = x509.load_der_x509_crl(body)
    certificate = x509.load_der_x509_certificate(ca.certificate_der or b"")
    public_key: Any = certificate.public_key()  # a CA's key signs
    number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    made_at, next_update = crl.last_update_utc + _BACKDATED, crl.next_update_utc or crl.last_update_utc
    life_used = 100 * ((now - made_at) / (next_update - made_at)) if next_update > made_at else 100.0
    problem = ""
    if crl.issuer.public_bytes() != certificate.subject.public_bytes():
        problem = "It is another issuer's."
    elif not crl.is_signature_valid(public_key):
        problem = "Its signature is not the CA's."
    elif _scope(crl) != ([location.url] if location.url else None):
        problem = "Its scope (IssuingDistributionPoint) is not its address."
    elif now >= next_update:
        problem = f"It ended at {next_update:%Y-%m-%dT%H:%M:%SZ}."
    elif crl.last_update_utc > now:
        problem = f"It begins only at {crl.last_update_utc:%Y-%m-%dT%H:%M:%SZ}."
    return Sighting(ca.arn, address, number, max(life_used, 0.0), problem)


def _scope(crl: x509.CertificateRevocationList) -> list[str] | None:
    """The addresses in the IssuingDistributionPoint; None without one."""
    for extension in crl.extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            return [str(each.value) for each in extension.value.full_name or ()]
    return None


def text_of(error: Exception) -> str:
    """Why an address was not read."""
    if isinstance(error, urllib.error.HTTPError):
        return f"The address answers with {error.code}."
    return f"{type(error).__name__}: {error}"[:200]
