"""The entries of CRLs as they are encoded: read, counted and compared without an object for each of a million.

A serial number is here the content of its INTEGER. What two CRLs share is compared as strings of bytes; entries are
taken apart only where they differ.

Source: RFC 5280 section 5.1.2.6.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.pki import der

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from chalicelib.pki.der import Element

    Block = bytes | memoryview

_WINDOW = 1 << 20  # octets that may have been left out between two blocks before the later one is taken for a new one
_REASON = b"\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01"
# The usual size of a serial number comes first; a line feed in a pattern is written so that it stands for itself.
_SERIALS = b"|".join(re.escape(bytes((size,))) + b".{%d}" % size for size in (17, 16, *range(15, 0, -1), 18, 19, 20))
# An entry with a UTCTime, and no extension but a reason: that is, all that we make before 2050.
_USUAL = re.compile(
    b"\x30.\x02(" + _SERIALS + b")\x17\x0d[0-9]{12}Z(?:" + re.escape(_REASON) + b".)?",
    re.DOTALL,
)


class Entries(NamedTuple):
    """The elements of revokedCertificates, where they lie."""

    buffer: bytes
    begin: int
    end: int


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
        yield next(element.children()).expect(der.INTEGER, "A serial number").content, element.der
        at = element.end


def serials(entries: Entries, count: int) -> list[bytes]:
    """The serial numbers in order, each behind an octet with its length.

    Args:
        entries: what to read.
        count: how many another reader has found.

    Raises:
        DerError: they are not whole entries.
    """
    found: list[bytes] = _USUAL.findall(*entries)
    if len(found) == count:
        return found
    return [_with_length(serial) for serial, _ in split(entries)]


def repeated(entries: Entries, count: int, among: Collection[bytes] | None = None) -> set[bytes]:
    """Serial numbers that occur more than once; only those `among` some are looked for, or all."""
    if among is not None and not among:
        return set()
    listed = serials(entries, count)
    if among is not None:
        wanted = {_with_length(each) for each in among}
        listed = list(filter(wanted.__contains__, listed))
    if len(set(listed)) == len(listed):
        return set()
    return {each[1:] for each, times in Counter(listed).items() if times > 1}


def contained(entries: Entries, count: int, wanted: Collection[bytes]) -> set[bytes]:
    """Those of some serial numbers that occur."""
    return {each[1:] for each in {_with_length(each) for each in wanted}.intersection(serials(entries, count))}


def _with_length(serial: bytes) -> bytes:
    return bytes((len(serial),)) + serial


def cut(entries: Entries, lengths: Iterable[int]) -> Iterator[memoryview]:
    """Entries in blocks of so many octets; what is left is the last block."""
    view, begin = memoryview(entries.buffer), entries.begin
    for length in lengths:
        if 0 < length <= entries.end - begin:
            yield view[begin : begin + length]
            begin += length
    if begin < entries.end:
        yield view[begin : entries.end]


def difference(entries: Entries, blocks: Iterable[Block]) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """What only `entries` have and what only `blocks` have: entry by serial number.

    An entry that occurs twice on one side and once on the other is among what that side has alone. Where to cut the
    blocks costs or saves time only: those that lie in `entries` as they are, in the same order, are not taken apart.

    Raises:
        DerError: they are not whole entries.
    """
    ours: list[tuple[bytes, bytes]] = []
    theirs: list[tuple[bytes, bytes]] = []
    at, pending = entries.begin, 0
    for block in blocks:
        found = _find(entries, block, at, pending) if block else at
        if found < 0:
            theirs += split(Entries(bytes(block), 0, len(block)))
            pending += len(block)
        elif block:
            ours += split(Entries(entries.buffer, at, found))
            at, pending = found + len(block), 0
    ours += split(Entries(entries.buffer, at, entries.end))
    common = _common(ours, theirs)
    return {key: value for key, value in ours if key not in common}, {k: v for k, v in theirs if k not in common}


def _find(entries: Entries, block: Block, at: int, pending: int) -> int:
    """Where the block lies whole, not far behind `at`; -1 if it does not."""
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
