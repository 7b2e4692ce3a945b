"""The log in a bucket: appending entries, and reading them back verified.

Bundles and tiles are written first, and then the checkpoint, on condition that it is the one that was continued. A
crash in between leaves objects that no checkpoint speaks of; the next append writes them again.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chalicelib.buckets import BucketError, PreconditionFailedError
from chalicelib.journal import ForkError, JournalError, checkpoints, tiles, tree
from chalicelib.journal.notes import SIGNATURE, VerifierKey
from chalicelib.journal.tile_tree import TileTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from chalicelib.buckets import Buckets
    from chalicelib.journal.checkpoints import Checkpoint

CHECKPOINT = "checkpoint"
_OCTETS = "application/octet-stream"
_TRIES = 3


class LogKey(Protocol):
    """The key that signs checkpoints, such as `audit.signer.Signer`."""

    @property
    def key(self) -> Ed25519PrivateKey:
        """The private key."""
        ...

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes."""
        ...


class _Head(NamedTuple):
    etag: str | None
    checkpoint: Checkpoint | None
    tree: TileTree


class Log:
    """A log in a bucket. Nothing is read before the first call, nor is the key.

    Args:
        buckets: the port.
        bucket: name of the log's bucket, which has nothing else.
        signer: the log's key, from which its origin follows.
    """

    def __init__(self, buckets: Buckets, bucket: str, signer: LogKey) -> None:
        self._buckets, self._bucket, self._signer = buckets, bucket, signer
        self._known = _Head(None, None, TileTree(self._read, 0))
        self._trusted: dict[str, bytes] = {}  # partial tiles and the partial bundle, as verified or written

    @cached_property
    def verifier_key(self) -> VerifierKey:
        """The key that verifies checkpoints; its name is the log's origin."""
        return log_key(self._signer.public_key)

    @property
    def private_key(self) -> Ed25519PrivateKey:
        """The key that signs checkpoints, and cosigns those of other logs."""
        return self._signer.key

    def checkpoint(self) -> Checkpoint | None:
        """Return the published checkpoint; None if there is no journal.

        Raises:
            JournalError: it is damaged, of another log, or signed with another key.
            BucketError: it could not be read.
        """
        return self._head().checkpoint

    def published(self) -> tuple[Checkpoint | None, TileTree]:
        """Return the published checkpoint with its tree; exceptions as of `checkpoint`."""
        return self._head()[1:]

    def root_at(self, size: int) -> bytes:
        """Return the root of the first `size` entries.

        Raises:
            JournalError: the log is shorter, or damaged.
            BucketError: it could not be read.
        """
        return tree.root(size, self._reaching(size).subtree)

    def entries(self, first: int, end: int) -> Iterator[bytes]:
        """Yield the entries from `first` to `end`, each compared with the tree of the published checkpoint.

        Raises:
            JournalError: the log is shorter, or damaged.
            BucketError: it could not be read.
        """
        return self._reaching(end).entries(first, end)

    def append(self, first: int, entries: Sequence[bytes], *, now: datetime) -> Checkpoint:
        """Add entries at a position and publish a checkpoint; those that are there already are compared.

        Args:
            first: position of the first entry; the log must reach it.
            entries: at most 65,535 bytes each.
            now: the time, which the checkpoint states.

        Returns:
            a checkpoint whose tree has them: the published one if it had them all.

        Raises:
            ForkError: another entry is at one of the positions, or the log ends before `first`.
            JournalError: the log is damaged.
            BucketError: it could not be read or written.
        """
        for _ in range(_TRIES):
            head = self._head()
            rest = _continuation(head.tree, first, entries)
            if head.checkpoint and not rest:
                return head.checkpoint
            with suppress(PreconditionFailedError):  # another process has published a checkpoint
                return self._publish(head, rest, now)
        raise JournalError("Other processes append to this journal all the time.")

    def _reaching(self, size: int) -> TileTree:
        found = self._head().tree
        if size > found.size:
            raise JournalError(f"The journal has {found.size} entries, not {size}.")
        return found

    def _head(self) -> _Head:
        """Read the checkpoint, and the last tiles of its tree if it is another one than before."""
        found = self._buckets.get(self._bucket, CHECKPOINT)
        if (found.etag if found else None) == self._known.etag:
            return self._known
        self._trusted = {}
        checkpoint = checkpoints.parse(found.body, self.verifier_key) if found else None
        tile_tree = tree_of(checkpoint, self._read) if checkpoint else TileTree(self._read, 0)
        self._known = _Head(found.etag if found else None, checkpoint, tile_tree)
        return self._known

    def _publish(self, head: _Head, entries: Sequence[bytes], now: datetime) -> Checkpoint:
        partial, full = dict(head.tree.last_tiles()), set()
        for path, content in head.tree.extended(entries):
            self._write(path, content)
            if tiles.is_partial(path):
                partial[path] = content
            else:
                full.add(path)
        # What is signed comes from memory: the bucket may have other tiles by now than those that were verified.
        self._trusted = partial
        tile_tree = TileTree(self._read, head.tree.size + len(entries))
        name = self.verifier_key.name
        checkpoint = checkpoints.sign(name, tile_tree.size, tile_tree.root, key=self._signer.key, now=now)
        etag = self._put(CHECKPOINT, checkpoint.content, head.etag, "text/plain; charset=utf-8")
        self._known = _Head(etag, checkpoint, tile_tree)
        for path in full.intersection(head.tree.begun()):
            with suppress(BucketError):  # they only take space
                self._buckets.remove_below(self._bucket, f"{path}{tiles.PARTIAL}")
        return checkpoint

    def _write(self, path: str, content: bytes) -> None:
        """Write an object that no checkpoint speaks of yet; one that a crash has left is replaced."""
        try:
            self._put(path, content, None, _OCTETS)
        except PreconditionFailedError:
            left = self._buckets.get(self._bucket, path)
            if left is None or left.body != content:
                self._put(path, content, left.etag if left else None, _OCTETS)

    def _put(self, path: str, content: bytes, etag: str | None, content_type: str) -> str:
        return self._buckets.put(self._bucket, path, content, expected_etag=etag, content_type=content_type)

    def _read(self, path: str) -> bytes | None:
        if path in self._trusted:
            return self._trusted[path]
        found = self._buckets.get(self._bucket, path)
        return found.body if found else None


def tree_of(checkpoint: Checkpoint, read: Callable[[str], bytes | None]) -> TileTree:
    """Return the tree that a checkpoint signs; `read` returns what is at a path, or None.

    Raises:
        JournalError: the last tiles are others.
    """
    tile_tree = TileTree(read, checkpoint.size)
    if tile_tree.root != checkpoint.root:
        raise JournalError(
            f"The last tiles of the journal do not belong to its checkpoint of {checkpoint.size} entries."
        )
    return tile_tree


def log_key(public_key: bytes) -> VerifierKey:
    """Return the verifier key of a log; its origin contains the hash of the key, so that no two logs share one."""
    return VerifierKey(f"signet/{sha256(public_key).hexdigest()[:16]}", SIGNATURE, public_key)


def _continuation(known: TileTree, first: int, entries: Sequence[bytes]) -> Sequence[bytes]:
    """Return the entries that the tree does not have yet; those that it has must be the same."""
    if first > known.size:
        raise ForkError(f"The journal has {known.size} entries; those before entry {first} are missing.")
    end = min(known.size, first + len(entries))
    for index, entry in enumerate(known.entries(first, end), first):
        if entry != entries[index - first]:
            raise ForkError(f"The journal has another entry {index} than the one to be appended there.")
    return entries[end - first :]
