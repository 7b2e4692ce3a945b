"""Encoded entries compared as octets, and the segments they are kept in: right for any entries, at any cut."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.pki.crl import entries as crl_entries
from chalicelib.pki.crl import segments as crl_segments
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.pki.crl.entries import Entries
from chalicelib.pki.errors import DerError
from tests.support.builders import START

if TYPE_CHECKING:
    from chalicelib.records import CrlSegment

LATE = datetime(2051, 1, 1, tzinfo=UTC)
REASONS = ("UNSPECIFIED", "SUPERSEDED")
DAY = timedelta(days=1)
# Serial numbers of every size, among them those whose octets look like the octets around them.
SERIALS = st.one_of(
    st.integers(0, 1 << 127),
    st.integers(0, 300),
    st.sampled_from(
        [0x0A0A, 0x0D170D17, int.from_bytes(b"\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x02"), 1 << 158]
    ),
)
ENTRY = st.builds(
    lambda serial, late, reason: crl_tbs.encode_entry(serial, LATE if late else START, reason),
    SERIALS,
    st.booleans(),
    st.sampled_from(REASONS),
)


def joined(*entries: bytes) -> Entries:
    return Entries(b"".join(entries), 0, sum(map(len, entries)))


def entry(serial: int, reason: str = "SUPERSEDED") -> bytes:
    return crl_tbs.encode_entry(serial, START, reason)


def content(serial: int) -> bytes:
    return crl_tbs.serial_content(serial)


# entries


@given(st.lists(ENTRY, max_size=30))
def test_serials_are_those_that_a_reader_of_each_entry_finds(entries: list[bytes]) -> None:
    there = joined(*entries)
    listed = [serial for serial, _ in crl_entries.split(there)]
    assert crl_entries.serials(there) == listed
    assert crl_entries.repeated(there) == {each for each in listed if listed.count(each) > 1}
    assert crl_entries.contained({*listed, b"\x7f\x01"}, there) == set(listed) | ({b"\x7f\x01"} & set(listed))
    assert b"".join(each for _, each in crl_entries.split(there)) == there.buffer


def test_serials_that_look_like_reasons_hide_no_entry() -> None:
    """Each of these is counted as a reason that is not there; together they are as long as the entry of 2051."""
    reason = b"\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01"
    alike = [int.from_bytes(bytes([number]) + reason) for number in (1, 2)]
    late = crl_tbs.encode_entry(1 << 48, LATE, "UNSPECIFIED")
    assert len(late) == 2 * (len(reason) + 1)
    there = joined(*(entry(each, "UNSPECIFIED") for each in alike), late)
    assert crl_entries.serials(there) == [*map(content, alike), content(1 << 48)]


def test_entries_with_something_between_them_are_refused() -> None:
    for broken in (b"\x30\x00", b"\x02\x01\x01", entry(1)[:-1]):
        with pytest.raises(DerError):
            crl_entries.serials(joined(entry(1), broken, entry(2)))


@given(st.data(), st.lists(ENTRY, max_size=20, unique_by=lambda each: next(crl_entries.split(joined(each)))[0]))
def test_difference_is_that_of_the_sets_however_the_blocks_are_cut(data: st.DataObject, entries: list[bytes]) -> None:
    old = data.draw(st.lists(st.sampled_from(entries), unique=True)) if entries else []
    new = data.draw(st.permutations([each for each in entries if data.draw(st.booleans())]))
    lengths = data.draw(st.lists(st.integers(0, 3), max_size=8))
    ends = [sum(map(len, new[sum(lengths[:n]) : sum(lengths[: n + 1])])) for n in range(len(lengths))]
    gone, come = crl_entries.difference(joined(*old), crl_entries.cut(joined(*new), ends))
    assert (set(gone.values()), set(come.values())) == (set(old) - set(new), set(new) - set(old))


def test_difference_tells_an_entry_that_changed_and_one_that_is_there_twice() -> None:
    old = joined(entry(1), entry(2), entry(3))
    gone, come = crl_entries.difference(old, [joined(entry(1), entry(2, "UNSPECIFIED"), entry(3))])
    assert (gone, come) == ({content(2): entry(2)}, {content(2): entry(2, "UNSPECIFIED")})
    gone, come = crl_entries.difference(old, [old, joined(entry(3))])
    assert (gone, come) == ({}, {content(3): entry(3)})


# segments


def rows(*ends: int) -> list[crl_segments.Row]:
    return [(crl_segments.seconds(START) + end, entry(number)) for number, end in enumerate(ends, 1)]


def shown_of(segments: tuple[CrlSegment, ...], shown_at: datetime | None) -> list[bytes]:
    return [row for each in segments for _, row in crl_entries.split(crl_segments.shown(each, shown_at).entries)]


def test_segment_shows_what_ends_at_that_second_or_later() -> None:
    """RFC 5280 section 3.3: until it has been in one CRL made after its certificate ended."""
    (segment,) = crl_segments.build(rows(5, 3, 4, 4), "a")
    for seconds, expected in (
        (0, {1, 2, 3, 4}),
        (3, {1, 2, 3, 4}),
        (3.5, {1, 3, 4}),
        (4, {1, 3, 4}),
        (5, {1}),
        (6, set()),
    ):
        part = crl_segments.shown(segment, START + timedelta(seconds=seconds))
        assert {crl_entries.number(each) for each in crl_entries.serials(part.entries)} == expected
        assert part.count == len(expected)
        out = crl_segments.left_out([part])
        assert {crl_entries.number(each) for each in out} == {1, 2, 3, 4} - expected
        assert all(end < START.timestamp() + seconds for end in out.values())
    assert crl_segments.shown(segment, None).count == 4


def test_seconds_never_end_before_the_moment() -> None:
    assert crl_segments.seconds(START) == START.timestamp()
    assert crl_segments.seconds(START + timedelta(microseconds=1)) == START.timestamp() + 1


def test_many_rows_become_several_segments_that_a_table_can_keep() -> None:
    many = [(number, crl_tbs.encode_entry((1 << 158) + number, LATE, "SUPERSEDED")) for number in range(7_000)]
    segments = tuple(crl_segments.build(many, "a"))
    assert [len(each.lengths) for each in segments] == [6_000, 1_000]
    assert max(len(each.entries + each.lengths + each.ends) for each in segments) < 400 * 1024 - 200
    assert len({each.segment_id for each in segments}) == 2


@given(st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=14), st.integers(0, 40))
def test_folding_loses_nothing_that_is_needed(batches: list[list[int]], shown: int) -> None:
    shown_at = START + timedelta(seconds=shown)
    segments: tuple[CrlSegment, ...] = ()
    needed = set()
    number = 0
    for batch, ends in enumerate(batches):
        number += 100
        new = [(crl_segments.seconds(START) + end, entry(number + index)) for index, end in enumerate(ends)]
        segments = crl_segments.fold(segments, new, shown_at, f"{batch:02d}")
        needed |= {row for end, row in new if end >= shown_at.timestamp()}
    found = shown_of(segments, shown_at)
    assert (set(found), len(found)) == (needed, len(needed))
    assert len(segments) <= 9
    assert len({each.segment_id for each in segments}) == len(segments)


def test_folding_writes_a_segment_anew_only_when_much_of_it_is_not_needed() -> None:
    segments = tuple(crl_segments.build(rows(*range(16)), "a"))
    (kept,) = crl_segments.fold(segments, [], START + timedelta(seconds=2), "b")
    assert kept == segments[0]
    (trimmed,) = crl_segments.fold(segments, [], START + timedelta(seconds=3), "b")
    assert (len(trimmed.lengths), shown_of((trimmed,), None)) == (13, shown_of(segments, START + timedelta(seconds=3)))
    assert crl_segments.fold(segments, [], START + DAY, "b") == ()


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=30), st.integers(1, 4))
def test_repeated_serials_are_found_between_new_and_other_segments(pairs: list[tuple[int, int]], cuts: int) -> None:
    """One serial number has one end, as one certificate has."""
    made = [(serial % 4, entry(serial)) for serial, _ in pairs]
    segments = [
        crl_segments.shown(each, None) for cut in range(cuts) for each in crl_segments.build(made[cut::cuts], f"{cut}")
    ]
    new = range(len(segments))[-1:]
    listed = [serial for each in segments for serial in crl_entries.serials(each.entries)]
    recent = {serial for each in new for serial in crl_entries.serials(segments[each].entries)}
    assert crl_segments.repeated(segments, new) == {each for each in recent if listed.count(each) > 1}


def test_pattern_knows_every_size_of_a_serial_number() -> None:
    for size in range(1, 21):
        serial = int.from_bytes(b"\x0a" * size)
        made = entry(serial)
        assert crl_entries._USUAL.fullmatch(made), size
        assert re.search(b"\x0a{%d}" % size, made)


@pytest.mark.parametrize("reason", crl_tbs.REASON_CODES)
@pytest.mark.parametrize("moment", [START, LATE])
def test_entry_is_read_as_it_was_encoded(reason: str, moment: datetime) -> None:
    assert crl_tbs.decode_entry(crl_tbs.encode_entry(7, moment, reason)) == (moment, reason)
