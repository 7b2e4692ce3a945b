"""Segments: the stored entries of a CRL in pieces, so that the cost of a CRL grows with the changes alone.

A segment never changes. Its entries are ordered by the expiry of their certificates: what a CRL leaves out is the
beginning of a segment, found by bisection.

Source: RFC 5280 section 3.3: an entry stays until it has been in one CRL made after its certificate expired.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from chalicelib.frozen import dataclass
from chalicelib.pki.crl import entries as crl_entries
from chalicelib.pki.crl.entries import Entries
from chalicelib.records import CrlSegment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    Row = tuple[int, bytes]  # when the certificate expires, in seconds since 1970, and the entry

MOST_ENTRIES = 6_000  # a segment of entries of 56 octets stays below the 400 KB of a DynamoDB item
_SMALL = MOST_ENTRIES // 4
_MOST_SMALL = 8  # segments; more are joined
_MOST_LEFT_OUT = 8  # a segment is rewritten when more than an eighth of it is not needed any more
_END_OCTETS = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """A segment as a CRL shows it: without the first `skipped` entries, which have `offset` octets."""

    segment: CrlSegment
    skipped: int = 0
    offset: int = 0

    @property
    def count(self) -> int:
        """The number of entries that are shown."""
        return len(self.segment.lengths) - self.skipped

    @property
    def entries(self) -> Entries:
        """The entries that are shown."""
        return Entries(self.segment.entries, self.offset, len(self.segment.entries))

    @property
    def left_out(self) -> Entries:
        """The entries that are not shown."""
        return Entries(self.segment.entries, 0, self.offset)


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970, rounded up."""
    return -int(-moment.timestamp() // 1)


def shown(segment: CrlSegment, shown_at: datetime | None) -> Shown:
    """Show a segment in the next CRL, after one made at `shown_at` (None: there was none)."""
    if shown_at is None:
        return Shown(segment)
    skipped = bisect_left(_ends(segment), shown_at.timestamp())
    return Shown(segment, skipped, sum(segment.lengths[:skipped]))


def left_out(selection: Iterable[Shown]) -> dict[bytes, int]:
    """When the certificates of the entries left out expired, in seconds since 1970, by serial number."""
    return {
        serial: end
        for part in selection
        for serial, end in zip(crl_entries.serials(part.left_out), _ends(part.segment), strict=False)
    }


def repeated(selection: Sequence[Shown], new: Collection[int]) -> set[bytes]:
    """Find serial numbers in segments at the positions `new` that occur twice, there or in the other segments.

    A certificate expires once, so that a second entry of it, if there is one, is found by bisection.
    """
    twice = crl_entries.repeated(*(selection[position].entries for position in new))
    wanted: dict[int, set[bytes]] = {}
    for position in new:
        part = selection[position]
        for end, serial in zip(_ends(part.segment)[part.skipped :], crl_entries.serials(part.entries), strict=True):
            wanted.setdefault(end, set()).add(serial)
    for part in (part for position, part in enumerate(selection) if position not in new):
        for end, entries in _with_ends(part.segment, wanted):
            twice |= crl_entries.contained(wanted[end], entries)
    return twice


def _with_ends(segment: CrlSegment, wanted: Iterable[int]) -> Iterator[tuple[int, Entries]]:
    """Yield the entries of a segment whose certificates expire at one of these times."""
    ends, offsets = _ends(segment), [0]
    for end in wanted:
        begin = bisect_left(ends, end)
        if begin < len(ends) and ends[begin] == end:
            if len(offsets) == 1:
                offsets += accumulate(segment.lengths)
            yield end, Entries(segment.entries, offsets[begin], offsets[bisect_right(ends, end, begin)])


def _ends(segment: CrlSegment) -> array[int]:
    ends = array("Q", segment.ends)
    if sys.byteorder == "little":
        ends.byteswap()
    return ends


def build(rows: Iterable[Row], name: str) -> Iterator[CrlSegment]:
    """Make segments of these rows, with ids that begin with `name`."""
    ordered = sorted(rows)
    for number, begin in enumerate(range(0, len(ordered), MOST_ENTRIES)):
        part = ordered[begin : begin + MOST_ENTRIES]
        yield CrlSegment(
            segment_id=f"{name}-{number:04d}",
            entries=b"".join(entry for _, entry in part),
            lengths=bytes(len(entry) for _, entry in part),
            ends=b"".join(end.to_bytes(_END_OCTETS) for end, _ in part),
        )


def fold(
    segments: Sequence[CrlSegment], rows: Sequence[Row], gone_at: datetime | None, name: str
) -> tuple[CrlSegment, ...]:
    """Add rows to the segments; drop what no published CRL shows any more, and join small segments if they are many.

    Segments that stay keep their order, so that most of a CRL is the one before it, octet for octet.

    Args:
        segments: all of a CRL.
        rows: the new ones.
        gone_at: `shown_at` of the published CRL (None: it left out nothing).
        name: the beginning of the ids of new segments.
    """
    trimmed = [_trimmed(shown(segment, gone_at), f"{name}-t{number:04d}") for number, segment in enumerate(segments)]
    remaining = [segment for segment in trimmed if segment.lengths]
    small = [segment for segment in remaining if len(segment.lengths) < _SMALL]
    joined = list(rows)
    if rows and len(small) >= _MOST_SMALL:
        remaining = [segment for segment in remaining if len(segment.lengths) >= _SMALL]
        joined += [row for segment in small for row in _rows(segment)]
    return (*remaining, *build(joined, name))


def _trimmed(part: Shown, segment_id: str) -> CrlSegment:
    """The segment; without the entries left out, if they are many."""
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
    offsets = pairwise(accumulate(segment.lengths, initial=0))
    return ((end, segment.entries[slice(*bounds)]) for end, bounds in zip(_ends(segment), offsets, strict=True))
