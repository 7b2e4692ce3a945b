"""Audit reports in every store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.store import ConflictError
from tests.support.builders import START
from tests.support.store_records import at, authority, report

if TYPE_CHECKING:
    from chalicelib.records import CertificateAuthority
    from chalicelib.store.table_store import TableStore


def test_report_is_due_until_it_is_finished(store: TableStore, ca: CertificateAuthority) -> None:
    store.reserve_audit_report(report(ca), last_before=at(minutes=-30))
    name = f"{ca.arn}/audit-report/r1"
    assert store.list_due("REPORT", now=START, limit=9) == [name]
    found = store.get_audit_report(ca.arn, "r1")
    assert found == report(ca)
    held = store.update_audit_report(found, replace(found, due_at=at(minutes=1), attempts=1))
    assert store.list_due("REPORT", now=START, limit=9) == []
    assert store.list_due("REPORT", now=at(minutes=1), limit=9) == [name]
    with pytest.raises(ConflictError):
        store.update_audit_report(found, found)
    done = store.update_audit_report(held, replace(held, status="SUCCESS", due_at=None))
    assert store.get_audit_report(ca.arn, "r1") == done
    assert store.list_due("REPORT", now=at(days=1), limit=9) == []
    assert store.get_audit_report(ca.arn, "r2") is None


def test_report_of_a_clock_that_was_ahead_stops_no_other(store: TableStore, ca: CertificateAuthority) -> None:
    store.reserve_audit_report(report(ca, created_at=at(minutes=30)), last_before=START)
    with pytest.raises(ConflictError):
        store.reserve_audit_report(report(ca, "r2"), last_before=at(minutes=-30))
    store.reserve_audit_report(report(ca, "r2"), last_before=at(minutes=-29))
    with pytest.raises(ConflictError):
        store.reserve_audit_report(report(ca, "r3"), last_before=at(minutes=-29))


def test_reports_keep_their_distance(store: TableStore, ca: CertificateAuthority) -> None:
    store.reserve_audit_report(report(ca), last_before=at(minutes=-30))
    later = report(ca, "r2", created_at=at(minutes=30))
    with pytest.raises(ConflictError):
        store.reserve_audit_report(later, last_before=at(seconds=-1))
    assert store.get_audit_report(ca.arn, "r2") is None
    store.reserve_audit_report(report(authority(2)), last_before=at(minutes=-30))
    store.reserve_audit_report(later, last_before=START)
    store.forget_last_audit_report(report(ca))
    third = report(ca, "r3", created_at=at(minutes=31))
    with pytest.raises(ConflictError):
        store.reserve_audit_report(third, last_before=at(minutes=1))
    store.forget_last_audit_report(later)
    store.forget_last_audit_report(later)
    store.reserve_audit_report(third, last_before=at(minutes=1))
