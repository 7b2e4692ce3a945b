"""New revocations and the segments into which they are folded; `chalicelib.store.crl_records` documents the methods.

The list of a CRL's segments is one item, replaced conditionally. It also names what its replacement leaves to be
removed, so that the next reader finishes the work of a run that crashed.
"""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.records import CrlSegment, CrlSegments, Revocation
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, Clause, ConditionFailedError, Put, Update, holds
from chalicelib.store.table_base import Base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.store.table import Condition, Item


class Segments(Base):
    """New revocations and CRL segments."""

    def list_new_revocations(self, beside: CrlSegments, *, limit: int | None = None) -> list[Revocation]:
        partitions = items.new_revocation_partitions(beside.crl_arn)
        entries = (item for pk in partitions for item in self.table.query(pk, limit=limit))
        new = [items.from_item(Revocation, item) for item in islice(entries, limit)]
        # A revocation folded since `beside` was read would be missing from both: make sure that there is none.
        if not holds(_unchanged(beside), self.table.get(items.segment_list_key(beside.crl_arn))):
            raise ConflictError(f"Another run replaced the segments of {beside.crl_arn}.")
        return new

    def get_crl_segments(self, crl_arn: str) -> CrlSegments:
        key = items.segment_list_key(crl_arn)
        listed = self.table.get(key)
        if listed is None:
            return CrlSegments(crl_arn=crl_arn)
        self._clean_up(crl_arn, listed)
        stored = {
            str(item["segment_id"]): items.from_item(CrlSegment, item)
            for item in self.table.query(key.pk, after=items.segment_key(crl_arn, "").sk)
        }
        segment_ids = _words(listed["segments"])
        if missing := [segment_id for segment_id in segment_ids if segment_id not in stored]:
            raise ConflictError(f"The segment {missing[0]} of {crl_arn} is missing.")
        segments = tuple(stored[segment_id] for segment_id in segment_ids)
        return CrlSegments(crl_arn=crl_arn, version=int(listed["version"]), segments=segments)

    def fold_revocations(self, old: CrlSegments, new: CrlSegments, folded: Sequence[Revocation]) -> CrlSegments:
        before, after = ({segment.segment_id for segment in segments.segments} for segments in (old, new))
        for segment in new.segments:
            if segment.segment_id not in before:
                self.table.write(Put(items.to_item(segment, items.segment_key(old.crl_arn, segment.segment_id))))
        key = items.segment_list_key(old.crl_arn)
        listed: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "version": old.version + 1,
            "segments": _names(new),
        }
        if folded or before - after:
            listed["folded"] = " ".join(arns.serial_hex(revocation.serial_number) for revocation in folded)
            listed["replaced"] = " ".join(sorted(before - after))
        try:
            self.table.write(Put(listed, _unchanged(old)))
        except ConditionFailedError as error:
            self._delete(items.segment_key(old.crl_arn, segment_id) for segment_id in sorted(after - before))
            raise ConflictError(f"Another run replaced the segments of {old.crl_arn}.") from error
        self._clean_up(old.crl_arn, listed)
        return replace(new, version=old.version + 1)

    def _clean_up(self, crl_arn: str, listed: Item) -> None:
        """Remove the leftovers of the last replacement of the segments, and then the note about them."""
        if "folded" not in listed:
            return
        self._delete(items.new_revocation_key(crl_arn, serial) for serial in _words(listed["folded"]))
        self._delete(items.segment_key(crl_arn, segment_id) for segment_id in _words(listed["replaced"]))
        unchanged = ((Clause("version", "=", listed["version"]),),)
        try:
            self.table.write(Update(items.segment_list_key(crl_arn), unchanged, removed=("folded", "replaced")))
        except ConditionFailedError as error:
            raise ConflictError(f"Another run replaced the segments of {crl_arn}.") from error


def _unchanged(segments: CrlSegments) -> Condition:
    """Condition that a CRL still has these segments; a rebuild restarts the versions, but names are never reused."""
    if not segments.version:
        return ABSENT
    return ((Clause("version", "=", segments.version), Clause("segments", "=", _names(segments))),)


def _names(segments: CrlSegments) -> str:
    return " ".join(segment.segment_id for segment in segments.segments)


def _words(value: object) -> list[str]:
    return str(value).split()
