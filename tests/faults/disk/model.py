"""What a disk holds after a power cut: everything that was synced, and any part of what was not.

The record of the shim is replayed into files and directories that know which of their changes are pending. Content is
on the disk once its file is synced, and a name once its directory is: POSIX promises no more. What is pending when the
power goes may be there as a whole, not at all, or in part: of a directory the first changes, of a file any of the
writes, each of them cut off at a sector.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

_HEAD = struct.Struct("<IcQq")
_SECTOR = 512
_SHARED_MEMORY = "-shm"  # SQLite's, which it makes again


class Event(NamedTuple):
    """A call that took effect.

    Attributes:
        end: the size of the record with it.
        kind: M, C, R, L, U: a directory or file is made, renamed, linked, unlinked; W, T, S, F: content is written,
            cut or extended to a size, synced, not synced although that was asked for.
    """

    end: int
    kind: str
    inode: int
    offset: int
    payload: bytes

    @property
    def paths(self) -> tuple[str, str]:
        """The old and the new path; one of them may be empty."""
        old, _, new = self.payload.decode().partition("\0")
        return old, new


def events(record: Path) -> Iterator[Event]:
    """Read the record of the shim, without a last entry that is not whole."""
    content, at = record.read_bytes(), 0
    while at + _HEAD.size <= len(content):
        size, kind, inode, offset = _HEAD.unpack_from(content, at)
        end = at + _HEAD.size + size
        if end > len(content):
            return
        yield Event(end, kind.decode(), inode, offset, content[at + _HEAD.size : end])
        at = end


@dataclass
class File:
    """Content on the disk, and the writes that are pending: an offset and octets, or None for a new size."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    lost: int = 0  # so many of the pending writes met a failed sync: no later sync writes them

    def sync(self) -> None:
        """Put on the disk what is pending."""
        for write in self.pending[self.lost :]:
            _apply(self.synced, *write)
        self.pending, self.lost = [], 0

    def after_cut(self, pick: Pick) -> bytearray:
        """The content that a cut leaves."""
        content = bytearray(self.synced)
        for offset, octets in self.pending:
            if pick.keeps():
                _apply(content, offset, octets if octets is None else pick.torn(octets))
        return content


def _apply(content: bytearray, offset: int, octets: bytes | None) -> None:
    end = offset if octets is None else offset + len(octets)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if octets is None:
        del content[offset:]
    else:
        content[offset:end] = octets


@dataclass
class Directory:
    """Names on the disk, names as processes see them, and the changes between."""

    synced: dict[str, File | Directory] = field(default_factory=dict)
    seen: dict[str, File | Directory] = field(default_factory=dict)
    pending: list[Callable[[dict[str, File | Directory]], object]] = field(default_factory=list)

    def change(self, change: Callable[[dict[str, File | Directory]], object]) -> None:
        """Make a change that a sync will put on the disk."""
        change(self.seen)
        self.pending.append(change)

    def sync(self) -> None:
        """Put on the disk what is pending."""
        self.synced, self.pending = dict(self.seen), []

    def after_cut(self, pick: Pick) -> dict[str, File | Directory]:
        """The names that a cut leaves."""
        names = dict(self.synced)
        for change in self.pending[: pick.first_of(len(self.pending))]:
            change(names)
        return names


class Pick:
    """Decides what of the pending changes is on the disk: "none", "all" or "some"."""

    def __init__(self, random: Random, mode: str) -> None:
        self._random, self._mode = random, mode

    def keeps(self) -> bool:
        """Tell whether a write is there."""
        return self._mode == "all" or (self._mode == "some" and self._random.random() < 0.5)

    def torn(self, octets: bytes) -> bytes:
        """The part of a write that is there."""
        if self._mode == "all" or self._random.random() < 0.5:
            return octets
        return octets[: self._random.randrange(0, len(octets) + _SECTOR, _SECTOR)]

    def first_of(self, count: int) -> int:
        """How many changes of a directory are there."""
        return {"none": 0, "all": count}.get(self._mode, self._random.randint(0, count))


class Disk:
    """The files below one directory, by the events of the record so far."""

    def __init__(self, root: Path) -> None:
        self._root, self._top = root, Directory()
        self._inodes: dict[int, File | Directory] = {}

    def happen(self, event: Event) -> None:
        """Follow an event."""
        follow = {"M": self._make, "C": self._make, "R": self._rename, "L": self._link, "U": self._unlink}
        follow.get(event.kind, self._change)(event)

    def _make(self, event: Event) -> None:
        path = event.paths[1] or event.paths[0]
        if Path(path) == self._root:
            self._inodes[event.inode] = self._top
            return
        made: File | Directory = Directory() if event.kind == "M" else File()
        self._inodes[event.inode] = made
        directory, name = self._place(path)
        directory.change(lambda names: names.update({name: made}))

    def _rename(self, event: Event) -> None:
        (source, old), (target, new) = map(self._place, event.paths)
        moved = source.seen[old]
        if source is target:
            source.change(lambda names: names.update({new: names.pop(old, moved)}))
        else:
            target.change(lambda names: names.update({new: moved}))
            source.change(lambda names: names.pop(old, None))

    def _link(self, event: Event) -> None:
        (source, old), (target, new) = map(self._place, event.paths)
        linked = source.seen[old]
        target.change(lambda names: names.update({new: linked}))

    def _unlink(self, event: Event) -> None:
        directory, name = self._place(event.paths[0])
        directory.change(lambda names: names.pop(name, None))

    def _change(self, event: Event) -> None:
        node = self._inodes.get(event.inode)
        if event.kind == "S" and node is not None:
            node.sync()
        elif isinstance(node, File) and event.kind == "F":
            node.lost = len(node.pending)
        elif isinstance(node, File) and event.kind in "WT":
            node.pending.append((event.offset, event.payload if event.kind == "W" else None))

    def _place(self, path: str) -> tuple[Directory, str]:
        *parents, name = Path(path).relative_to(self._root).parts
        directory = self._top
        for parent in parents:
            found = directory.seen[parent]
            assert isinstance(found, Directory)
            directory = found
        return directory, name

    def write_after_cut(self, target: Path, pick: Pick) -> None:
        """Write what is on the disk after a power cut now to a new directory."""
        _write(self._top, target, pick)


def _write(directory: Directory, target: Path, pick: Pick) -> None:
    target.mkdir(mode=0o700)
    for name, node in directory.after_cut(pick).items():
        if isinstance(node, Directory):
            _write(node, target / name, pick)
        elif not name.endswith(_SHARED_MEMORY):
            (target / name).write_bytes(node.after_cut(pick))
            (target / name).chmod(0o600)
