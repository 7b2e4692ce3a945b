"""Audit reports in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.records import AuditReport
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, Clause, ConditionFailedError, Delete, Put
from chalicelib.store.table_base import Base, version_is

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.store.table import Item


class AuditReports(Base):
    """Records of audit reports."""

    def reserve_audit_report(self, report: AuditReport, *, last_before: datetime) -> None:
        key, asked_at = items.last_report_key(report.ca_arn), items.micros(report.created_at)
        last: Item = {"pk": key.pk, "sk": key.sk, "report_id": report.report_id, "asked_at": asked_at}
        distance = asked_at - items.micros(last_before)
        long_ago = (Clause("asked_at", "<=", asked_at - distance),)
        by_a_fast_clock = (Clause("asked_at", ">", asked_at + distance),)
        try:
            self.table.write(Put(items.report_item(report), ABSENT), Put(last, (*ABSENT, long_ago, by_a_fast_clock)))
        except ConditionFailedError as error:
            raise ConflictError("Another audit report was requested a short time ago.") from error

    def get_audit_report(self, ca_arn: str, report_id: str) -> AuditReport | None:
        item = self.table.get(items.report_key(ca_arn, report_id))
        return None if item is None else items.from_item(AuditReport, item)

    def list_audit_reports(self, ca_arn: str, *, limit: int) -> list[AuditReport]:
        pk, last = items.last_report_key(ca_arn)
        reports = (items.from_item(AuditReport, item) for item in self.table.query(pk, after=last))
        return heapq.nlargest(limit, reports, key=lambda report: (report.created_at, report.report_id))

    def last_audit_reports(self, account_id: str, *, limit: int) -> list[AuditReport]:
        newest = self.table.last("list", items.account_reports_partition(account_id), limit=limit)
        return [items.from_item(AuditReport, item) for item in newest]

    def update_audit_report(self, old: AuditReport, new: AuditReport) -> AuditReport:
        new = replace(new, version=old.version + 1)
        try:
            self.table.write(Put(items.report_item(new), version_is(old.version)))
        except ConditionFailedError as error:
            raise ConflictError(f"Audit report {old.report_id} is no longer at version {old.version}.") from error
        return new

    def forget_last_audit_report(self, report: AuditReport) -> None:
        is_last = ((Clause("report_id", "=", report.report_id),),)
        try:
            self.table.write(Delete(items.last_report_key(report.ca_arn), is_last))
        except ConditionFailedError:
            return  # a later one was requested
