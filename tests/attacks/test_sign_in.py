"""Secrets cannot be tried at the console's sign-in form one after the other, and every attempt is on record."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

import app as signet_app
from chalicelib import logs
from chalicelib.access import access_keys
from chalicelib.api.sigv4 import WireRequest
from chalicelib.console import attempts, pages, sessions
from tests.support.client import gateway_event
from tests.support.console_browser import ORIGIN

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.laptop
WRONG = "x" * 40


SAME = ("192.0.2.1", "::ffff:192.0.2.1")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    caplog.set_level(logging.INFO, logger="signet")
    logs.LOGGER.addHandler(caplog.handler)
    yield lambda event: [vars(record)["data"] for record in caplog.records if record.getMessage() == event]
    logs.LOGGER.removeHandler(caplog.handler)


def tried(rt: Any, access_key_id: str, secret: str, source: str = "203.0.113.1") -> Any:
    visitor = sessions.new_id()
    fields = {"token": sessions.form_token(visitor), "access_key_id": access_key_id, "secret_access_key": secret}
    headers = (
        ("host", "127.0.0.1:8000"),
        ("origin", ORIGIN),
        ("cookie", f"{sessions.VISITOR_COOKIE}={visitor}"),
        ("content-type", "application/x-www-form-urlencoded"),
    )
    request = WireRequest(
        method="POST",
        path="/console/sign-in",
        query="",
        headers=headers,
        body=urlencode(fields).encode(),
        source_ip=source,
    )
    return pages.answer(rt, request, ("sign-in",))


@pytest.fixture
def key(rt: Any) -> access_keys.Credential:
    return access_keys.ensure_root_key(rt)


def test_each_failure_beyond_the_fifth_makes_the_next_attempt_wait(rt: Any, key: Any, clock: Any) -> None:
    assert [tried(rt, key.access_key_id, WRONG).status for _ in range(8)] == [403] * 5 + [429] * 3
    for wait in (1, 2, 4, 8):
        refused = tried(rt, key.access_key_id, key.secret)  # the right one does not help
        assert (refused.status, refused.headers["Retry-After"]) == (429, str(wait))
        assert f"Wait {wait} seconds" in refused.body.decode()
        clock.forward(seconds=wait)
        assert tried(rt, key.access_key_id, WRONG).status == 403
    clock.forward(seconds=16)
    assert tried(rt, key.access_key_id, key.secret).status == 303
    assert tried(rt, key.access_key_id, WRONG).status == 403  # and it begins anew


def test_thousand_tries_a_second_are_few(rt: Any, key: Any, clock: Any) -> None:
    compared = 0
    for _ in range(3_000):
        compared += tried(rt, key.access_key_id, WRONG).status == 403
        clock.forward(seconds=0.1)
    assert compared < 5 + 10


def test_many_sources_try_one_key_slowly(rt: Any, key: Any, clock: Any) -> None:
    found = [tried(rt, key.access_key_id, WRONG, f"203.0.113.{number}").status for number in range(200)]
    assert found.count(403) == 20
    clock.forward(seconds=31)  # its owner does not wait for longer
    assert tried(rt, key.access_key_id, key.secret, "198.51.100.1").status == 303


def test_one_source_tries_many_keys_slowly(rt: Any, key: Any, clock: Any) -> None:
    assert [tried(rt, f"AKIA{number:016}", WRONG).status for number in range(200)].count(403) == 20
    assert tried(rt, key.access_key_id, key.secret, "198.51.100.1").status == 303
    clock.forward(seconds=61)
    assert tried(rt, key.access_key_id, key.secret).status == 303


def test_whole_network_of_a_subscriber_is_one_source(rt: Any, key: Any) -> None:
    """A subscriber of IPv6 has 2^64 addresses (RFC 6177); one of IPv4 may come by either protocol."""
    found = [tried(rt, f"AKIA{number:016}", WRONG, f"2001:db8:1:2::{number:x}").status for number in range(60)]
    assert found.count(403) == 20
    assert tried(rt, key.access_key_id, key.secret, "2001:db8:1:3::1").status == 303
    mapped = [tried(rt, f"AKIB{number:016}", WRONG, source).status for number in range(15) for source in SAME]
    assert mapped.count(403) == 20


def test_key_of_one_s_own_does_not_release_the_brake(rt: Any, key: Any) -> None:
    own = access_keys.create_access_key(rt, "111122223333")
    found = []
    for number in range(60):
        found.append(tried(rt, f"AKIA{number:016}", WRONG).status)
        tried(rt, own.access_key_id, own.secret)
    assert found.count(403) == 20


@pytest.mark.parametrize("access_key_id", ["", "not a key", "a" * 200, "AKIA\n", "\u0661"])
def test_what_is_no_key_id_counts_as_well(rt: Any, access_key_id: str) -> None:
    assert [tried(rt, access_key_id, WRONG).status for _ in range(50)].count(403) == 5


def test_attempts_at_the_same_moment_count(rt: Any, key: Any) -> None:
    start, found = threading.Barrier(16), []

    def attempt() -> None:
        start.wait()
        found.append(tried(rt, key.access_key_id, WRONG).status)

    threads = [threading.Thread(target=attempt) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(403) == 5


def test_failures_are_forgotten_in_time(rt: Any, key: Any, clock: Any) -> None:
    for _ in range(4):
        assert tried(rt, key.access_key_id, WRONG).status == 403
    clock.forward(minutes=15)
    assert [tried(rt, key.access_key_id, WRONG).status for _ in range(6)] == [403] * 5 + [429]


def test_clock_that_goes_back_keeps_nobody_out(rt: Any, key: Any, clock: Any) -> None:
    clock.forward(days=300)
    for _ in range(8):
        tried(rt, key.access_key_id, WRONG)
    clock.forward(days=-300)
    refused = tried(rt, key.access_key_id, key.secret)
    assert int(refused.headers["Retry-After"]) <= 900


def test_memory_of_failures_is_bounded(rt: Any, key: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is counted most lately is not what is forgotten."""
    monkeypatch.setattr(attempts, "_MOST_ENTRIES", 30)
    for number in range(200):
        tried(rt, f"AKIA{number:016}", WRONG)
    assert len(rt.sign_in_failures) <= 30
    assert tried(rt, key.access_key_id, key.secret).status == 429


def test_every_attempt_is_a_line(rt: Any, key: Any, clock: Any, lines: Any) -> None:
    tried(rt, key.access_key_id, WRONG)
    tried(rt, key.access_key_id, key.secret)
    who = {"access_key_id": key.access_key_id, "source": "203.0.113.1"}
    assert lines("sign_in_failed") == [who | {"failures": 1}]
    assert lines("signed_in") == [who]
    for _ in range(500):
        tried(rt, key.access_key_id, WRONG)
    assert len(lines("sign_in_failed")) == 6
    assert 1 <= len(lines("sign_in_delayed")) <= 5
    assert lines("sign_in_delayed")[0] == who | {"seconds": 1}
    tried(rt, "forged\n{}", WRONG)
    assert lines("sign_in_delayed")[-1]["access_key_id"] == key.access_key_id
    assert key.secret not in str(lines("signed_in"))
    assert WRONG not in str(lines("sign_in_failed"))


def test_source_is_what_the_gateway_says(rt: Any, key: Any, lines: Any) -> None:
    """A header of the client's does not say where it comes from."""
    visitor = sessions.new_id()
    fields = {"token": sessions.form_token(visitor), "access_key_id": key.access_key_id, "secret_access_key": WRONG}
    headers = [
        ("Host", "127.0.0.1:8000"),
        ("Origin", ORIGIN),
        ("Cookie", f"{sessions.VISITOR_COOKIE}={visitor}"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Forwarded-For", "192.0.2.77"),
    ]
    event = gateway_event("POST", f"{ORIGIN}/console/sign-in", headers, urlencode(fields).encode())
    event["requestContext"]["identity"] = {"sourceIp": "203.0.113.9"}
    signet_app.use_runtime(replace(rt))
    signet_app.app(event, type("Context", (), {"aws_request_id": "x"})())
    assert [line["source"] for line in lines("sign_in_failed")] == ["203.0.113.9"]
