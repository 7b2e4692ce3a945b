"""Verdicts on distribution points and OCSP URLs, from the monitor's last look at each and its age.

The publisher's records say nothing about clients: a host name may not resolve, and a proxy may serve an old CRL.
So one rule, for the console and the overview, judges each URL by the monitor's last look alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.ca import state as ca_state
from chalicelib.crl import distribution_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from chalicelib.home_records import Reachability
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

LATELY = timedelta(minutes=30)  # an older look proves nothing; rounds over thousands of CAs take this long at most
# The conditions of URLs, the worst first.
CONDITIONS = ("WRONG", "NOT_LATELY", "NOT_YET", "SEEN")


class Verdict(NamedTuple):
    """The verdict on a distribution point or an OCSP URL.

    Attributes:
        kind: "CRL" or "OCSP".
        condition: one of `CONDITIONS`.
        problem: what was wrong at the last look; empty if nothing was.
        at: when the monitor last looked; None: not yet.
        since: when it began to see the same.
        source: where it looked from.
    """

    kind: str
    url: str
    condition: str = "NOT_YET"
    problem: str = ""
    at: datetime | None = None
    since: datetime | None = None
    source: str = ""


def of_authorities(rt: Runtime, cas: Sequence[CertificateAuthority]) -> dict[str, list[Verdict]]:
    """By the ARN of each CA, the verdict on each of its URLs, the worst first; none if nothing is published for it."""
    now = rt.now()
    urls = {ca.arn: list(_urls(rt, ca, now)) for ca in cas}
    records = rt.store.get_reachability([arn for arn, named in urls.items() if named])
    return {arn: sorted(_judged(named, records.get(arn), now), key=_rank) for arn, named in urls.items()}


def of_authority(rt: Runtime, ca: CertificateAuthority) -> list[Verdict]:
    """The verdict on each URL of a CA, the worst first."""
    return of_authorities(rt, [ca])[ca.arn]


def worst(verdicts: Iterable[Verdict]) -> str:
    """The worst condition of some URLs; empty without any."""
    return min((verdict.condition for verdict in verdicts), key=CONDITIONS.index, default="")


def _urls(rt: Runtime, ca: CertificateAuthority, now: datetime) -> Iterator[tuple[str, str]]:
    """The kind and the URL of each place that the monitor looks at."""
    if ca_state.has_status_service(ca, now):
        for url in dict.fromkeys(point.url for point in distribution_points.in_use(ca, now) if point.url):
            yield "CRL", url
        for url in distribution_points.ocsp_urls(rt, ca):
            yield "OCSP", url


def _judged(urls: Iterable[tuple[str, str]], record: Reachability | None, now: datetime) -> Iterator[Verdict]:
    looks = {look.url: look for look in record.looks} if record else {}
    for kind, url in urls:
        look = looks.get(url)
        if record is None or (look is None and not record.others):
            yield Verdict(kind, url)
            continue
        problem, at = (look.problem, look.at) if look else ("", record.looked_at)
        lately = timedelta(0) <= now - at < LATELY
        condition = ("WRONG" if problem else "SEEN") if lately else "NOT_LATELY"
        yield Verdict(kind, url, condition, problem, at, look.since if look else None, record.source)


def _rank(verdict: Verdict) -> tuple[int, str, str]:
    return CONDITIONS.index(verdict.condition), verdict.kind, verdict.url
