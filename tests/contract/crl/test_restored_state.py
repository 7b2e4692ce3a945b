"""A state and a journal older than the published CRLs, as a restored copy leaves them, un-revoke nothing they list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

import app as signet_app
from chalicelib.crl.publication import publish_due_crls
from chalicelib.local.scheduler import Scheduler, scheduled_event, scheduled_handlers
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION
from tests.support.client import client_for
from tests.support.restored_homes import copy_of, ocsp_status, restored
from tests.support.revocations import published

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop
REASONS = ["UNSPECIFIED", "KEY_COMPROMISE", "SUPERSEDED", "A_A_COMPROMISE"]


def revoke(client: Any, arn: str, serial: str, reason: str) -> None:
    client.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason=reason)


@pytest.fixture
def home(rt: Runtime, acm_pca: Any, clock: Clock) -> tuple[Runtime, str, list[str]]:
    """A restored home whose bucket has the CRL of later: what was revoked since the backup is in it."""
    arn = active_root(acm_pca, RevocationConfiguration=CRL_CONFIGURATION | {"OcspConfiguration": {"Enabled": True}})
    serials = [serial_of(issue(acm_pca, arn)) for _ in REASONS]
    publish_due_crls(rt, seconds=60)
    copy = copy_of(rt)
    clock.forward(seconds=600)
    for serial, reason in zip(serials, REASONS, strict=True):
        revoke(acm_pca, arn, serial, reason)
    publish_due_crls(rt, seconds=60)
    clock.forward(seconds=600)
    return restored(rt, copy, with_journal=True), arn, serials


def test_what_the_published_crl_lists_is_revoked_again(home: tuple[Runtime, str, list[str]], clock: Clock) -> None:
    rt, arn, serials = home
    before = published(rt, arn)
    assert [ocsp_status(rt, arn, serial)[0] for serial in serials] == ["GOOD"] * 4  # nobody has looked yet
    scheduler = Scheduler(signet_app.app, rt)
    answer: Any = scheduled_handlers(signet_app.app)["monitor"](scheduled_event(rt, "monitor"), None)
    assert answer["damaged"] == 1
    scheduler.tick()
    clock.forward(seconds=5)
    scheduler.tick()
    clock.forward(seconds=5)
    assert [ocsp_status(rt, arn, serial)[0] for serial in serials] == ["REVOKED"] * 4
    after = published(rt, arn)
    assert sorted(map(entry_of, after)) == sorted(map(entry_of, before))  # the times and reasons as they were
    assert number_of(after) > number_of(before)
    records = [rt.store.get_certificate(arn, int(serial.replace(":", ""), 16)) for serial in serials]
    assert [record.revocation_reason for record in records if record] == REASONS


def test_key_that_was_compromised_stays_refused(home: tuple[Runtime, str, list[str]], clock: Clock) -> None:
    rt, arn, _ = home
    scheduled_handlers(signet_app.app)["monitor"](scheduled_event(rt, "monitor"), None)
    Scheduler(signet_app.app, rt).tick()
    with pytest.raises(Exception, match="its key was revoked because the key was compromised"):
        issue(client_for(rt), arn)


def test_certificate_that_the_backup_does_not_know_stays_in_the_crl(rt: Runtime, acm_pca: Any, clock: Clock) -> None:
    arn = active_root(acm_pca, RevocationConfiguration=CRL_CONFIGURATION | {"OcspConfiguration": {"Enabled": True}})
    issue(acm_pca, arn)
    publish_due_crls(rt, seconds=60)
    copy = copy_of(rt)
    serial = serial_of(issue(acm_pca, arn))
    revoke(acm_pca, arn, serial, "SUPERSEDED")
    clock.forward(seconds=60)
    publish_due_crls(rt, seconds=60)
    rt = restored(rt, copy, with_journal=True)
    for _ in range(3):
        scheduled_handlers(signet_app.app)["monitor"](scheduled_event(rt, "monitor"), None)
        Scheduler(signet_app.app, rt).tick()
        clock.forward(seconds=60)
    crl = published(rt, arn)
    assert crl.get_revoked_certificate_by_serial_number(int(serial.replace(":", ""), 16)) is not None
    assert ocsp_status(rt, arn, serial)[0] == "UNKNOWN"


def entry_of(entry: x509.RevokedCertificate) -> tuple[int, Any, str]:
    return entry.serial_number, entry.revocation_date_utc, str(list(entry.extensions))


def number_of(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
