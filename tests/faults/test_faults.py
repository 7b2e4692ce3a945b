"""Every call of every scenario fails in every way; then recovery, one publishing run, and the invariants."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.buckets import BucketError
from chalicelib.crl import publication
from chalicelib.errors import ApiError
from chalicelib.keystore import KeyStoreError
from chalicelib.store import StoreError
from tests.faults.fault_ports import FAULTS, Faults, ProcessDiedError, Site
from tests.faults.invariants import breaches
from tests.faults.world import World, copy_home, make_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chalicelib.runtime import Runtime

Scenario = "Callable[[World, Runtime, dict[str, str]], None]"


def create(world: World, rt: Runtime, names: dict[str, str]) -> None:
    world.create(rt, token="create")


def issue(world: World, rt: Runtime, names: dict[str, str]) -> None:
    world.issue(rt, names["root"], "issue")


def issue_without_token(world: World, rt: Runtime, names: dict[str, str]) -> None:
    world.issue(rt, names["root"])


def issue_first_with_crl(world: World, rt: Runtime, names: dict[str, str]) -> None:
    """A CA whose bucket changed: its next certificate starts a CRL at another address."""
    from chalicelib.operations import authorities

    crl = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": "other-bucket"}
    request: Any = {"CertificateAuthorityArn": names["root"], "RevocationConfiguration": {"CrlConfiguration": crl}}
    authorities.update_certificate_authority(rt, world.caller, request)
    world.issue(rt, names["root"], "first")


def revoke(world: World, rt: Runtime, names: dict[str, str]) -> None:
    world.revoke(rt, names["root"], names["leaf"])


def revoke_and_publish(world: World, rt: Runtime, names: dict[str, str]) -> None:
    world.revoke(world.rt, names["root"], names["leaf"])
    publication.publish_due_crls(rt, seconds=60)


def import_certificate(world: World, rt: Runtime, names: dict[str, str]) -> None:
    world.install(rt, world.root_certificate(rt, names["waiting"]))


def publish(world: World, rt: Runtime, names: dict[str, str]) -> None:
    world.clock.forward(days=4)
    publication.publish_due_crls(rt, seconds=60)


def delete_and_restore(world: World, rt: Runtime, names: dict[str, str]) -> None:
    from chalicelib.operations import authorities

    named: Any = {"CertificateAuthorityArn": names["waiting"]}
    authorities.delete_certificate_authority(rt, world.caller, named)
    authorities.restore_certificate_authority(rt, world.caller, named)


SCENARIOS: dict[str, Any] = {
    function.__name__: function
    for function in (
        create,
        issue,
        issue_without_token,
        issue_first_with_crl,
        revoke,
        revoke_and_publish,
        import_certificate,
        publish,
        delete_and_restore,
    )
}
REPEATED = {"create", "issue", "revoke", "import_certificate"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    path = tmp_path_factory.mktemp("template") / "home"
    return path, make_home(path)


def attempt(world: World, rt: Runtime, names: dict[str, str], name: str) -> str:
    """Run a scenario as a client sees it: done, refused, or no answer."""
    try:
        SCENARIOS[name](world, rt, names)
    except ProcessDiedError:
        return "died"
    except (ApiError, StoreError, BucketError, KeyStoreError):
        return "refused"
    return "done"


def sites_of(home: tuple[Path, dict[str, str]], target: Path, name: str) -> list[Site]:
    world = copy_home(home[0], target)
    assert attempt(world, world.faulty(), home[1], name) == "done"
    return world.faults.seen


@pytest.mark.parametrize("name", SCENARIOS)
def test_faults_at_every_call_of_a_scenario_break_no_invariant(
    name: str, home: tuple[Path, dict[str, str]], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Each call fails before, fails after it took effect, and the process dies before and after it."""
    sites = sites_of(home, tmp_path / "count", name)
    assert sites, "a scenario without calls tests nothing"
    runs = 0
    for number, site in enumerate(sites):
        for fault in FAULTS:
            world = copy_home(home[0], tmp_path / f"{number}-{fault}")
            world.faults = Faults(site, fault)
            outcome = attempt(world, world.faulty(), home[1], name)
            assert world.faults.fired, f"{site} was not reached"
            if name in REPEATED:  # a client that got no answer asks again, with the same token
                world.start()
                attempt(world, world.rt, home[1], name)
            world.recover()
            assert breaches(world) == [], f"{fault} at {site} ({outcome})"
            runs += 1
    record_property("fault sites", len(sites))
    record_property("fault runs", runs)


def test_retry_with_token_after_every_fault_yields_one_certificate(
    home: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    for number, site in enumerate(sites_of(home, tmp_path / "count", "issue")):
        for fault in FAULTS:
            world = copy_home(home[0], tmp_path / f"{number}-{fault}")
            world.faults = Faults(site, fault)
            attempt(world, world.faulty(), home[1], "issue")
            world.start()
            arn = world.issue(world.rt, home[1]["root"], "issue")
            world.recover()
            assert breaches(world) == []
            issued = [each for each in world.rt.store.list_certificates(home[1]["root"]) if each.status == "ISSUED"]
            # the root's own, the leaf of the template, and at most one for the token
            assert len(issued) <= 3, f"{fault} at {site}"
            assert any(each.arn == arn for each in world.rt.store.list_certificates(home[1]["root"]))


def test_event_that_is_not_taken_changes_no_outcome(home: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    tried = 0
    for name in SCENARIOS:
        for site in sites_of(home, tmp_path / f"count-{name}", name):
            if site.port == "events":
                world = copy_home(home[0], tmp_path / f"{name}-{site.nth}")
                world.faults = Faults(site, "fail-before")
                assert attempt(world, world.faulty(), home[1], name) == "done"
                assert world.faults.fired
                tried += 1
    assert tried >= 7  # creation, three issuances, a revocation, CRLs


class ForgetfulStore:
    """Loses the intent: answers as if it had been recorded."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def reserve_certificate(self, certificate: Any, *_: Any, **__: Any) -> Any:
        return certificate, True

    def complete_certificate(self, certificate: Any, certificate_der: bytes, *, issued_at: Any) -> None:
        return


class DeafStore(ForgetfulStore):
    """Loses the wake-up and the entry of a revocation, and sets the next due time whatever happened."""

    reserve_certificate = property(lambda self: self._inner.reserve_certificate)
    complete_certificate = property(lambda self: self._inner.complete_certificate)

    def list_new_revocations(self, beside: Any, *, limit: int | None = None) -> Any:
        return []

    def list_revocations(self, crl_arn: str) -> Any:
        return iter(())


class StalePublisher:
    """A bucket that takes an older CRL after a newer one."""

    def __init__(self, inner: Any) -> None:
        self._inner, self._first = inner, {}  # type: ignore[var-annotated]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put(self, bucket: str, key: str, body: bytes, **conditions: Any) -> str:
        return str(self._inner.put(bucket, key, self._first.setdefault(key, body), **conditions))


def test_checker_with_a_lost_intent_reports_it(home: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    world = copy_home(home[0], tmp_path / "home")
    world.issue(replace(world.rt, store=ForgetfulStore(world.rt.store)), home[1]["root"])
    world.recover()
    assert {each[:2] for each in breaches(world)} >= {"I1", "I3", "I4"}


def test_checker_with_a_revocation_missing_in_the_crl_reports_it(
    home: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    world = copy_home(home[0], tmp_path / "home")
    world.revoke(world.rt, home[1]["root"], home[1]["leaf"])
    publication.publish_due_crls(replace(world.rt, store=DeafStore(world.rt.store)), seconds=60)
    assert [each[:2] for each in breaches(world)] == ["I6"]


def test_checker_with_an_older_crl_over_a_newer_one_reports_it(
    home: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    world = copy_home(home[0], tmp_path / "home")
    stale = replace(world.rt, buckets=StalePublisher(world.rt.buckets))
    for _ in range(2):
        world.clock.forward(days=4)
        publication.publish_due_crls(stale, seconds=60)
    assert "I5" in {each[:2] for each in breaches(world)}


def test_checker_with_a_serial_signed_twice_reports_it(home: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    world = copy_home(home[0], tmp_path / "home")
    world.issue(world.rt, home[1]["root"])
    world.history.signed.append(world.history.signed[0])
    assert [each[:2] for each in breaches(world)] == ["I2"]


def test_world_clock_moves_only_forward_by_what_is_asked() -> None:
    from tests.faults.world import START, Clock

    clock = Clock()
    clock.forward(hours=1)
    assert clock() - START == timedelta(hours=1)
