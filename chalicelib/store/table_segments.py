"""New revocations and the segments they are folded into. What the methods promise is said in `chalicelib.store.Store`.

Which segments there are is one item, replaced conditionally. It also says what its replacement leaves to be removed, so
that whoever reads it next finishes the work of a run that died.
"""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.records import CrlSegment, CrlSegments, Revocation
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, Clause, ConditionFailedError, Delete, Put, Update, holds
from chalicelib.store.table_base import Base

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.store.table import Condition, Item, Key

_MOST_WRITES = 100  # of a transaction


class Segments(Base):
    """New revocations, and segments."""

    def list_new_revocations(self, beside: CrlSegments, *, limit: int | None = None) -> list[Revocation]:
        partitions = items.new_revocation_partitions(beside.crl_arn)
        found = (item for pk in partitions for item in self.table.query(pk, limit=limit))
        new = [items.from_item(Revocation, item) for item in islice(found, limit)]
        # What was folded after `beside` was read may be in neither: only now is it sure that nothing was.
        if not holds(_still(beside), self.table.get(items.segment_list_key(beside.crl_arn))):
            raise ConflictError(f"The segments of {beside.crl_arn} were replaced meanwhile.")
        return new

    def get_crl_segments(self, crl_arn: str) -> CrlSegments:
        key = items.segment_list_key(crl_arn)
        listed = self.table.get(key)
        if listed is None:
            return CrlSegments(crl_arn=crl_arn)
        self._clean_up(crl_arn, listed)
        lying = {
            str(item["segment_id"]): items.from_item(CrlSegment, item)
            for item in self.table.query(key.pk, after=items.segment_key(crl_arn, "").sk)
        }
        wanted = _words(listed["segments"])
        if missing := [each for each in wanted if each not in lying]:
            raise ConflictError(f"The segment {missing[0]} of {crl_arn} is not there.")
        segments = tuple(lying[each] for each in wanted)
        return CrlSegments(crl_arn=crl_arn, version=int(listed["version"]), segments=segments)

    def fold_revocations(self, old: CrlSegments, new: CrlSegments, folded: Sequence[Revocation]) -> CrlSegments:
        before, after = ({each.segment_id for each in one.segments} for one in (old, new))
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
            listed["folded"] = " ".join(arns.serial_hex(each.serial_number) for each in folded)
            listed["replaced"] = " ".join(sorted(before - after))
        try:
            self.table.write(Put(listed, _still(old)))
        except ConditionFailedError as error:
            self._delete(items.segment_key(old.crl_arn, each) for each in sorted(after - before))
            raise ConflictError(f"The segments of {old.crl_arn} were replaced meanwhile.") from error
        self._clean_up(old.crl_arn, listed)
        return replace(new, version=old.version + 1)

    def _clean_up(self, crl_arn: str, listed: Item) -> None:
        """Remove what the last replacement of the segments has left, and then the word of it."""
        if "folded" not in listed:
            return
        self._delete(items.new_revocation_key(crl_arn, each) for each in _words(listed["folded"]))
        self._delete(items.segment_key(crl_arn, each) for each in _words(listed["replaced"]))
        unchanged = ((Clause("version", "=", listed["version"]),),)
        try:
            self.table.write(Update(items.segment_list_key(crl_arn), unchanged, removed=("folded", "replaced")))
        except ConditionFailedError as error:
            raise ConflictError(f"The segments of {crl_arn} were replaced meanwhile.") from error

    def forget_crl_segments(self, crl_arn: str) -> None:
        self.table.write(Delete(items.segment_list_key(crl_arn)))  # first: without it the others count for nothing
        pk = items.segments_partition(crl_arn)
        self._delete([items.segment_key(crl_arn, str(item["segment_id"])) for item in self.table.query(pk)])

    def _delete(self, keys: Iterable[Key]) -> None:
        doomed = [Delete(key) for key in keys]
        for begin in range(0, len(doomed), _MOST_WRITES):
            self.table.write(*doomed[begin : begin + _MOST_WRITES])


def _still(segments: CrlSegments) -> Condition:
    """That a CRL has these segments; versions begin anew when the segments are made again, but names do not recur."""
    if not segments.version:
        return ABSENT
    return ((Clause("version", "=", segments.version), Clause("segments", "=", _names(segments))),)


def _names(segments: CrlSegments) -> str:
    return " ".join(each.segment_id for each in segments.segments)


def _words(value: object) -> list[str]:
    return str(value).split()
