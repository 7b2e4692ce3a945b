"""Publishers, revocations and issuances take turns at every call of a port, by every schedule up to a bound.

After each schedule: what a reader of the bucket saw only went forward, every signature had its intent, each revocation
that was acknowledged is in its CRL or the CRL is due, and one more sweep leaves nothing behind.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from chalicelib import arn as arns
from chalicelib.audit.signer import Signer
from chalicelib.config import Settings
from chalicelib.crl import publication
from chalicelib.events.log import LogEvents
from chalicelib.journal.journal import Journal
from chalicelib.journal.log import Log
from chalicelib.keystore.software import SoftwareKeyStore
from chalicelib.operations import authorities, ca_certificates
from chalicelib.runtime import Runtime, from_settings
from chalicelib.store.table_store import TableStore
from tests.faults.broken_ports import Broken, HastyStore, UnconditionalBuckets
from tests.faults.fault_ports import WitnessBuckets, WitnessKeys
from tests.faults.interleaving import SwitchingPort, Turns, explore
from tests.faults.invariants import breaches
from tests.faults.memory_ports import MemoryBuckets, MemoryTable
from tests.faults.world import BUCKET, Clock, World, log_only_to
from tests.support.builders import pem, root_certificate, sign_csr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from chalicelib.audit import Trail
    from tests.faults.interleaving import Step

STALL = timedelta(seconds=60)  # longer than a lease
SETTLED = timedelta(seconds=180)  # after everybody's lease, whatever the clock


@dataclass
class MemoryWorld(World):
    """A world whose table and buckets are in memory; only its keys lie in files."""

    table: MemoryTable = field(default_factory=MemoryTable)
    objects: MemoryBuckets = field(default_factory=MemoryBuckets)
    audit: Trail | None = None  # of all copies, because each would read it anew

    def start(self) -> None:
        settings = Settings(data=str(self.home))
        keys = SoftwareKeyStore(self.home / "keys", passphrase=None)
        store = TableStore(self.table)
        self.audit = self.audit or from_settings(settings).audit
        self.bare = Runtime(
            settings=settings,
            store=store,
            keys=keys,
            buckets=self.objects,
            events=LogEvents(),
            audit=self.audit,
            journal=Journal(store, Log(self.objects, "log", Signer(store, keys))),
            now=self.clock,
        )
        self.rt = self.process(lambda: None)

    def copy(self) -> MemoryWorld:
        table, objects = MemoryTable(self.table.items), MemoryBuckets(self.objects.objects)
        return MemoryWorld(self.home, clock=Clock(self.clock.now), table=table, objects=objects, audit=self.audit)

    def process(self, pause: Callable[[], None], *, whole_calls: bool = False, ahead: timedelta = STALL * 0) -> Runtime:
        """A process of its own on this world, which lets others come before each call of a port.

        Args:
            pause: lets them come.
            whole_calls: calls of the store are switch points, and not those that the store makes of its table.
            ahead: its clock is that much ahead, as if all others had stalled so long.
        """
        table: Any = SwitchingPort(self.table, pause)
        store: Any = SwitchingPort(TableStore(self.table), pause) if whole_calls else TableStore(table)
        keys: Any = WitnessKeys(SwitchingPort(self.bare.keys, pause), self.history, self._has_intent)
        buckets: Any = WitnessBuckets(SwitchingPort(self.objects, pause), self.history)
        return replace(self.bare, store=store, keys=keys, buckets=buckets, now=lambda: self.clock.now + ahead)

    def _has_intent(self, digest: str) -> bool:
        return digest in self.table.intents  # before it is signed; the next run may have replaced it since


Act = "Callable[[MemoryWorld, Runtime, dict[str, str]], None]"


def publish(world: MemoryWorld, rt: Runtime, names: dict[str, str]) -> None:
    publication.publish_due_crls(rt, seconds=60)


def revoke(world: MemoryWorld, rt: Runtime, names: dict[str, str]) -> None:
    world.revoke(rt, names["ca"], names["leaf"])


def issue(world: MemoryWorld, rt: Runtime, names: dict[str, str]) -> None:
    world.issue(rt, names["ca"])


def renew(world: MemoryWorld, rt: Runtime, names: dict[str, str]) -> None:
    install(world, rt, names["ca"], days=30, serial_number=3)


# what was there before


def active_root(world: MemoryWorld, **crl: Any) -> dict[str, str]:
    arn = world.create(world.rt, "ROOT")
    world.install(world.rt, world.root_certificate(world.rt, arn))
    if crl:
        configure(world, arn, crl)
    return {"ca": arn}


def configure(world: MemoryWorld, arn: str, crl: dict[str, Any]) -> None:
    request: Any = {"CertificateAuthorityArn": arn, "RevocationConfiguration": {"CrlConfiguration": crl}}
    authorities.update_certificate_authority(world.rt, world.caller, request)


ENABLED = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": BUCKET}


def due_again(world: MemoryWorld, **crl: Any) -> dict[str, str]:
    """A root with a leaf, whose CRL is past its midpoint."""
    names = active_root(world, **crl)
    names["leaf"] = world.issue(world.rt, names["ca"])
    world.clock.forward(days=4)
    return names


def due_in_partition(world: MemoryWorld) -> dict[str, str]:
    return due_again(world, **ENABLED, CrlType="PARTITIONED")


def moved(world: MemoryWorld) -> dict[str, str]:
    """The bucket was changed: the next certificate starts a CRL at another address."""
    names = due_again(world)
    configure(world, names["ca"], ENABLED | {"S3BucketName": "other-bucket"})
    return names


def switched_on(world: MemoryWorld) -> dict[str, str]:
    """CRLs were switched on after a leaf was issued."""
    names = active_root(world, Enabled=False)
    names["leaf"] = world.issue(world.rt, names["ca"])
    configure(world, names["ca"], ENABLED)
    return names


def expired(world: MemoryWorld) -> dict[str, str]:
    """A subordinate with a leaf, after its own certificate ended."""
    arn = world.create(world.rt)
    install(world, world.rt, arn, days=10, serial_number=2)
    leaf = world.issue(world.rt, arn, Validity={"Type": "DAYS", "Value": 5})
    world.clock.forward(days=11)
    return {"ca": arn, "leaf": leaf}


def install(world: MemoryWorld, rt: Runtime, arn: str, **more: Any) -> None:
    named: Any = {"CertificateAuthorityArn": arn}
    request = ca_certificates.get_certificate_authority_csr(rt, world.caller, named)["Csr"]
    now = world.clock.now
    root = root_certificate(now=now)
    certificate = sign_csr(request, issuer=root, now=now, **more)
    world.install(rt, named | {"Certificate": pem(certificate), "CertificateChain": pem(root)})


@dataclass(frozen=True)
class Scenario:
    """What was there, who meets there, and how many preemptions are tried.

    Attributes:
        ahead: by how much the second publisher's clock is ahead of all others.
        long: left to `make long-test`.
    """

    before: Any
    acts: tuple[Any, ...]
    preemptions: int
    whole_calls: bool = False
    ahead: timedelta = STALL * 0
    long: bool = False


SCENARIOS = {
    "two-runs-and-a-revocation": Scenario(due_again, (publish, publish, revoke), 1, whole_calls=True),
    "stalled-run-and-a-revocation": Scenario(due_again, (publish, publish, revoke), 1, whole_calls=True, ahead=STALL),
    "stalled-run-by-calls-of-the-table": Scenario(due_again, (publish, publish, revoke), 1, ahead=STALL, long=True),
    "runs-in-a-partition": Scenario(due_in_partition, (publish, publish, revoke), 1, whole_calls=True, ahead=STALL),
    "first-crl": Scenario(active_root, (issue, publish), 2, whole_calls=True, ahead=STALL, long=True),
    "first-crl-by-two": Scenario(active_root, (issue, issue), 2, whole_calls=True, long=True),
    "another-address": Scenario(moved, (issue, publish), 2, whole_calls=True, long=True),
    "switched-on": Scenario(switched_on, (revoke, issue, publish), 1, whole_calls=True),
    "renewal": Scenario(expired, (renew, publish), 2, whole_calls=True),
}
# What takes minutes, with `--whole`.
DEEPER = {
    "deeper-stalled-run-and-a-revocation": Scenario(
        due_again, (publish, publish, revoke), 2, whole_calls=True, ahead=STALL
    ),
    "deeper-change-of-address": Scenario(moved, (issue, publish), 3, whole_calls=True),
    "deeper-two-runs-and-a-revocation": Scenario(due_again, (publish, publish, revoke), 2, whole_calls=True),
    "deeper-stalled-run": Scenario(due_again, (publish, publish), 2, ahead=STALL),
    "deeper-run-and-a-revocation": Scenario(due_again, (publish, revoke), 2),
    "deeper-stalled-run-by-whole-calls": Scenario(
        due_again, (publish, publish, revoke), 3, whole_calls=True, ahead=STALL
    ),
    "deeper-runs-in-a-partition": Scenario(
        due_in_partition, (publish, publish, revoke), 2, whole_calls=True, ahead=STALL
    ),
    "deeper-first-crl": Scenario(active_root, (issue, publish), 2, ahead=STALL),
    "deeper-switched-on": Scenario(switched_on, (revoke, issue, publish), 2, whole_calls=True),
    "deeper-renewal": Scenario(expired, (renew, publish), 2),
    "deeper-another-address": Scenario(moved, (issue, publish, revoke), 2, whole_calls=True),
}


def run(template: MemoryWorld, names: dict[str, str], scenario: Scenario, prefix: Sequence[int]) -> list[Step]:
    """One schedule, and what must hold after it."""
    steps, found = judged(template, names, scenario, prefix)
    assert found == [], f"schedule {[step.chosen for step in steps]}"
    return steps


def judged(
    template: MemoryWorld,
    names: dict[str, str],
    scenario: Scenario,
    prefix: Sequence[int],
    broken: Callable[[Runtime], Runtime] = lambda rt: rt,
) -> tuple[list[Step], list[str]]:
    world = template.copy()

    def process(number: int, act: Any) -> Callable[[Callable[[], None]], None]:
        ahead = scenario.ahead if (number, act) == (1, publish) else timedelta(0)

        def start(pause: Callable[[], None]) -> None:
            act(world, broken(world.process(pause, whole_calls=scenario.whole_calls, ahead=ahead)), names)

        return start

    turns = Turns(len(scenario.acts), prefix)
    turns.run([process(*each) for each in enumerate(scenario.acts)])
    world.clock.now += scenario.ahead
    found = list(lost(world))
    world.clock.now += SETTLED
    publication.publish_due_crls(world.rt, seconds=60)
    return turns.steps, found + breaches(world)


def lost(world: MemoryWorld) -> Iterator[str]:
    """Wake-ups that were lost: what clients need is not in a CRL, and that CRL is not due."""
    for ca in world.authorities():
        for location in ca.distribution_points:
            state = world.bare.store.get_crl_state(arns.crl_arn(ca.arn, location.partition))
            if state is not None and state.next_crl_at is not None and state.next_crl_at <= world.clock.now:
                continue
            stored = world.objects.get(location.bucket, location.key)
            if stored is None:
                yield f"there is no CRL at {location.bucket}, and none is due"
                continue
            shown = {entry.serial_number for entry in x509.load_der_x509_crl(stored.body)}
            missing = set(world.acknowledged_revocations[ca.arn]) - shown
            if missing:
                yield f"the CRL at {location.bucket} lacks {missing}, and none is due"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "scenario" in metafunc.fixturenames:
        chosen = SCENARIOS | (DEEPER if metafunc.config.getoption("--whole") else {})
        metafunc.parametrize("scenario", [_marked(name, each, each) for name, each in chosen.items()])


def _marked(name: str, scenario: Scenario, value: object) -> Any:
    return pytest.param(value, id=name, marks=[pytest.mark.long] if scenario.long else [])


def test_every_schedule_keeps_the_invariants(
    scenario: Scenario, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    template = MemoryWorld(tmp_path)
    names = scenario.before(template)
    with log_only_to(logging.NullHandler()):
        runs = explore(lambda prefix: run(template, names, scenario, prefix), preemptions=scenario.preemptions)
    record_property("schedules", runs)
    assert runs > 100, "that few schedules interleave nothing"


def test_scheduler_runs_every_schedule_once() -> None:
    """Two processes of two calls each make six orders without a bound, and fewer with one."""
    met: list[str] = []

    def orders(preemptions: int) -> list[str]:
        met.clear()

        def run_letters(prefix: Sequence[int]) -> list[Step]:
            word: list[str] = []

            def process(letter: str) -> Callable[[Callable[[], None]], None]:
                def calls(pause: Callable[[], None]) -> None:
                    word.append(letter)
                    pause()
                    word.append(letter)

                return calls

            turns = Turns(2, prefix)
            turns.run([process("a"), process("b")])
            met.append("".join(word))
            return turns.steps

        assert explore(run_letters, preemptions=preemptions) == len(met)
        return sorted(met)

    assert orders(0) == ["aabb", "bbaa"]
    assert orders(2) == ["aabb", "abab", "abba", "baab", "baba", "bbaa"]


# what the checks are worth: publishers that are broken


class DeafStore(Broken):
    """Sets the next due time at the end of a run whatever happened since its beginning."""

    def complete_crl(self, state: Any, **more: Any) -> None:
        now = self._inner.get_crl_state(state.crl_arn)
        self._inner.complete_crl(replace(state, revision=now.revision), **more)


class DeafToRetriesStore(Broken):
    """As above, at the end of a run that failed or had nothing to do."""

    def fail_crl(self, state: Any, error: str, *, retry_at: Any) -> None:
        now = self._inner.get_crl_state(state.crl_arn)
        self._inner.fail_crl(replace(state, revision=now.revision), error, retry_at=retry_at)


class EarlyReader(Broken):
    """Reads the CA before the lease, as if the two were one."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self._early: dict[str, Any] = {}

    def reserve_crl(self, crl_arn: str, **more: Any) -> Any:
        ca_arn, _ = arns.split_crl_arn(crl_arn)
        self._early[ca_arn] = self._inner.get_certificate_authority(ca_arn)
        return self._inner.reserve_crl(crl_arn, **more)

    def get_certificate_authority(self, arn: str, **more: Any) -> Any:
        return self._early.pop(arn, None) or self._inner.get_certificate_authority(arn, **more)


BROKEN: dict[str, tuple[str, Callable[[Runtime], Runtime], str]] = {
    "unconditional-put": (
        "stalled-run-and-a-revocation",
        lambda rt: replace(rt, buckets=UnconditionalBuckets(rt.buckets)),
        "I5",
    ),
    "lost-wake-up": ("two-runs-and-a-revocation", lambda rt: replace(rt, store=DeafStore(rt.store)), "lacks"),
    "lost-renewal": ("renewal", lambda rt: replace(rt, store=DeafToRetriesStore(rt.store)), "I8"),
    "no-intent": ("two-runs-and-a-revocation", lambda rt: replace(rt, store=HastyStore(rt.store)), "I1"),
    "stale-addresses": ("another-address", lambda rt: replace(rt, store=EarlyReader(rt.store)), "there is no CRL"),
}


class CaughtError(Exception):
    """A schedule broke an invariant."""


@pytest.mark.parametrize("name", [_marked(name, SCENARIOS[BROKEN[name][0]], name) for name in BROKEN])
def test_broken_publisher_is_caught_by_some_schedule(name: str, tmp_path: Path) -> None:
    scenario_name, broken, words = BROKEN[name]
    scenario = SCENARIOS[scenario_name]
    template = MemoryWorld(tmp_path)
    names = scenario.before(template)

    def run_broken(prefix: Sequence[int]) -> list[Step]:
        steps, found = judged(template, names, scenario, prefix, broken)
        if any(words in each for each in found):
            raise CaughtError(found)
        return steps

    with pytest.raises(CaughtError), log_only_to(logging.NullHandler()):
        explore(run_broken, preemptions=scenario.preemptions)
