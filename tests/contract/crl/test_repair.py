"""A published CRL that is damaged, deleted or replaced by an older one is published again within a minute."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

import app as signet_app
from chalicelib.crl import repair
from chalicelib.crl.publication import publish_due_crls
from chalicelib.local.scheduler import Scheduler, scheduled_event, scheduled_handlers
from tests.support.authority_steps import active_root, issue, serial_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # files are damaged here


def file_of(rt: Runtime, arn: str) -> Path:
    ca = rt.store.get_certificate_authority(arn)
    assert ca is not None
    point = ca.distribution_points[0]
    return rt.settings.data_path / "buckets" / point.bucket / point.key


def revoke(client: Any, arn: str) -> int:
    serial = serial_of(issue(client, arn))
    client.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    return int(serial.replace(":", ""), 16)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "truncated": truncate,
    "bit flipped": flip,
    "emptied": lambda path: path.write_bytes(b""),
    "replaced by text": lambda path: path.write_text("x"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_crl_is_published_again(rt: Runtime, acm_pca: Any, clock: Clock, damage: str) -> None:
    arn = active_root(acm_pca)
    serial = revoke(acm_pca, arn)
    publish_due_crls(rt, seconds=60)
    path = file_of(rt, arn)
    number = rt.store.get_crl_state(arn).published_number  # type: ignore[union-attr]  # it was just published
    assert repair.repair(rt, [arn]) == []
    clock.forward(seconds=60)
    DAMAGES[damage](path)
    assert [found.ca_arn for found in repair.repair(rt, [arn])] == [arn]
    publish_due_crls(rt, seconds=60)
    crl = x509.load_der_x509_crl(path.read_bytes())
    assert crl.get_revoked_certificate_by_serial_number(serial) is not None
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number > number
    assert repair.repair(rt, [arn]) == []


def test_older_crl_put_back_is_replaced(rt: Runtime, acm_pca: Any, clock: Clock) -> None:
    """Else it un-revokes until the midpoint."""
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    publish_due_crls(rt, seconds=60)
    old = file_of(rt, arn).read_bytes()
    serial = revoke(acm_pca, arn)
    clock.forward(seconds=60)
    publish_due_crls(rt, seconds=60)
    file_of(rt, arn).write_bytes(old)
    assert [found.ca_arn for found in repair.repair(rt, [arn])] == [arn]
    clock.forward(seconds=1)
    publish_due_crls(rt, seconds=60)
    crl = x509.load_der_x509_crl(file_of(rt, arn).read_bytes())
    assert crl.get_revoked_certificate_by_serial_number(serial) is not None


def test_crl_of_the_future_is_replaced_even_if_nobody_noticed_the_clock(
    rt: Runtime, acm_pca: Any, clock: Clock
) -> None:
    """Such as after another process published it."""
    arn = active_root(acm_pca)
    revoke(acm_pca, arn)
    mark = rt.store.get_clock_mark()
    assert mark is not None
    clock.forward(days=40)
    publish_due_crls(rt, seconds=60)
    clock.forward(days=-40)
    seen = rt.store.get_clock_mark()
    assert seen is not None
    rt.store.put_clock_mark(replace(mark, version=seen.version))
    rt.known.clear()
    assert publish_due_crls(rt, seconds=60) == []
    (damage,) = repair.repair(rt, [arn])
    assert "lies in the future: the clock ran ahead" in damage.problem
    assert [outcome.result for outcome in publish_due_crls(rt, seconds=60)] == ["published"]
    assert repair.repair(rt, [arn]) == []


def test_crl_that_is_well_stays(rt: Runtime, acm_pca: Any, clock: Clock) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    publish_due_crls(rt, seconds=60)
    before = file_of(rt, arn).read_bytes()
    for _ in range(3):
        clock.forward(seconds=60)
        assert repair.repair(rt, [arn]) == []
        publish_due_crls(rt, seconds=60)
    assert file_of(rt, arn).read_bytes() == before


def test_ca_without_a_first_crl_is_left_alone(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    assert repair.repair(rt, [arn]) == []


def test_monitor_sees_the_damage_and_the_schedule_repairs_it(rt: Runtime, acm_pca: Any, clock: Clock) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    scheduler = Scheduler(signet_app.app, rt)
    scheduler.tick()
    file_of(rt, arn).unlink()
    clock.forward(seconds=60)
    scheduler.tick()
    assert not file_of(rt, arn).exists()
    answer: Any = scheduled_handlers(signet_app.app)["monitor"](scheduled_event(rt, "monitor"), None)
    assert answer["damaged"] == 1
    scheduler.tick()
    assert file_of(rt, arn).exists()
