"""Hostile requests from fixed seeds: 1,000, in `make long-test` 8,000; `make fuzz` runs half a million from others."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.operations import explain
from tests.fuzz import console_requests, mutation, requests
from tests.fuzz import run as fuzz
from tests.fuzz.target import Target
from tests.support.rsgi import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES, LONG_CASES = 1_000, 8_000


@pytest.mark.slow
def test_no_request_fails_or_takes_long() -> None:
    report = fuzz.run(0, CASES)
    assert not report.findings, "\n".join(map(str, report.findings[:20]))
    assert report.cases == CASES


@pytest.mark.long
def test_no_request_fails_takes_long_or_keeps_memory(record_property: Any) -> None:
    report = fuzz.run(CASES, LONG_CASES)
    assert not report.findings, "\n".join(map(str, report.findings[:20]))
    assert report.cases == LONG_CASES
    assert 0 < report.grown_bytes < fuzz.MOST_GROWN_BYTES
    record_property("fuzz", f"{LONG_CASES} cases, slowest {report.slowest[0]:.2f} s, {report.cpu_seconds:.0f} s of CPU")


@pytest.mark.slow
def test_requests_of_each_kind_get_in() -> None:
    """Fuzzing that is refused at the door finds nothing.

    Keys and ARNs differ from run to run, so it is chance which request gets in. Certificates and CBOR octets do least
    often: one in 110 (112 acceptances). Were it one in 150, 4,000 requests would all be refused once in 10^11 runs.
    """
    assert fuzz.kinds_refused_at_the_door(4_000) == []


def test_defect_in_the_server_is_found_and_its_seed_finds_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("a defect")

    monkeypatch.setattr(explain, "explain", broken)
    found = fuzz.run(0, 120).findings
    assert any(finding.reason.startswith("status 500") for finding in found)
    assert any("a defect" in finding.reason for finding in found)  # the traceback, wherever the answer hides it
    again = fuzz.run(found[0].seed, 1).findings
    assert [(each.seed, each.kind) for each in again[:1]] == [(found[0].seed, found[0].kind)]


def test_request_that_takes_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "MOST_CPU_SECONDS", 0.0)
    assert len(fuzz.run(0, 3).findings) == 3


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    made = Target()
    yield made
    made.close()


@pytest.mark.parametrize("kind", requests.KINDS, ids=lambda kind: kind.__name__)
def test_seed_makes_the_same_choices_again(target: Target, kind: Any) -> None:
    """Signatures differ from run to run; what is chosen does not."""
    one, other = (kind(random.Random(7), target) for _ in range(2))
    assert (one.method, one.path, len(one.headers)) == (other.method, other.path, len(other.headers))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, {}, b""),
        Answer(0, {}, b""),
        Answer(200, {"content-type": "application/ocsp-response"}, bytes.fromhex("30030a0102")),
        Answer(400, {"content-type": "application/x-amz-json-1.1"}, b'{"__type": "KeyError"}'),
    ],
)
def test_answer_that_must_not_be_is_a_finding(answer: Answer) -> None:
    assert fuzz._wrong(answer)


def test_mutations_of_der_stay_readable_more_often_than_not() -> None:
    good = bytes.fromhex("300d06092a864886f70d01010b0500")
    rng = random.Random(1)
    readable = 0
    for _ in range(200):
        changed = mutation.encoding(rng, good)
        try:
            readable += bool(changed) and mutation.head(changed, 0)[2] == len(changed)
        except IndexError:
            continue
    assert readable > 100


def test_every_page_has_an_address_for_the_fuzzer(target: Target) -> None:
    for path in (*console_requests.PAGES, *console_requests.FORMS):
        assert "{" not in console_requests.path_of(random.Random(0), target, path)
