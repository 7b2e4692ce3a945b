"""Index entries of certificates by a text: their names, from the indexes of all CAs of a question, and serial numbers.

A search goes through stages. Where it has read what one page may read, it stops, and the next page goes on there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib.store.listing_queries import Entry, Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.operations.listing_question import Asked
    from chalicelib.operations.lookup import Lookup
    from chalicelib.store import Span

MOST = 2000  # certificates of a search's page
SCANNED = 50_000  # index entries that it reads
_SERIAL_DIGITS = 32
_SHARDS = 4  # of the index of time, each of which is read so far


class Found(NamedTuple):
    """Entries of one stage.

    Attributes:
        beyond: where the stage goes on; empty: it is over.
        read: how many index entries it cost.
    """

    entries: Sequence[Entry]
    beyond: str
    read: int


def found(asked: Asked, lookup: Lookup, begin: str) -> tuple[list[Entry], str]:
    """Find certificates, each once.

    Args:
        asked: the question.
        lookup: the conditions.
        begin: where an earlier search stopped; empty: at the beginning.

    Returns:
        the entries, and where to go on; empty if that is all.
    """
    stage_number, _, beyond = begin.partition(" ")
    first, entries, left = int(stage_number or 0), dict[tuple[str, str], Entry](), SCANNED
    for at, stage in enumerate(_stages(asked, lookup)):
        if at < first:
            continue
        while True:
            if left <= 0 or len(entries) >= MOST:
                return list(entries.values()), f"{at} {beyond}"
            result = stage(beyond, left)
            left -= result.read
            entries |= {(entry.ca_id, entry.serial): entry for entry in result.entries}
            beyond = result.beyond
            if not beyond:
                break
    return list(entries.values()), ""


def _stages(asked: Asked, lookup: Lookup) -> Iterator[Callable[[str, int], Found]]:
    """Yield the readers of one index after the other; names in many CAs are read at once if their order allows."""
    cas = asked.authorities()
    at_once = asked.rt.store.most_searched()
    chunks = [cas[begin : begin + at_once] for begin in range(0, len(cas), at_once)]
    if lookup.is_whole_serial:
        yield from (_whole_serial(asked, chunk, lookup.serial) for chunk in chunks)
    elif lookup.serial:
        yield _serials(asked, lookup)
    if lookup.ending:
        yield from (_ending(asked, ca_id, span, lookup.ending) for ca_id in cas for span in lookup.spans)
    else:
        yield from (_names(asked, chunk, span) for chunk in chunks for span in lookup.spans)


def _names(asked: Asked, cas: Sequence[str], span: Span) -> Callable[[str, int], Found]:
    ca_arns = [asked.arn_of(ca_id) for ca_id in cas]

    def read(beyond: str, _: int) -> Found:
        entries = asked.rt.store.entries_by_name(ca_arns, span, beyond=beyond, limit=MOST)
        return Found(entries, entries[-1].position if len(entries) == MOST else "", len(entries) + len(cas))

    return read


def _ending(asked: Asked, ca_id: str, span: Span, ending: str) -> Callable[[str, int], Found]:
    arn = asked.arn_of(ca_id)

    def read(beyond: str, most: int) -> Found:
        kind: Literal["san", "subject"] = "san" if span.kind == "san" else "subject"
        entries, position, number = asked.rt.store.entries_ending(arn, kind, ending, beyond=beyond, most=most)
        return Found(entries, position, number)

    return read


def _whole_serial(asked: Asked, cas: Sequence[str], serial: str) -> Callable[[str, int], Found]:
    def read(*_: object) -> Found:
        entries = [Entry("", ca_id, serial, "") for ca_id in cas] if len(serial) == _SERIAL_DIGITS else []
        records = asked.records(entries)
        there = [entry for entry, record in zip(entries, records, strict=True) if record is not None]
        return Found(there, "", len(cas))

    return read


def _serials(asked: Asked, lookup: Lookup) -> Callable[[str, int], Found]:
    """Read the index of time, the newest first, which has every serial number."""
    period = Period(asked.ca_arn or asked.caller.account_id, "issued")

    def read(beyond: str, most: int) -> Found:
        limit = max(1, min(most, SCANNED // 2) // _SHARDS)
        entries = asked.rt.store.entries_by_time(period, beyond=beyond, backwards=True, limit=limit)
        fitting = [entry for entry in entries if lookup.has_serial(entry.serial) and asked.may_see(entry.ca_id)]
        return Found(fitting, entries[-1].position if len(entries) == limit else "", len(entries) * _SHARDS)

    return read
