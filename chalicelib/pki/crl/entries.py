"""The entries of CRLs in DER: read, counted and compared without making a million objects.

Here, a serial number is the content of its INTEGER. Octets that two CRLs share are compared as they are; only entries
that differ are taken apart.

Source: RFC 5280 section 5.1.2.6.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.pki.asn1 import der

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from chalicelib.pki.asn1.der import Element

_WINDOW = 1 << 20  # octets that may have been left out between two blocks before the later one is taken for a new one
_REASON = b"\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01"
# The usual size of a serial number comes first; `re.escape` lets a size of 10, a line feed, stand for itself.
_SERIALS = b"|".join(re.escape(bytes((size,))) + b".{%d}" % size for size in (17, 16, *range(15, 0, -1), 18, 19, 20))
# An entry with a UTCTime and no extension but a reason: every entry that we make before 2050.
_USUAL = re.compile(
    b"\x30.\x02(" + _SERIALS + b")\x17\x0d[0-9]{12}Z(?:" + re.escape(_REASON) + b".)?",
    re.DOTALL,
)
_USUAL_OCTETS = 18  # of such an entry beside its serial number and reason


class Entries(NamedTuple):
    """A run of entries of revokedCertificates: its position in a buffer."""

    buffer: bytes
    begin: int
    end: int

    @property
    def octets(self) -> memoryview:
        """The octets of the entries."""
        return memoryview(self.buffer)[self.begin : self.end]


def of_tbs(tbs: Element) -> Entries:
    """Find the entries of a TBSCertList.

    Raises:
        DerError: it is not strict DER.
    """
    sequences = [member for member in tbs.children() if member.tag == der.SEQUENCE]
    if len(sequences) < 3:  # algorithm and issuer alone: nothing is revoked
        return Entries(b"", 0, 0)
    return Entries(tbs.buffer, sequences[2].content_start, sequences[2].end)


def split(entries: Entries) -> Iterator[tuple[bytes, bytes]]:
    """Yield each serial number and entry, in order.

    Raises:
        DerError: they are not whole entries.
    """
    at, (buffer, _, end) = entries.begin, entries
    while at < end:
        element = der.read(buffer, at, end).expect(der.SEQUENCE, "An entry")
        serial = der.read(buffer, element.content_start, element.end).expect(der.INTEGER, "A serial number")
        yield serial.content, element.der
        at = element.end


def serials(*parts: Entries) -> list[bytes]:
    """List the serial numbers in order.

    Raises:
        DerError: they are not whole entries.
    """
    return [serial[1:] for part in parts for serial in _serials(part)]


def _serials(entries: Entries) -> list[bytes]:
    """List the serial numbers, each behind an octet with its length.

    A pattern finds them; if it leaves octets over, or a serial number looks like a reason, the entries are parsed.
    """
    usual: list[bytes] = _USUAL.findall(*entries)
    reasons = entries.buffer.count(_REASON, entries.begin, entries.end)
    octets = sum(map(len, usual)) + len(usual) * _USUAL_OCTETS + reasons * (len(_REASON) + 1)
    if octets == entries.end - entries.begin and _REASON not in b"".join(usual):
        return usual
    return [_with_length(serial) for serial, _ in split(entries)]


def repeated(*parts: Entries) -> set[bytes]:
    """Find the serial numbers that occur more than once."""
    listed = [serial for part in parts for serial in _serials(part)]
    if len(set(listed)) == len(listed):
        return set()
    return {serial[1:] for serial, times in Counter(listed).items() if times > 1}


def contained(wanted: Collection[bytes], *parts: Entries) -> set[bytes]:
    """Find which of some serial numbers occur."""
    if not wanted:
        return set()
    looked_for = set(map(_with_length, wanted))
    return {serial[1:] for part in parts for serial in looked_for.intersection(_serials(part))}


def _with_length(serial: bytes) -> bytes:
    return bytes((len(serial),)) + serial


def cut(entries: Entries, lengths: Iterable[int]) -> list[Entries]:
    """Cut entries into blocks of so many octets; the rest is the last block."""
    buffer, begin, end = entries
    cuts = [min(position, end) for position in accumulate(lengths, initial=begin)]
    return [Entries(buffer, *bounds) for bounds in pairwise([*cuts, end])]


def unmatched(entries: Entries, blocks: Sequence[Entries]) -> tuple[list[Entries], list[int]]:
    """Find the differences between `entries` and `blocks`, as octets in their order.

    Returns:
        the parts that only `entries` have, and the positions of the blocks that `entries` do not have as they are.
    """
    ours: list[Entries] = []
    theirs: list[int] = []
    at, pending = entries.begin, 0
    for position, block in enumerate(blocks):
        octets = block.octets
        start = _find(entries, octets, at, pending)
        if start < 0:
            theirs.append(position)
            pending += len(octets)
        else:
            ours.append(Entries(entries.buffer, at, start))
            at, pending = start + len(octets), 0
    ours.append(Entries(entries.buffer, at, entries.end))
    return [part for part in ours if part.begin < part.end], theirs


def difference(entries: Entries, blocks: Sequence[Entries]) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """Find the entries that only `entries` have and those that only `blocks` have, by serial number.

    An entry that occurs twice on one side and once on the other belongs to the former alone. The cuts between blocks
    affect time, not results: blocks that lie in `entries` as they are, in the same order, are not taken apart.

    Raises:
        DerError: they are not whole entries.
    """
    gone, come = unmatched(entries, blocks)
    ours = [row for part in gone for row in split(part)]
    theirs = [row for position in come for row in split(blocks[position])]
    common = _common(ours, theirs)
    return {key: value for key, value in ours if key not in common}, {k: v for k, v in theirs if k not in common}


def _find(entries: Entries, block: memoryview, at: int, pending: int) -> int:
    """The position at which the block lies whole, not far behind `at`; -1 if there is none."""
    if not block:
        return at
    buffer, _, end = entries
    begins = bytes(block[: block[1] + 2])  # the first entry: its serial number occurs once
    position = buffer.find(begins, at, min(at + pending + _WINDOW, end))
    is_whole = position >= 0 and position + len(block) <= end and buffer.startswith(block, position)
    return position if is_whole else -1


def _common(ours: list[tuple[bytes, bytes]], theirs: list[tuple[bytes, bytes]]) -> set[bytes]:
    """The serial numbers that both sides have once and with the same entry."""
    mine, others = dict(ours), dict(theirs)
    common = {key for key, value in mine.items() if others.get(key) == value}
    for listed, unique in ((ours, mine), (theirs, others)):
        if len(listed) != len(unique):
            seen: set[bytes] = set()
            common -= {key for key, _ in listed if key in seen or seen.add(key)}  # type: ignore[func-returns-value]
    return common


def number(serial: bytes) -> int:
    """The number that a serial number is."""
    return int.from_bytes(serial, signed=True)
