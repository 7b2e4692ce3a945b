"""Folding: a run folds everything that was revoked, in steps, and holds its lease meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import clock as clocks
from chalicelib.crl.folding import LEASE, Folding
from chalicelib.crl.publication import publish_crl, publish_due_crls
from chalicelib.pki.crl import entries as crl_entries
from chalicelib.pki.crl import segments as crl_segments
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.ports import Port
from tests.support.revocations import published, revoke, serials

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock


def revoked(client: Any, arn: str, count: int) -> set[int]:
    issued = [issue(client, arn) for _ in range(count)]
    for certificate_arn in issued:
        revoke(client, arn, certificate_arn)
    return {int(serial_of(certificate_arn), 16) for certificate_arn in issued}


@pytest.mark.parametrize("count", [4, 5], ids=["whole batches", "a batch that is not full"])
def test_crl_lists_all_revocations_however_many_batches_they_are(
    acm_pca: Any, rt: Runtime, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(crl_segments, "MOST_ENTRIES", 2)
    arn = active_root(acm_pca)
    issue(acm_pca, arn)  # starts the CRL
    expected = revoked(acm_pca, arn, count)
    publish_due_crls(rt, seconds=60)
    assert serials(published(rt, arn)) == expected
    assert rt.store.list_new_revocations(rt.store.get_crl_segments(arn)) == []


def test_run_that_folds_for_longer_than_a_lease_keeps_it(
    acm_pca: Any, rt: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch takes two thirds of a lease; others ask for it before each."""
    monkeypatch.setattr(crl_segments, "MOST_ENTRIES", 1)
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    expected = revoked(acm_pca, arn, 4)
    others: list[str] = []

    def fold_slowly(*arguments: Any) -> Any:
        clock.forward(seconds=LEASE.total_seconds() * 2 / 3)
        others.append(publish_crl(rt, arn).result)
        return rt.store.fold_revocations(*arguments)

    slow = replace(rt, store=Port(rt.store, fold_revocations=fold_slowly))
    outcomes = publish_due_crls(slow, seconds=600)
    assert others == ["skipped"] * 4
    assert [(outcome.result, outcome.entries) for outcome in outcomes] == [("published", 4)]
    assert serials(published(rt, arn)) == expected


def test_gate_requires_those_new_entries_that_the_crl_shows(acm_pca: Any, rt: Runtime, clock: Clock) -> None:
    """Entries that were needed until the last CRL, to the second, are in one more; those before it are not."""
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    revoked(acm_pca, arn, 3)
    new = rt.store.list_new_revocations(rt.store.get_crl_segments(arn))
    state = rt.store.reserve_crl(arn, number=1, now=clock(), lease_until=clock() + LEASE)
    assert state is not None
    ends = [clock() + timedelta(days=1, seconds=seconds) for seconds in (-1, 0, 1)]
    dated = [replace(revocation, not_after=end) for revocation, end in zip(new, ends, strict=True)]
    store: Any = Port(rt.store, list_new_revocations=lambda *_, **__: dated)
    segments, required = Folding(replace(rt, store=store), state, ends[1], None).folded()
    shown = [crl_segments.shown(segment, ends[1]).entries for segment in segments]
    assert required == set(crl_entries.serials(*shown))
    assert len(required) == 2


def test_certificate_that_expired_at_the_time_of_a_crl_is_in_the_next_one(
    acm_pca: Any, rt: Runtime, clock: Clock
) -> None:
    """RFC 5280 section 3.3: one CRL beyond notAfter; a CRL of the same second is not beyond it."""
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    end = clock() + timedelta(days=2)
    made = issue(acm_pca, arn, Validity={"Type": "ABSOLUTE", "Value": int(end.timestamp())})
    revoke(acm_pca, arn, made)
    publish_due_crls(rt, seconds=60)
    listed = []
    for moment in (end + timedelta(hours=1), end + timedelta(hours=2), end + timedelta(hours=3)):
        clock.now = moment
        clocks.accept(rt)
        rt.store.schedule_crl(arn, due_at=clock())
        assert [outcome.result for outcome in publish_due_crls(rt, seconds=60)] == ["published"]
        listed.append(
            (published(rt, arn).last_update_utc - end, int(serial_of(made), 16) in serials(published(rt, arn)))
        )
    hour = timedelta(hours=1)
    assert listed == [(0 * hour, True), (hour, True), (2 * hour, False)]
