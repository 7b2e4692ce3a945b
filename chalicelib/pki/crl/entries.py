"""The entries of CRLs as they are encoded: read, counted and compared without an object for each of a million.

A serial number is here the content of its INTEGER. What two CRLs share is compared as strings of bytes; entries are
taken apart only where they differ.

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
# The usual size of a serial number comes first; a line feed in a pattern is written so that it stands for itself.
_SERIALS = b"|".join(re.escape(bytes((size,))) + b".{%d}" % size for size in (17, 16, *range(15, 0, -1), 18, 19, 20))
# An entry with a UTCTime, and no extension but a reason: that is, all that we make before 2050.
_USUAL = re.compile(
    b"\x30.\x02(" + _SERIALS + b")\x17\x0d[0-9]{12}Z(?:" + re.escape(_REASON) + b".)?",
    re.DOTALL,
)
_USUAL_OCTETS = 18  # of such an entry beside its serial number and reason


class Entries(NamedTuple):
    """The elements of revokedCertificates, where they lie."""

    buffer: bytes
    begin: int
    end: int

    @property
    def octets(self) -> memoryview:
        """The elements, one behind the other."""
        return memoryview(self.buffer)[self.begin : self.end]


def of_tbs(tbs: Element) -> Entries:
    """Those of a TBSCertList.

    Raises:
        DerError: it is not strict DER.
    """
    members = [each for each in tbs.children() if each.tag == der.SEQUENCE]
    if len(members) < 3:  # algorithm, issuer, and nothing revoked
        return Entries(b"", 0, 0)
    return Entries(tbs.buffer, members[2].content_start, members[2].end)


def split(entries: Entries) -> Iterator[tuple[bytes, bytes]]:
    """Serial number and entry, in order.

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
    """The serial numbers in order.

    Raises:
        DerError: they are not whole entries.
    """
    return [each[1:] for part in parts for each in _serials(part)]


def _serials(entries: Entries) -> list[bytes]:
    """The serial numbers, each behind an octet with its length: found by a pattern if that leaves no octet over."""
    found: list[bytes] = _USUAL.findall(*entries)
    reasons = entries.buffer.count(_REASON, entries.begin, entries.end)
    octets = sum(map(len, found)) + len(found) * _USUAL_OCTETS + reasons * (len(_REASON) + 1)
    if octets == entries.end - entries.begin:
        return found
    return [_with_length(serial) for serial, _ in split(entries)]


def repeated(*parts: Entries) -> set[bytes]:
    """Serial numbers that occur more than once."""
    listed = [serial for part in parts for serial in _serials(part)]
    if len(set(listed)) == len(listed):
        return set()
    return {each[1:] for each, times in Counter(listed).items() if times > 1}


def contained(wanted: Collection[bytes], *parts: Entries) -> set[bytes]:
    """Those of some serial numbers that occur."""
    if not wanted:
        return set()
    looked_for = {_with_length(each) for each in wanted}
    return {each[1:] for part in parts for each in looked_for.intersection(_serials(part))}


def _with_length(serial: bytes) -> bytes:
    return bytes((len(serial),)) + serial


def cut(entries: Entries, lengths: Iterable[int]) -> list[Entries]:
    """Entries in blocks of so many octets; what is left is the last block."""
    buffer, begin, end = entries
    ends = [min(each, end) for each in accumulate(lengths, initial=begin)]
    return [Entries(buffer, *each) for each in pairwise([*ends, end])]


def unmatched(entries: Entries, blocks: Sequence[Entries]) -> tuple[list[Entries], list[int]]:
    """Where `entries` and `blocks` are not the same octets in the same order.

    Returns:
        the parts that `entries` have alone, and the positions of blocks that are not there as they are.
    """
    ours: list[Entries] = []
    theirs: list[int] = []
    at, pending = entries.begin, 0
    for position, block in enumerate(blocks):
        octets = block.octets
        found = _find(entries, octets, at, pending)
        if found < 0:
            theirs.append(position)
            pending += len(octets)
        else:
            ours.append(Entries(entries.buffer, at, found))
            at, pending = found + len(octets), 0
    ours.append(Entries(entries.buffer, at, entries.end))
    return [each for each in ours if each.begin < each.end], theirs


def difference(entries: Entries, blocks: Sequence[Entries]) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """What only `entries` have and what only `blocks` have: entry by serial number.

    An entry that occurs twice on one side and once on the other is among what that side has alone. Where to cut the
    blocks costs or saves time only: those that lie in `entries` as they are, in the same order, are not taken apart.

    Raises:
        DerError: they are not whole entries.
    """
    gone, come = unmatched(entries, blocks)
    ours = [row for part in gone for row in split(part)]
    theirs = [row for position in come for row in split(blocks[position])]
    common = _common(ours, theirs)
    return {key: value for key, value in ours if key not in common}, {k: v for k, v in theirs if k not in common}


def _find(entries: Entries, block: memoryview, at: int, pending: int) -> int:
    """Where the block lies whole, not far behind `at`; -1 if it does not."""
    if not block:
        return at
    buffer, _, end = entries
    begins = bytes(block[: block[1] + 2])  # the first entry: its serial number occurs once
    found = buffer.find(begins, at, min(at + pending + _WINDOW, end))
    whole = found >= 0 and found + len(block) <= end and buffer.startswith(block, found)
    return found if whole else -1


def _common(ours: list[tuple[bytes, bytes]], theirs: list[tuple[bytes, bytes]]) -> set[bytes]:
    """Serial numbers that both have once and with the same entry."""
    mine, others = dict(ours), dict(theirs)
    common = {key for key, value in mine.items() if others.get(key) == value}
    for listed, unique in ((ours, mine), (theirs, others)):
        if len(listed) != len(unique):
            seen: set[bytes] = set()
            common -= {key for key, _ in listed if key in seen or seen.add(key)}  # type: ignore[func-returns-value]
    return common


def number(serial: bytes) -> int:
    """A serial number as a number."""
    return int.from_bytes(serial, signed=True)
