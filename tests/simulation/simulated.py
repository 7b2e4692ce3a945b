"""Days of a home with many CAs, minute by minute, with everything that goes wrong: what `test_thirty_days` runs.

The schedule's own function runs each virtual minute on a real home: SQLite, directories, a software keystore. Only the
clock is virtual, and the buckets refuse some puts.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509

from chalicelib.buckets import BucketError
from chalicelib.crl import publication
from chalicelib.operations import certificates
from tests.faults.world import log_only_to
from tests.simulation.poisons import POISONS
from tests.simulation.readers import Watched, openssl_judges, openssl_verifies

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalicelib.runtime import Runtime
    from tests.faults.world import World

TICK = timedelta(minutes=1)
SWEEP_SECONDS = 50
FAILING = 0.05
LIVES = {1: 0.05, 3: 0.1, 7: 0.55, 14: 0.2, 30: 0.1}  # days of validity, and the share of CAs with it
JUMPS = {0.3: timedelta(hours=1), 0.45: timedelta(hours=-1), 0.7: timedelta(days=1)}  # by the part of the time gone
SAMPLE = 20


class FlakyBuckets:
    """Buckets that refuse some puts, half of them after they took effect; and tell who watches of each that did."""

    def __init__(self, inner: Any, simulation: Simulation) -> None:
        self._inner, self._simulation = inner, simulation

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put(self, bucket: str, key: str, body: bytes, **conditions: Any) -> str:
        fails = self._simulation.rng.random() < FAILING
        if fails and self._simulation.rng.random() < 0.5:
            self._simulation.failed(key)
            raise BucketError("planned outage before the put")
        etag = str(self._inner.put(bucket, key, body, **conditions))
        self._simulation.visible(key, body)
        if fails:
            self._simulation.failed(key)
            raise BucketError("planned outage after the put")
        return etag


class Alarms(logging.Handler):
    """Counts the log's lines of CRLs that failed, by CRL."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.failed: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "crl_failed":
            self.failed[record.data["crl"]] += 1  # type: ignore[attr-defined]  # of the project's log


@dataclass
class Simulation:
    """What was planned, what is watched, and what was counted."""

    world: World
    work: Path
    rng: random.Random
    days: int
    revocations: int
    broken: Callable[[Runtime], Runtime] = lambda rt: rt
    minute: int = 0
    healthy: dict[str, Watched] = field(default_factory=dict)  # by the object's key
    poisoned: dict[str, str] = field(default_factory=dict)  # the poison by CA
    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)  # injected in a row, by the object's key

    def start(self) -> None:
        """A process begins; what the one before had in memory is gone."""
        self.world.start()
        bare = self.world.bare
        broken = self.broken(bare)
        self.rt: Runtime = replace(broken, buckets=FlakyBuckets(broken.buckets, self))

    def create(self, authorities: int) -> None:
        """CAs with a certificate each that stays good; those to be poisoned have buckets of their own."""
        self.start()
        lives = self.rng.choices(list(LIVES), list(LIVES.values()), k=authorities)
        for number, days in enumerate(lives):
            of_poisoned = number < len(POISONS)
            crl = {"S3BucketName": f"bucket-{number}" if of_poisoned else "crls"}
            crl |= {"ExpirationInDays": 7 if of_poisoned else days}  # type: ignore[dict-item]  # of the API
            self._create(number, crl, list(POISONS)[number] if of_poisoned else None)

    def _create(self, number: int, crl: dict[str, Any], poison: str | None) -> None:
        world, bare = self.world, self.world.bare
        arn = world.create(bare, "ROOT", name=f"Root {number}", **crl)
        installed = world.root_certificate(bare, arn, f"root-{number}")
        world.install(bare, installed)
        good_pem = self._issue(arn, 60)
        if poison:
            self.poisoned[arn] = poison
            return
        ca = bare.store.get_certificate_authority(arn)
        assert ca is not None
        (location,) = ca.distribution_points
        certificate = x509.load_pem_x509_certificate(installed["Certificate"])
        path = world.home / "buckets" / location.bucket / location.key
        watched = Watched(arn, certificate, path, timedelta(days=crl["ExpirationInDays"]), good_pem)
        watched.put(path.read_bytes())
        self.healthy[location.key] = watched

    def _issue(self, arn: str, days: int) -> str:
        issued = self.world.issue(self.world.bare, arn, Validity={"Type": "DAYS", "Value": days})
        named: Any = {"CertificateAuthorityArn": arn, "CertificateArn": issued}
        return str(certificates.get_certificate(self.world.bare, self.world.caller, named)["Certificate"])

    # what happens to CRLs

    def failed(self, key: str) -> None:
        """A put was refused: the CRL may be late by the retry's delay and a tick."""
        if key in self.healthy:
            self.counts["puts refused"] += 1
            delay = timedelta(seconds=min(15 * 2 ** self.failures[key], 240))
            self.failures[key] += 1
            self._excuse(self.healthy[key], delay + TICK)

    def visible(self, key: str, body: bytes) -> None:
        """A put took effect."""
        if key in self.healthy:
            self.counts["publications"] += 1
            self.healthy[key].put(body)

    def _excuse(self, watched: Watched, period: timedelta) -> None:
        watched.excused_until = max(watched.excused_until, self.world.clock.now) + period

    # the days

    def run(self, authorities: int) -> str:
        """Everything; returns a line of what was done."""
        alarms = Alarms()
        with log_only_to(alarms):
            self.create(authorities)
            total = self.days * 24 * 60
            plan = self._plan(total)
            for self.minute in range(total):
                for event in plan.get(self.minute, ()):
                    event()
                self.world.clock.now += TICK
                if self.minute % 60 == 59:
                    self._hour()
            self._judge_all()
            self._check_poisoned(alarms)
        return ", ".join(f"{number:,} {name}" for name, number in self.counts.items())

    def _plan(self, total: int) -> dict[int, list[Callable[[], None]]]:
        """What happens in which minute, in order; each minute ends with the schedule's run, if it is not missed."""
        plan: dict[int, list[Callable[[], None]]] = {}
        missed = {minute + late for minute in self.rng.sample(range(total - 60), self.days) for late in (0, 1)}
        missed |= set(range(total // 7, total // 7 + 2))

        def at(minute: int, event: Callable[[], None]) -> None:
            plan.setdefault(minute, []).append(event)

        for part, jump in JUMPS.items():
            at(int(part * total) // 60 * 60 + 20, lambda jump=jump: self._jump(jump))  # type: ignore[misc]  # its default
        for number, arn in enumerate(self.poisoned):
            at(total * (number + 1) // (2 * len(POISONS)), lambda arn=arn: self._poison(arn))  # type: ignore[misc]
        for minute in self.rng.choices(range(total - 60), k=self.revocations):
            at(minute, self._revoke)
        for minute in range(total):
            at(minute, self._missed if minute in missed else self._tick)
        return plan

    def _tick(self) -> None:
        self.counts["ticks"] += 1
        outcomes = publication.publish_due_crls(self.rt, seconds=SWEEP_SECONDS)
        for each in outcomes:
            if each.result == "published":
                self.failures[f"crl/{each.crl_arn.rsplit('/', 1)[1]}.crl"] = 0
        if outcomes:
            for watched in self._with_pending():
                watched.check_revocations(self.world.clock.now)

    def _missed(self) -> None:
        self.counts["runs missed"] += 1
        for watched in self.healthy.values():
            self._excuse(watched, TICK)

    def _with_pending(self) -> Iterator[Watched]:
        return (each for each in self.healthy.values() if not each.revoked.keys() <= each.shown)

    def _jump(self, jump: timedelta) -> None:
        self.counts["clock jumps"] += 1
        self.world.clock.now += jump

    def _poison(self, arn: str) -> None:
        ca = self.world.bare.store.get_certificate_authority(arn)
        assert ca is not None
        POISONS[self.poisoned[arn]](self.world.bare, ca)
        self.counts["CAs poisoned"] += 1
        self.start()

    def _revoke(self) -> None:
        """A certificate of some CA is issued and revoked."""
        self.counts["revocations"] += 1
        watched = self.rng.choice(list(self.healthy.values()))
        pem = self._issue(watched.arn, self.rng.randint(1, 40))
        leaf = x509.load_pem_x509_certificate(pem.encode())
        now = self.world.clock.now
        shown_by = now + timedelta(seconds=60) + TICK
        self.world.revoke(self.world.bare, watched.arn, f"{watched.arn}/certificate/{leaf.serial_number:032x}")
        watched.revoked[leaf.serial_number] = (leaf.not_valid_after_utc, shown_by)
        if leaf.not_valid_after_utc > now + timedelta(days=self.days + 2):
            watched.revoked_pem = pem

    # what is checked

    def _hour(self) -> None:
        now = self.world.clock.now
        for each in self.healthy.values():
            each.check(now)
        self.counts["checks by our reader"] += len(self.healthy)
        hour, watched = self.minute // 60, list(self.healthy.values())
        begin = hour * SAMPLE % len(watched)
        self._judge((watched + watched)[begin : begin + min(SAMPLE, len(watched))])
        openssl_verifies(watched[hour % len(watched)], self.work)
        self.counts["checks by OpenSSL"] += 1

    def _judge(self, watched: list[Watched]) -> None:
        self.counts["checks by OpenSSL"] += openssl_judges(watched, self.world.clock.now, self.work)

    def _judge_all(self) -> None:
        """At the end every healthy CA is fresh, by both readers."""
        for each in self.healthy.values():
            each.check(self.world.clock.now)
        self._judge(list(self.healthy.values()))
        self.counts["healthy CAs fresh at the end"] = len(self.healthy)

    def _check_poisoned(self, alarms: Alarms) -> None:
        """Each poisoned CA has failed, said so in the log and in its state, and is tried again and again."""
        for arn, poison in self.poisoned.items():
            state = self.world.bare.store.get_crl_state(arn)
            assert state is not None, poison
            assert alarms.failed[arn] > 100, poison
            assert state.failures > 100, poison
            assert state.last_error, poison
            assert state.next_crl_at is not None, poison
            assert state.next_crl_at <= self.world.clock.now + timedelta(seconds=240), poison
        self.counts["poisoned CAs failing, with alarms, and due"] = len(self.poisoned)
