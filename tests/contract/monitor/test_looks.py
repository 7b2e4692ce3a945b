"""What a round of the monitor records of what it saw, and what it does not record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.crl import reachability
from chalicelib.monitor import looks, rounds
from chalicelib.monitor.sightings import Sighting
from tests.support.authority_steps import active_root, issue
from tests.support.builders import CRL_CONFIGURATION

if TYPE_CHECKING:
    from tests.faults.world import Clock

OCSP = {"OcspConfiguration": {"Enabled": True, "OcspCustomCname": "localhost:9"}}
NOT_FOUND = "The URL answers with 404."


@pytest.fixture
def arn(acm_pca: Any) -> str:
    arn = active_root(acm_pca, RevocationConfiguration=CRL_CONFIGURATION | OCSP)
    issue(acm_pca, arn)
    return arn


def urls(rt: Any, arn: str) -> list[str]:
    return [verdict.url for verdict in reachability.of_authority(rt, rt.store.get_certificate_authority(arn))]


def conditions(rt: Any, arn: str) -> dict[str, str]:
    ca = rt.store.get_certificate_authority(arn)
    return {verdict.kind: verdict.condition for verdict in reachability.of_authority(rt, ca)}


def see(rt: Any, arn: str, **problems: str) -> None:
    """A round that sees these problems by kind, and nothing else wrong."""
    ca = rt.store.get_certificate_authority(arn)
    seen = reachability.of_authority(rt, ca)
    looks.record(rt, [Sighting(arn, each.url, problem=problems.get(each.kind, "")) for each in seen])


def version(rt: Any, arn: str) -> int:
    return int(rt.store.get_reachability([arn])[arn].version)


def test_verdict_follows_the_last_look_alone(rt: Any, arn: str, clock: Clock) -> None:
    assert conditions(rt, arn) == {"CRL": "NOT_YET", "OCSP": "NOT_YET"}
    see(rt, arn, CRL=NOT_FOUND)
    assert conditions(rt, arn) == {"CRL": "WRONG", "OCSP": "SEEN"}
    clock.forward(minutes=1)
    see(rt, arn)
    assert conditions(rt, arn) == {"CRL": "SEEN", "OCSP": "SEEN"}
    clock.forward(minutes=31)
    assert conditions(rt, arn) == {"CRL": "NOT_LATELY", "OCSP": "NOT_LATELY"}
    clock.now = clock.now.replace(year=2029)  # a clock that went back proves nothing either
    assert conditions(rt, arn) == {"CRL": "NOT_LATELY", "OCSP": "NOT_LATELY"}


def test_problem_has_the_time_at_which_it_began(rt: Any, arn: str, clock: Clock) -> None:
    began = rt.now()
    for _ in range(3):
        see(rt, arn, CRL=NOT_FOUND)
        clock.forward(minutes=6)
    worst = reachability.of_authority(rt, rt.store.get_certificate_authority(arn))[0]
    assert (worst.problem, worst.since) == (NOT_FOUND, began)
    assert worst.at is not None
    assert worst.at > began


def test_record_that_would_say_the_same_is_written_every_five_minutes(rt: Any, arn: str, clock: Clock) -> None:
    for _ in range(5):
        see(rt, arn)
        clock.forward(minutes=1)
    assert version(rt, arn) == 1
    see(rt, arn)
    assert version(rt, arn) == 2
    see(rt, arn, OCSP=NOT_FOUND)
    assert version(rt, arn) == 3


def test_what_was_not_looked_at_keeps_its_record(rt: Any, arn: str) -> None:
    see(rt, arn)
    skipped = [Sighting(arn, url, problem=rounds.NO_TIME) for url in urls(rt, arn)]
    looks.record(rt, [*skipped, Sighting(arn, arn, problem="unreadable")])
    assert version(rt, arn) == 1


@pytest.mark.parametrize(("wrong", "others"), [(0, 60), (5, 60), (60, 0)])
def test_record_is_bounded_and_has_the_problems_first(rt: Any, arn: str, wrong: int, others: int) -> None:
    problems = [NOT_FOUND * 100] * wrong + [""] * (100 - wrong)
    looks.record(rt, [Sighting(arn, f"http://x/{n}.crl", problem=text) for n, text in enumerate(problems)])
    found = rt.store.get_reachability([arn])[arn]
    assert (len(found.looks), found.others) == (looks.MOST_LOOKS, others)
    assert [bool(look.problem) for look in found.looks] == sorted(
        (bool(each.problem) for each in found.looks), reverse=True
    )
    assert max(len(look.problem) for look in found.looks) <= looks.MOST_PROBLEM
