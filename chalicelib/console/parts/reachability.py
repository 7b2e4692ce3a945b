"""The monitor's last look at a CA's distribution points and OCSP URLs, as every page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.console import severity
from chalicelib.crl import reachability

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from chalicelib.console.severity import Sign
    from chalicelib.crl.reachability import Verdict
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime


class Seen(NamedTuple):
    """The verdict on a URL.

    Attributes:
        sign: of its condition.
        kind: "CRL" or "OCSP".
        problem: what was wrong at the last look; empty if nothing was.
        at: the last look; None: not yet.
        since: when the monitor began to see the same.
        source: where it looked from.
    """

    sign: Sign
    kind: str
    url: str
    problem: str
    at: datetime | None
    since: datetime | None
    source: str


WORKS, NOT_YET = severity.URL["SEEN"], severity.URL["NOT_YET"]


def of_authority(rt: Runtime, ca: CertificateAuthority) -> list[Seen]:
    """The verdict on each URL of a CA, the worst first; none if nothing is published for the CA."""
    return [seen(verdict) for verdict in reachability.of_authority(rt, ca)]


def seen(verdict: Verdict) -> Seen:
    """A verdict with its sign."""
    sign = severity.URL[verdict.condition]
    return Seen(sign, verdict.kind, verdict.url, verdict.problem, verdict.at, verdict.since, verdict.source)


def sign_of(verdicts: Iterable[Verdict], kind: str) -> Sign | None:
    """The sign of the worst verdict of a kind, "CRL" or "OCSP"; None without any."""
    condition = reachability.worst(verdict for verdict in verdicts if verdict.kind == kind)
    return severity.URL[condition] if condition else None
