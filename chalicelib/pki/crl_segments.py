"""The stored entries of a CRL in segments, so that the cost of a CRL follows what has changed.

A segment never changes. Its entries stand in the order in which their certificates end: what a CRL leaves out is the
beginning of a segment, found by bisection.

Source: RFC 5280 section 3.3: an entry stays until it has been in one CRL made after its certificate ended.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from chalicelib.pki import crl_entries
from chalicelib.records import CrlSegment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    Row = tuple[int, bytes]  # until when the entry is needed, in seconds since 1970, and the entry

MOST_ENTRIES = 6_000  # a segment of entries of 56 octets stays below the 400 KB of a DynamoDB item
_SMALL = MOST_ENTRIES // 4
_MOST_SMALL = 8  # segments; more are joined
_MOST_LEFT_OUT = 8  # a segment is written anew when this part of it (an eighth) is not needed any more
_END_OCTETS = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """What a CRL shows of a segment: all but the first `skipped` entries, which have `offset` octets."""

    segment: CrlSegment
    skipped: int = 0
    offset: int = 0

    @property
    def count(self) -> int:
        """How many entries are shown."""
        return len(self.segment.lengths) - self.skipped

    @property
    def entries(self) -> memoryview:
        """The entries that are shown."""
        return memoryview(self.segment.entries)[self.offset :]


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970, not less than the moment."""
    return -int(-moment.timestamp() // 1)


def shown(segment: CrlSegment, shown_at: datetime | None) -> Shown:
    """What the next CRL shows, when the one before it was of `shown_at` (None: there was none)."""
    if shown_at is None:
        return Shown(segment)
    ends = range(len(segment.lengths))
    skipped = bisect_left(ends, shown_at.timestamp(), key=lambda index: _end(segment, index))
    return Shown(segment, skipped, sum(segment.lengths[:skipped]))


def left_out(selection: Iterable[Shown]) -> dict[bytes, int]:
    """Until when what is not shown any more was needed, in seconds since 1970 by serial number."""
    return {
        serial: _end(each.segment, index)
        for each in selection
        for index, (serial, _) in enumerate(
            crl_entries.split(crl_entries.Entries(each.segment.entries, 0, each.offset))
        )
    }


def _end(segment: CrlSegment, index: int) -> int:
    return int.from_bytes(segment.ends[index * _END_OCTETS : (index + 1) * _END_OCTETS])


def build(rows: Iterable[Row], name: str) -> Iterator[CrlSegment]:
    """Segments of these rows, with ids that begin with `name`."""
    ordered = sorted(rows)
    for number, begin in enumerate(range(0, len(ordered), MOST_ENTRIES)):
        part = ordered[begin : begin + MOST_ENTRIES]
        yield CrlSegment(
            segment_id=f"{name}-{number:04d}",
            entries=b"".join(entry for _, entry in part),
            lengths=bytes(len(entry) for _, entry in part),
            ends=struct.pack(f">{len(part)}Q", *(end for end, _ in part)),
        )


def fold(
    segments: Sequence[CrlSegment], rows: Sequence[Row], shown_at: datetime | None, name: str
) -> tuple[CrlSegment, ...]:
    """The segments with these rows added; what is not needed any more goes, and many small ones become few.

    Those that stay as they are keep their order, so that most of a CRL is the one before it, octet for octet.
    """
    kept = [
        _trimmed(each, f"{name}-t{number:04d}") for number, each in enumerate(shown(one, shown_at) for one in segments)
    ]
    kept = [each for each in kept if each.lengths]
    small = [each for each in kept if len(each.lengths) < _SMALL]
    joined = list(rows)
    if rows and len(small) >= _MOST_SMALL:
        kept = [each for each in kept if len(each.lengths) >= _SMALL]
        joined += [row for each in small for row in _rows(each)]
    return (*kept, *build(joined, name))


def _trimmed(part: Shown, segment_id: str) -> CrlSegment:
    """The segment, or one without what is not shown, if that is much."""
    segment = part.segment
    if part.skipped * _MOST_LEFT_OUT <= len(segment.lengths):
        return segment
    return CrlSegment(
        segment_id=segment_id,
        entries=segment.entries[part.offset :],
        lengths=segment.lengths[part.skipped :],
        ends=segment.ends[part.skipped * _END_OCTETS :],
    )


def _rows(segment: CrlSegment) -> Iterator[Row]:
    ends = accumulate(segment.lengths)
    for index, (length, end) in enumerate(zip(segment.lengths, ends, strict=True)):
        yield _end(segment, index), segment.entries[end - length : end]
