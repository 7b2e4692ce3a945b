"""Reminders: once for each threshold, whatever stops meanwhile; not of what is revoked or renewed; bounded."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.config import Settings, SettingsError
from chalicelib.events import EventsError
from chalicelib.expiry import reminders
from chalicelib.expiry.listing import Expiring
from chalicelib.expiry.reminders import windows
from chalicelib.identities import Reminding
from tests.support.authority_steps import active_root, active_subordinate, fetch, install_subordinate, issue, serial_of
from tests.support.builders import csr
from tests.support.revocations import revoke

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.world import Clock

START = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = (30, 14, 7, 1)


class Bus:
    """An event port that remembers, and refuses while it is told to."""

    def __init__(self) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.refuses = False

    def send(self, event: Mapping[str, Any]) -> None:
        if self.refuses:
            raise EventsError("The bus is away.")
        if event["detail-type"] == "Signet Expiry Reminder":
            self.events.append(event)

    def take(self) -> list[tuple[int, str]]:
        """The reminders since the last time: threshold and name."""
        taken = [reminder for event in self.events for reminder in event["detail"]["reminders"]]
        self.events.clear()
        return [(reminder["days"], reminder["name"]) for reminder in taken]


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def rt(rt: Any, bus: Bus) -> Any:
    return replace(rt, events=bus)


def run(rt: Any) -> dict[str, int]:
    return reminders.run(rt, seconds=50)


def leaf(client: Any, arn: str, host: str, days: int, key: Any = None) -> str:
    request = csr(host, dns_names=[host], **({"key": key} if key else {}))
    return issue(client, arn, Csr=request, Validity={"Type": "DAYS", "Value": days})


def daily(rt: Any, clock: Clock, bus: Bus, days: int) -> dict[int, list[tuple[int, str]]]:
    """What each run of these days tells, by the day."""
    told = {}
    for day in range(days + 1):
        run(rt)
        if found := bus.take():
            told[day] = found
        clock.forward(days=1)
    return told


def test_certificate_is_reminded_of_once_at_each_threshold(acm_pca: Any, rt: Any, clock: Clock, bus: Bus) -> None:
    arn = active_root(acm_pca)
    leaf(acm_pca, arn, "www.example.com", 40)
    told = daily(rt, clock, bus, 45)
    assert [each for found in told.values() for each in found] == [(days, "www.example.com") for days in DAYS]
    for (before, _), (after, _) in pairwise(told.items()):
        assert after > before
    first = next(iter(told))
    assert [day - first for day in told] == [0, 16, 23, 29]


def test_authority_is_reminded_of_until_it_is_renewed(acm_pca: Any, rt: Any, clock: Clock, bus: Bus) -> None:
    arn = active_subordinate(acm_pca, now=clock(), days=35)
    told = daily(rt, clock, bus, 10)
    assert [[days for days, _ in found] for found in told.values()] == [[30]]
    clock.forward(days=12)
    run(rt)
    event_kinds = [each["kind"] for event in bus.events for each in event["detail"]["reminders"]]
    assert event_kinds == ["CERTIFICATE_AUTHORITY"]
    assert [days for days, _ in bus.take()] == [14]
    install_subordinate(acm_pca, arn, now=clock(), days=300)
    assert daily(rt, clock, bus, 20) == {}


def test_revoked_and_renewed_certificates_are_not_reminded_of(acm_pca: Any, rt: Any, clock: Clock, bus: Bus) -> None:
    arn = active_root(acm_pca)
    for host in ("revoked", "renewed", "renewed-too-shortly", "kept"):
        certificate = leaf(acm_pca, arn, f"{host}.example.com", 20)
        if host == "revoked":
            revoke(acm_pca, arn, certificate)
    clock.forward(days=2)
    leaf(acm_pca, arn, "renewed.example.com", 60, ec.generate_private_key(ec.SECP256R1()))
    leaf(acm_pca, arn, "renewed-too-shortly.example.com", 10)
    clock.forward(days=5)
    run(rt)
    assert sorted(name for _, name in bus.take()) == [
        "kept.example.com",
        "renewed-too-shortly.example.com",
        "renewed-too-shortly.example.com",
    ]


def test_what_was_missed_is_told_once_for_the_nearest_threshold(acm_pca: Any, rt: Any, clock: Clock, bus: Bus) -> None:
    arn = active_root(acm_pca)
    leaf(acm_pca, arn, "soon.example.com", 40)
    leaf(acm_pca, arn, "gone.example.com", 36)
    run(rt)
    assert bus.take() == []
    clock.forward(days=37)  # three days before one expires, and after the other has
    run(rt)
    assert sorted(bus.take()) == [(1, "gone.example.com"), (7, "soon.example.com")]
    clock.forward(minutes=30)
    run(rt)
    assert bus.take() == []


def test_first_run_tells_what_is_past_a_threshold_already(acm_pca: Any, rt: Any, clock: Clock, bus: Bus) -> None:
    arn = active_root(acm_pca)
    for days in (5, 20, 50):
        leaf(acm_pca, arn, f"in-{days}.example.com", days)
    run(rt)
    assert sorted(bus.take()) == [(7, "in-5.example.com"), (30, "in-20.example.com")]


def test_channel_that_refuses_gets_the_same_delivery_again(acm_pca: Any, rt: Any, clock: Clock, bus: Bus) -> None:
    arn = active_root(acm_pca)
    leaf(acm_pca, arn, "www.example.com", 5)
    bus.refuses = True
    assert run(rt) == {"sent": 0, "failed": 1}
    (state,) = reminders.states(rt, rt.settings.account_id)
    assert (state.attempts, state.failure) == (1, "The bus is away.")
    assert run(rt) == {"sent": 0, "failed": 0}  # not before its pause is over
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        clock.forward(minutes=pause, seconds=-1)
        assert run(rt) == {"sent": 0, "failed": 0}
        clock.forward(seconds=1)
        assert run(rt) == {"sent": 0, "failed": 1}
    bus.refuses = False
    clock.forward(hours=1)
    assert run(rt) == {"sent": 1, "failed": 0}
    assert [event["id"] for event in bus.events] == [state.delivery_id]
    assert bus.take() == [(7, "www.example.com")]


def test_delivery_of_a_process_that_died_is_sent_by_another(acm_pca: Any, rt: Any, clock: Clock, bus: Bus) -> None:
    arn = active_root(acm_pca)
    leaf(acm_pca, arn, "www.example.com", 5)

    class Dies(BaseException):
        pass

    class Killing(Bus):
        def send(self, event: Mapping[str, Any]) -> None:
            raise Dies

    with pytest.raises(Dies):
        run(replace(rt, events=Killing()))
    run(rt)
    assert bus.take() == []  # the lease of the other one is not over
    clock.forward(minutes=6)
    run(rt)
    assert bus.take() == [(7, "www.example.com")]


def test_of_two_schedulers_one_sends(acm_pca: Any, rt: Any, clock: Clock, bus: Bus) -> None:
    arn = active_root(acm_pca)
    leaf(acm_pca, arn, "www.example.com", 5)

    class Meeting(Bus):
        """While the first one sends, the second one runs."""

        def send(self, event: Mapping[str, Any]) -> None:
            super().send(event)
            assert run(rt) == {"sent": 0, "failed": 0}

    first = Meeting()
    assert run(replace(rt, events=first)) == {"sent": 1, "failed": 0}
    assert (first.take(), bus.take()) == ([(7, "www.example.com")], [])

    stale = rt.store.get_entity(Reminding, rt.settings.account_id, "events")
    clock.forward(days=5)
    run(rt)
    leaf(acm_pca, arn, "other.example.com", 1)
    clock.forward(minutes=30)

    class Behind:
        """A store that answers what another process has changed meanwhile."""

        def __getattr__(self, name: str) -> Any:
            return getattr(rt.store, name)

        def get_entity(self, *_: Any) -> Any:
            return stale

    bus.take()
    assert run(replace(rt, store=Behind())) == {"sent": 0, "failed": 0}
    assert bus.take() == []


def test_flood_is_a_digest_of_bounded_length(
    acm_pca: Any, rt: Any, clock: Clock, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "LISTED", 3)
    arn = active_root(acm_pca)
    for number in range(8):
        leaf(acm_pca, arn, f"host-{number}.example.com", 5)
    read: list[Any] = []
    get = rt.store.get_certificate

    def counted(*args: Any) -> Any:
        read.append(args)
        return get(*args)

    monkeypatch.setattr(rt.store, "get_certificate", counted)
    run(rt)
    (event,) = bus.events
    assert len(event["detail"]["reminders"]) == 3
    assert [(each["days"], each["certificates"]) for each in event["detail"]["notListed"]] == [(7, 5)]
    assert len(read) == 3
    bus.events.clear()
    clock.forward(hours=1)
    run(rt)
    assert bus.events == []


def test_message_of_long_names_fits_into_an_event(rt: Any) -> None:
    arn = f"arn:aws:acm-pca:us-east-1:{'0' * 12}:certificate-authority/{'0' * 8}-0000-0000-0000-{'0' * 12}"
    names = tuple("名" * 200 for _ in range(10))
    each = Expiring("certificate", f"{arn}/certificate/{'0' * 32}", arn, names[0], START, names, "0" * 32)
    found = [reminders.Due(window, [each] * 50, 7) for window in windows(START, None, DAYS)]
    made = reminders.message(rt, Reminding(account_id="0" * 12, name="events", next_at=START), found)
    assert len(json.dumps(made.body)) < 256 * 1024 - 10_000  # for the envelope
    assert made.body["reminders"]
    counted = sum(entry["certificates"] for entry in made.body["notListed"])
    assert len(made.body["reminders"]) + counted == len(DAYS) * (50 + 7)


def test_responders_and_own_certificates_of_authorities_are_not_reminded_of(
    acm_pca: Any, rt: Any, clock: Clock, bus: Bus
) -> None:
    arn = active_root(acm_pca)
    own = rt.store.last_certificates(arn, limit=1)[0]
    clock.forward(days=(own.not_after - clock()).days - 20)
    run(rt)
    reminded = [each["kind"] for event in bus.events for each in event["detail"]["reminders"]]
    assert reminded == ["CERTIFICATE_AUTHORITY"]


def test_none_switches_reminders_off(acm_pca: Any, rt: Any, clock: Clock, bus: Bus) -> None:
    leaf(acm_pca, active_root(acm_pca), "www.example.com", 5)
    silent = replace(rt, settings=replace(rt.settings, reminders="none"))
    assert run(silent) == {"sent": 0, "failed": 0}
    assert bus.events == []
    assert reminders.states(rt, rt.settings.account_id) == []


def test_reminder_says_what_programs_need(acm_pca: Any, rt: Any, clock: Clock, bus: Bus) -> None:
    arn = active_root(acm_pca)
    certificate = leaf(acm_pca, arn, "www.example.com", 5)
    run(rt)
    (event,) = bus.events
    (reminder,) = event["detail"]["reminders"]
    assert reminder == {
        "days": 7,
        "kind": "CERTIFICATE",
        "arn": certificate,
        "certificateAuthorityArn": arn,
        "name": "www.example.com",
        "names": ["www.example.com"],
        "serial": serial_of(certificate),
        "notAfter": fetch(acm_pca, arn, certificate).not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert event["resources"] == [arn]
    assert event["account"] == rt.settings.account_id


# windows


def test_every_expiry_is_in_one_window_of_its_nearest_threshold() -> None:
    at, before = START + 10 * DAY, START
    found = windows(at, before, DAYS)
    assert [window.days for window in found] == [1, 7, 14, 30]
    assert found[0].since == before + DAY
    assert [(window.since, window.until) for window in found[1:]] == [
        (at + DAY, at + 7 * DAY),
        (at + 7 * DAY, at + 14 * DAY),
        (at + 20 * DAY - 0 * DAY, at + 30 * DAY),
    ]


@pytest.mark.parametrize("minutes", [0, -5])
def test_no_time_has_no_window(minutes: int) -> None:
    assert windows(START + timedelta(minutes=minutes), START, DAYS) == []


def test_consecutive_windows_leave_nothing_out_and_tell_nothing_twice() -> None:
    expiry, told = START + 45 * DAY, []
    before: datetime | None = None
    for hour in range(0, 24 * 50, 5):
        at = START + timedelta(hours=hour)
        told += [window.days for window in windows(at, before, DAYS) if window.since <= expiry < window.until]
        before = at
    assert told == [30, 14, 7, 1]


@pytest.mark.parametrize(
    "setting",
    [
        {"reminders": "0"},
        {"reminders": "30;14"},
        {"reminder_webhook": "http://example.com/planted"},
        {"reminder_webhook": "ftp://planted"},
        {"reminder_webhook": "https://example.com/planted"},  # without a secret
        {"reminder_secret": "planted"},
        {"reminder_topic": "signet-alarms"},
    ],
)
def test_wrong_setting_is_refused_without_its_secret(setting: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings(**setting).check()
    assert "SIGNET_REMINDER" in str(refused.value)
    assert "planted" not in str(refused.value)
