"""Recording what a round of the monitor saw; `crl.reachability` reads the records.

A record is written when something changes, else every few minutes, so that a home with thousands of CAs does not pay
for writes without news.
"""

from __future__ import annotations

import platform
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.home_records import Look, Reachability
from chalicelib.monitor import rounds
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from chalicelib.monitor.sightings import Sighting
    from chalicelib.runtime import Runtime

MOST_LOOKS = 40  # in a record
MOST_PROBLEM = 200  # characters
AGAIN = timedelta(minutes=5)  # after which an unchanged record is written again
_FORGOTTEN = timedelta(hours=6)  # after which a URL that nobody looks at is dropped
_KNOWN = "looks"  # in `Runtime.known`: this process's last record of a CA


def record(rt: Runtime, sightings: Iterable[Sighting]) -> None:
    """Record what was seen of each CA; a CA that the round did not reach keeps its record."""
    of_authorities: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        if sighting.url != sighting.ca_arn and sighting.problem != rounds.NO_TIME:
            of_authorities.setdefault(sighting.ca_arn, []).append(sighting)
    for ca_arn, seen in of_authorities.items():
        _record(rt, ca_arn, seen)


def _record(rt: Runtime, ca_arn: str, seen: Sequence[Sighting]) -> None:
    now, told = rt.now(), {(sighting.url, sighting.problem) for sighting in seen}
    last, at = rt.known.get((_KNOWN, ca_arn), (None, now))
    if last == told and timedelta(0) <= now - at < AGAIN:
        return
    earlier = rt.store.get_reachability([ca_arn]).get(ca_arn)
    with suppress(ConflictError):  # another process recorded its look at the same moment
        rt.store.put_reachability(_merged(ca_arn, earlier, seen, source_of(rt), now))
        rt.known[_KNOWN, ca_arn] = (told, now)


def _merged(
    ca_arn: str, earlier: Reachability | None, seen: Sequence[Sighting], source: str, now: datetime
) -> Reachability:
    """The record after a round: the new looks, and those of URLs that this round had no time for."""
    before = {look.url: look for look in earlier.looks} if earlier else {}
    looks = {url: look for url, look in before.items() if timedelta(0) <= now - look.at < _FORGOTTEN}
    for sighting in seen:
        problem, last = sighting.problem[:MOST_PROBLEM], before.get(sighting.url)
        since = last.since if last is not None and last.problem == problem else now
        looks[sighting.url] = Look(url=sighting.url, at=now, problem=problem, since=since)
    ordered = sorted(looks.values(), key=lambda look: not look.problem)
    return Reachability(
        ca_arn=ca_arn,
        source=source,
        looked_at=now,
        looks=tuple(ordered[:MOST_LOOKS]),
        others=0 if any(look.problem for look in ordered[MOST_LOOKS:]) else len(ordered[MOST_LOOKS:]),
        version=earlier.version if earlier else 0,
    )


def source_of(rt: Runtime) -> str:
    """Name the place that the monitor of this process looks from."""
    if rt.settings.state == "sqlite":
        return f"this server ({platform.node() or 'localhost'})"
    return f"AWS Lambda in {rt.settings.region}"
