"""A clock that ran ahead un-revokes nothing: once it is right, so are the CRLs, their times and their schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import clock as clocks
from chalicelib import reconcile
from chalicelib.crl.publication import publish_due_crls
from chalicelib.ocsp import responders
from chalicelib.reports.audit_report_writer import write_due_reports
from tests.support.authority_steps import activate_root, active_root, create, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION
from tests.support.revocations import number, published, revoke, serials

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

DAY = timedelta(days=1)
SHORT, LONG = {"Type": "DAYS", "Value": 30}, {"Type": "DAYS", "Value": 300}


def schedules(rt: Runtime) -> None:
    """What runs each minute."""
    publish_due_crls(rt, seconds=60)
    reconcile.reconcile(rt)
    write_due_reports(rt)


def run(rt: Runtime, clock: Clock, days: int) -> None:
    """Let days pass, with a run each day."""
    for _ in range(days):
        clock.forward(days=1)
        schedules(rt)


def times(rt: Runtime, arn: str) -> tuple[Any, Any]:
    crl = published(rt, arn)
    return crl.last_update_utc, crl.next_update_utc


@pytest.mark.parametrize("ahead", [40 * DAY, 3652 * DAY])
@pytest.mark.parametrize("accepted", [False, True])
def test_revoked_certificate_is_listed_by_the_right_clock_at_once(
    acm_pca: Any, rt: Runtime, clock: Clock, ahead: timedelta, accepted: bool
) -> None:
    """Also after somebody, or a week, has accepted the wrong clock, and its runs have dropped the stored entry."""
    arn = create(acm_pca, "ROOT", RevocationConfiguration=CRL_CONFIGURATION)
    activate_root(acm_pca, arn, years=20)
    short = issue(acm_pca, arn, Validity=SHORT)
    issue(acm_pca, arn, Validity=LONG)
    revoke(acm_pca, arn, short)
    schedules(rt)
    begin, seen = clock.now, [number(published(rt, arn))]
    clock.now += ahead
    if accepted:
        clocks.accept(rt)
    for _ in range(3):
        schedules(rt)
        seen.append(number(published(rt, arn)))
        clock.forward(days=3.5)
        if accepted:
            clocks.accept(rt)
    assert (serials(published(rt, arn)) == set()) is accepted
    clock.now = begin + timedelta(minutes=2)
    publish_due_crls(rt, seconds=60)
    seen.append(number(published(rt, arn)))
    assert serials(published(rt, arn)) == {int(serial_of(short), 16)}
    assert times(rt, arn) == (clock.now - timedelta(hours=1), clock.now + 7 * DAY)
    assert seen == sorted(seen)
    assert seen[-1] > seen[-2]
    run(rt, clock, 4)
    assert times(rt, arn)[0] > begin + 2 * DAY  # the schedule is of the right clock, too
    assert serials(published(rt, arn)) == {int(serial_of(short), 16)}


def test_crl_in_doubt_lists_what_only_a_doubtful_clock_calls_expired(acm_pca: Any, rt: Runtime, clock: Clock) -> None:
    arn = active_root(acm_pca)
    short = issue(acm_pca, arn, Validity=SHORT)
    revoke(acm_pca, arn, short)
    schedules(rt)
    clock.now += 40 * DAY
    run(rt, clock, 6)
    assert serials(published(rt, arn)) == {int(serial_of(short), 16)}
    run(rt, clock, 8)
    assert serials(published(rt, arn)) == set()


def test_clock_before_the_ca_s_certificate_replaces_no_crl(acm_pca: Any, rt: Runtime, clock: Clock) -> None:
    """A clock without a battery begins in 2000; the CRL that clients have is better than what it would make."""
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    before = published(rt, arn)
    right = clock.now
    clock.now = right.replace(year=2000)
    assert [outcome.result for outcome in publish_due_crls(rt, seconds=60)] == ["failed"]
    assert number(published(rt, arn)) == number(before)
    state = rt.store.get_crl_state(arn)
    assert state is not None
    assert "The clock is before the notBefore" in (state.last_error or "")
    clock.now = right + timedelta(minutes=1)
    assert [outcome.result for outcome in publish_due_crls(rt, seconds=60)] == ["published"]
    assert times(rt, arn)[0] == clock.now - timedelta(hours=1)


def deleted(acm_pca: Any) -> str:
    arn = active_root(acm_pca)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    return arn


def test_ca_is_not_purged_by_a_clock_in_doubt(acm_pca: Any, rt: Runtime, clock: Clock) -> None:
    arn = deleted(acm_pca)
    schedules(rt)
    clock.now += 40 * DAY
    run(rt, clock, 2)
    clock.now -= 42 * DAY
    schedules(rt)
    acm_pca.restore_certificate_authority(CertificateAuthorityArn=arn)
    issued = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert issued["Status"] == "DISABLED"
    assert rt.keys.private_key(rt.keys.key_id_of(arn), arn)


@pytest.mark.parametrize("accepted", [False, True])
def test_ca_is_purged_after_a_week_or_once_the_clock_is_accepted(
    acm_pca: Any, rt: Runtime, clock: Clock, accepted: bool
) -> None:
    arn = deleted(acm_pca)
    schedules(rt)
    clock.now += 40 * DAY
    if accepted:
        clocks.accept(rt)
        schedules(rt)
    else:
        schedules(rt)
        assert rt.store.get_certificate_authority(arn) is not None
        run(rt, clock, 7)
    assert rt.store.get_certificate_authority(arn) is None


def test_full_partition_is_not_removed_by_a_clock_in_doubt(acm_pca: Any, rt: Runtime, clock: Clock) -> None:
    crls = {"CrlConfiguration": CRL_CONFIGURATION["CrlConfiguration"] | {"CrlType": "PARTITIONED"}}
    arn = active_root(acm_pca, RevocationConfiguration=crls)
    issued = issue(acm_pca, arn, Validity=SHORT)
    moved = {"CrlConfiguration": crls["CrlConfiguration"] | {"S3BucketName": "second-bucket"}}
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=moved)
    ca = rt.store.get_certificate_authority(arn)
    assert ca is not None
    (point,) = ca.distribution_points
    revoke(acm_pca, arn, issued)
    schedules(rt)
    clock.now += 40 * DAY
    run(rt, clock, 2)
    clock.now -= 42 * DAY
    schedules(rt)
    after = rt.store.get_certificate_authority(arn)
    assert after is not None
    assert point.key in {each.key for each in after.distribution_points}
    assert rt.store.get_crl_state(f"{arn}/crl/{point.partition}") or rt.store.get_crl_state(arn)


def test_what_a_wrong_clock_began_is_closed_by_the_right_one(
    acm_pca: Any, rt: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate and an audit report whose runs died while the clock ran ahead."""
    arn = active_root(acm_pca)
    schedules(rt)
    clock.now += 40 * DAY
    publish_due_crls(rt, seconds=60)
    with monkeypatch.context() as patch:
        patch.setattr(type(rt.store), "complete_certificate", _dies)
        with pytest.raises(ClientError, match="InternalFailure"):
            issue(acm_pca, arn)
    report = acm_pca.create_certificate_authority_audit_report(
        CertificateAuthorityArn=arn, S3BucketName="audit-bucket", AuditReportResponseFormat="JSON"
    )["AuditReportId"]
    clock.now -= 40 * DAY
    schedules(rt)
    assert [each.status for each in rt.store.list_certificates(arn)] == ["ISSUED", "FAILED"]
    done = rt.store.get_audit_report(arn, report)
    assert done is not None
    assert done.status == "SUCCESS"


def _dies(*_: Any, **__: Any) -> None:
    raise MemoryError("died")


def test_responder_that_a_wrong_clock_certified_is_replaced_at_once(acm_pca: Any, rt: Runtime, clock: Clock) -> None:
    rt = replace(rt, settings=replace(rt.settings, ocsp_signer="delegated"))
    ocsp = {"Enabled": True, "OcspCustomCname": "ocsp.example.com"}
    arn = active_root(acm_pca, RevocationConfiguration={"OcspConfiguration": ocsp})
    issue(acm_pca, arn)
    schedules(rt)
    clock.now += 40 * DAY
    schedules(rt)
    clock.now -= 40 * DAY
    ca = rt.store.get_certificate_authority(arn)
    assert ca is not None
    assert responders.usable(rt, ca, clock.now + DAY) is None
    schedules(rt)
    assert responders.usable(rt, ca, clock.now + DAY) is not None


def test_creation_that_a_wrong_clock_began_is_closed(acm_pca: Any, rt: Runtime, clock: Clock) -> None:
    arn = create(acm_pca)
    schedules(rt)
    ca = rt.store.get_certificate_authority(arn)
    assert ca is not None
    clock.now += 40 * DAY
    begun = replace(ca, arn=arn[:-1] + ("0" if arn[-1] != "0" else "1"), status="CREATING", created_at=clock.now)
    rt.store.reserve_certificate_authority(
        replace(begun, key_id=None, key_sha256=None, csr_der=None), None, now=clock.now
    )
    schedules(rt)
    clock.now -= 40 * DAY
    schedules(rt)
    after = rt.store.get_certificate_authority(begun.arn)
    assert after is not None
    assert after.status == "FAILED"
