"""The audit record of the laptop home: JSON lines that several processes append to, rotated by size.

A record is written under a lock of the directory; then it survives the end of the process. A thread flushes to the disk
what has to be durable, for all who wait for it, and everything else within a second. Twice a second the head is signed
and written beside the files, and every few seconds into the store, so that cutting off the end is found.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import uuid
import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import files, logs
from chalicelib.audit import AuditError, chain, events, json_files, nothing
from chalicelib.audit.chain import Link
from chalicelib.audit.flusher import Flusher
from chalicelib.audit.notes import Origin
from chalicelib.keystore import KeyStoreError
from chalicelib.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from chalicelib.audit import Found
    from chalicelib.audit.chain import Head, Verdict
    from chalicelib.audit.signer import Signer
    from chalicelib.store import Store

_HEAD_EVERY_SECONDS, _STORED_EVERY_SECONDS = 0.5, 5.0
_FAILURES = OSError, chain.BrokenError, KeyStoreError, StoreError
_READINGS = 2  # of files in which something is wrong: others may write, and rotate, while they are read


class _Tail(NamedTuple):
    """The end of the record as this process knows it.

    Attributes:
        descriptor: of the current file, which stays open until no thread needs it.
        inode, size: of the current file; another inode means that another process has rotated the files, another
            size that it has written.
    """

    descriptor: _Descriptor
    inode: int
    size: int
    link: Link


class _Descriptor:
    """A file that is closed when no thread refers to it any more."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        weakref.finalize(self, os.close, self.number).atexit = False  # threads may need it till then


class FileTrail:
    """The record in a directory of mode 0700."""

    def __init__(
        self, directory: Path, store: Store, signer: Signer, region: str, *, most_bytes: int, most: int
    ) -> None:
        """Prepare the record; the first event creates the directory.

        Args:
            directory: of the files.
            store: where heads are published.
            signer: signs heads.
            region: for the events of the record itself.
            most_bytes: size at which a file is full.
            most: the number of files; older ones are deleted.
        """
        self._directory, self._store, self._signer, self._region = directory, store, signer, region
        self._current_file, self._lock = str(directory / json_files.CURRENT), files.locked(directory / "lock")
        self._most_bytes, self._most = most_bytes, most
        self._writing, self._flushing = threading.Lock(), threading.Lock()
        self._tail: _Tail | None = None
        self._flushed = self._headed = self._stored = 0
        self._is_made = False
        self._head_at = self._store_at = 0.0
        self._flusher = Flusher(self._flush, partial(self._flush, publish=True))

    # appending

    def append(self, event: Mapping[str, Any], *, now: datetime, durable: bool) -> Callable[[], None]:
        """Write an event as one line; the disk is waited for by what this returns."""
        try:
            with self._writing:
                if not self._is_made:
                    files.make_directory(self._directory)
                    self._is_made = True
                with self._lock:
                    sequence = self._write(self._current(now), event).link.sequence
        except _FAILURES as error:
            raise self._failed(error) from error
        if durable:
            return self._flusher.ask(sequence)
        self._flusher.written()
        return nothing

    def publish(self) -> None:
        """Flush what was appended, and publish the head in the store as well."""
        self._flush(publish=True)

    def _failed(self, error: Exception) -> AuditError:
        self._tail, self._is_made = None, False  # look at the directory again
        return AuditError(f"The audit record in {self._directory} cannot be written: {error}.")

    def _current(self, now: datetime) -> _Tail:
        """Return the end of the record; the current file exists, ends with a whole line, and is not full."""
        tail = self._followed()
        if tail is None:
            tail = self._opened(now)
        return self._rotated(tail, now) if tail.size >= self._most_bytes else tail

    def _followed(self) -> _Tail | None:
        """Return the end after what other processes have appended to the file; None if that is not all it shows."""
        tail = self._tail
        try:
            found = os.lstat(self._current_file)
        except FileNotFoundError:
            return None
        if tail is None or found.st_ino != tail.inode:
            return None
        if found.st_size != tail.size:
            added = os.pread(tail.descriptor.number, max(0, found.st_size - tail.size), tail.size)
            link = chain.link_behind(tail.link, added)
            tail = self._tail = tail._replace(size=found.st_size, link=link) if link else None
        return tail

    def _write(self, tail: _Tail, event: Mapping[str, Any]) -> _Tail:
        """Append an event as a line; a part of one is taken back."""
        line, link = chain.following(event, tail.link)
        descriptor, inode, size, _ = tail
        try:
            if os.write(descriptor.number, line) != len(line):
                raise OSError(None, "the disk is full")
        except OSError:
            self._tail = None
            with suppress(OSError):
                os.ftruncate(descriptor.number, size)
            raise
        self._tail = tail = _Tail(descriptor, inode, size + len(line), link)
        return tail

    # opening

    def _opened(self, now: datetime) -> _Tail:
        """Open the current file where another process, or nobody, has left it."""
        found = json_files.files_of(self._directory)
        if not found:
            return self._begun(self._first_link(), 0, now)
        if found[-1].name != json_files.CURRENT:  # a process died while it rotated
            line, _ = json_files.last_line(found[-1])
            return self._begun(chain.link_of(line), self._deletable(found), now)
        link, end = self._end_of(found[-1])
        if not end and len(found) > 1:  # or before it wrote the first line
            (self._directory / json_files.CURRENT).unlink()
            return self._opened(now)
        return self._repaired(self._tail_of(end, link or self._first_link()), now)

    def _end_of(self, current: Path) -> tuple[Link | None, int]:
        """Return the last record to go on from, and where it ends; what was published and is damaged stays."""
        link, end = json_files.whole_records(current, self._heads())
        if link and not any(_is_beyond(head.link, link) for head in self._heads()):
            return link, end
        line, end = json_files.last_line(current)
        return (chain.link_of(line), end) if end else (None, 0)

    def _first_link(self) -> Link:
        """Begin another chain, of which nothing is flushed yet."""
        self._flushed = self._headed = self._stored = 0
        self._flusher = Flusher(self._flush, partial(self._flush, publish=True))
        return Link(str(uuid.uuid4()), 0, chain.FIRST)

    def _tail_of(self, size: int, link: Link) -> _Tail:
        descriptor = _Descriptor(self._directory / json_files.CURRENT)
        return _Tail(descriptor, os.fstat(descriptor.number).st_ino, size, link)

    def _repaired(self, tail: _Tail, now: datetime) -> _Tail:
        """Cut off what is behind the last record; record that, and which records are missing by the published heads."""
        size = os.fstat(tail.descriptor.number).st_size
        lost = max((head.link.sequence for head in self._heads() if _is_beyond(head.link, tail.link)), default=0)
        if size == tail.size and not lost:
            return tail
        os.lseek(tail.descriptor.number, tail.size, os.SEEK_SET)
        cut = os.read(tail.descriptor.number, size - tail.size)
        os.ftruncate(tail.descriptor.number, tail.size)
        details: dict[str, Any] = {"cutBytes": size - tail.size, "cutSha256": hashlib.sha256(cut).hexdigest()}
        event = self._own_event(chain.REPAIR, now, details | ({"lostThrough": lost} if lost else {}))
        logs.log("audit_repaired", cut_bytes=size - tail.size, lost_through=lost)
        return self._write(tail, event)

    def _heads(self) -> list[Head]:
        """The published heads that are signed."""
        own = json_files.read_head(self._directory)
        heads = [*([own] if own else []), *map(chain.published, self._store.list_audit_heads())]
        return [head for head in heads if chain.is_signed(self._signer.public_key, head)]

    # rotating

    def _rotated(self, tail: _Tail, now: datetime) -> _Tail:
        """Begin a new file; what the setting does not keep is deleted once the new file says so."""
        current = self._directory / json_files.CURRENT
        with self._flushing:
            json_files.fsync(tail.descriptor.number)
            self._flushed = tail.link.sequence
        current.rename(self._directory / json_files.rotated_name(json_files.first_of(current)))
        return self._begun(tail.link, self._deletable(json_files.files_of(self._directory)), now)

    def _deletable(self, full: list[Path]) -> int:
        """Return the sequence number through which full files are deleted, so that the newest stay."""
        kept = full[-(self._most - 1) :]
        return json_files.first_of(kept[0]) - 1

    def _begun(self, link: Link, deleted_through: int, now: datetime) -> _Tail:
        event = self._own_event(chain.BEGIN, now, {"publicKey": self._signer.public_key.hex()})
        tail = self._tail_of(0, link)
        event = chain.beginning(event, link, deleted_through, self._signer.key)
        tail = self._write(tail, event)
        json_files.fsync(tail.descriptor.number)
        self._write_head(chain.sign(self._signer.key, tail.link))
        files.sync_directory(self._directory)
        for path in json_files.files_of(self._directory)[:-1]:
            if json_files.first_of(path) <= deleted_through:
                files.remove(path)
        return tail

    def _own_event(self, name: str, now: datetime, details: Mapping[str, Any]) -> dict[str, Any]:
        event = events.event(
            name,
            events.Actor("AWSService", "", name="signet"),
            Origin("schedule"),
            now=now,
            region=self._region,
            changes=True,
            parameters=None,
            resources=(),
        )
        return event | {"additionalEventData": {**event["additionalEventData"], **details}}

    # flushing

    def _flush(self, *, publish: bool = False) -> int:
        """Flush what was written, and publish the head; returns its sequence number."""
        try:
            with self._flushing:
                return self._flushed_through(publish=publish)
        except _FAILURES as error:
            raise self._failed(error) from error

    def _flushed_through(self, *, publish: bool) -> int:
        tail = self._tail
        if tail is None:
            return 0
        head = tail.link.sequence
        if head > self._flushed:
            json_files.fsync(tail.descriptor.number)
            self._flushed = head
        now = time.monotonic()
        if publish or (head > self._headed and now >= self._head_at):
            self._write_head(chain.sign(self._signer.key, tail.link))
            self._headed, self._head_at = head, now + _HEAD_EVERY_SECONDS
        if publish or (head > self._stored and now >= self._store_at):
            self._store_head(chain.sign(self._signer.key, tail.link))
            self._stored, self._store_at = head, now + _STORED_EVERY_SECONDS
        return head

    def _write_head(self, head: Head) -> None:
        with files.locked(self._directory / "head.lock"):
            present = json_files.read_head(self._directory)
            if present and present.link.chain == head.link.chain and present.link.sequence > head.link.sequence:
                return
            descriptor = os.open(self._directory / json_files.HEAD, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                os.pwrite(descriptor, json_files.head_bytes(head), 0)
                if present is None:  # an older head does for a record that goes on, and none does not
                    json_files.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _store_head(self, head: Head) -> None:
        try:
            self._store.put_audit_head(chain.stored(head))
        except StoreError:  # the one beside the files is written, and a later flush tries again
            logs.log_exception("audit_head_not_stored")

    @property
    def public_key(self) -> bytes:
        """The key that verifies signatures of heads, 32 bytes."""
        return self._signer.public_key

    # reading

    def newest(self, account_id: str, *, before: str = "", now: datetime) -> Iterator[Found]:  # noqa: ARG002  the port's
        """Yield the records that concern an account, read backwards from the end of the files."""
        for found in json_files.newest(self._directory, before):
            if account_id in events.accounts_of(found.record):
                yield found

    def get(self, account_id: str, position: str) -> Found | None:
        """Return the record at an offset in a file, if it concerns an account."""
        found = json_files.get(self._directory, position)
        return found if found and account_id in events.accounts_of(found.record) else None

    def verify(self, now: datetime, noted: tuple[int, str] | None = None) -> Verdict:  # noqa: ARG002  the port's
        """Verify the files against their head, and every chain that the store knows of."""
        heads = [chain.published(head) for head in self._store.list_audit_heads()]
        for _ in range(_READINGS):
            verdict = json_files.verify(self._directory, self.public_key, heads, noted=noted)
            if not verdict.problems:
                break
        found = {link.chain for link in verdict.heads}
        missing = [
            f"Chain {head.link.chain}: its head is in the store, and its {head.link.sequence} records are missing."
            for head in heads
            if head.link.chain not in found
        ]
        return verdict._replace(problems=(*verdict.problems, *missing))


def _is_beyond(head: Link, last: Link) -> bool:
    """Tell whether a head says that a chain has had more records, or another one in the place of the last."""
    return head.chain == last.chain and (
        head.sequence > last.sequence or (head.sequence == last.sequence and head.sha256 != last.sha256)
    )
