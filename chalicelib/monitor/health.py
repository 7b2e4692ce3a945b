"""Health of this process's parts: can it write its state, open its secrets and store objects?

A probe writes, because a full disk or a read-only file system lets reads succeed. Clients get `ServiceUnavailable`
without details; the part and its remedy stand here: in `/healthz`, `signet status` and the log.
"""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import clock, logs
from chalicelib.buckets import BucketError
from chalicelib.buckets.directory import DirectoryBuckets
from chalicelib.keystore import KeyStoreError
from chalicelib.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from chalicelib.runtime import Runtime

KNOWN_FOR = timedelta(seconds=10)
STALLED = timedelta(seconds=60)
LEAST_FREE_BYTES = 100 * 1024 * 1024
_SEALED_FOR = "health"
_LOOK, JOURNAL = ("health",), ("journal",)  # what `Runtime.known` has: problems, and the head of the journal


class Problem(NamedTuple):
    """A part that cannot do its work (state, keys, buckets, disk, journal), the reason and the remedy."""

    part: str
    reason: str
    remedy: str


def look(rt: Runtime) -> tuple[Problem, ...]:
    """Probe every part, and log each problem when it begins and when it ends."""
    before = {problem.part for problem in _last(rt)[0]}
    problems = tuple(problem for probe in _PROBES for problem in probe(rt))
    for problem in problems:
        if problem.part not in before:
            logs.log("part_fails", logging.ERROR, **problem._asdict())
    for part in sorted(before - {problem.part for problem in problems}):
        logs.log("part_works_again", part=part)
    rt.known[_LOOK] = (problems, rt.now())
    return problems


def recent(rt: Runtime) -> tuple[Problem, ...]:
    """Return what was seen within `KNOWN_FOR`, or look again."""
    problems, at = _last(rt)
    return problems if at is not None and abs(rt.now() - at) < KNOWN_FOR else look(rt)


def seen(rt: Runtime) -> tuple[Problem, ...]:
    """Return what the schedule saw, without any I/O; a schedule that stalls is a problem itself."""
    problems, at = _last(rt)
    if at is None or abs(rt.now() - at) < STALLED:
        return problems
    seconds = int((rt.now() - at).total_seconds())
    return (Problem("schedule", f"The last look was {seconds} seconds ago.", "see the log; restart the server"),)


def _last(rt: Runtime) -> tuple[tuple[Problem, ...], datetime | None]:
    return rt.known.get(_LOOK, ((), None))


def _state(rt: Runtime) -> Iterator[Problem]:
    try:
        rt.store.probe(now=rt.now())
        clock.look(rt)
    except StoreError as error:
        where = rt.settings.data_path if rt.settings.state == "sqlite" else f"table {rt.settings.table_name}"
        yield Problem("state", str(error), f"see that {where} can be written: space, permissions, file system")


def _keys(rt: Runtime) -> Iterator[Problem]:
    if rt.settings.keys != "software":  # each use of KMS costs; its failures are in the log and in CloudWatch
        return
    try:
        rt.keys.unseal(rt.keys.seal(b"", _SEALED_FOR), _SEALED_FOR)
    except KeyStoreError as error:
        yield Problem("keys", str(error), f"restore {rt.settings.data_path / 'keys'} from a backup of this home")


def _buckets(rt: Runtime) -> Iterator[Problem]:
    if not isinstance(rt.buckets, DirectoryBuckets):  # S3 is watched by the monitor, where clients fetch
        return
    try:
        rt.buckets.probe()
    except BucketError as error:
        yield Problem("buckets", str(error), f"see that {rt.settings.data_path / 'buckets'} can be written")


def _disk(rt: Runtime) -> Iterator[Problem]:
    data = rt.settings.data_path
    if rt.settings.state == "sqlite" and data.is_dir() and (free := shutil.disk_usage(data).free) < LEAST_FREE_BYTES:
        yield Problem("disk", f"{free // 1024**2} MB are free below {data}.", "free some space on its file system")


def _journal(rt: Runtime) -> Iterator[Problem]:
    try:
        found = rt.journal.difference(rt.now())
        head = rt.store.journal_head()
    except StoreError:  # a problem of the state
        return
    published_at = head.published_at.isoformat() if head.published_at else None
    rt.known[JOURNAL] = ({"entries": head.size, "published_at": published_at}, rt.now())
    if found is not None:
        yield Problem("journal", found.reason, found.remedy)
    elif rt.journal.failure:
        where = rt.settings.journal_bucket if rt.settings.buckets == "s3" else rt.settings.journal_path
        yield Problem("journal", rt.journal.failure, f"see that {where} can be read and written")


_PROBES: tuple[Callable[[Runtime], Iterator[Problem]], ...] = (_state, _keys, _buckets, _disk, _journal)
