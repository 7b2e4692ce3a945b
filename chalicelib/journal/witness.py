"""Cosigning a log's checkpoint once it is sure that it continues the last one. C2SP tlog-cosignature, tlog-witness.

A witness that is somebody else than the log's owner makes it evident if the owner shows different histories. It reads
the log's tiles, or a request with the proof that the log continues: the body of tlog-witness's `add-checkpoint`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING

from chalicelib.frozen import dataclass
from chalicelib.journal import JournalError, checkpoints, notes, tree, verification
from chalicelib.journal.log import log_key
from chalicelib.journal.notes import COSIGNATURE, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from chalicelib.journal.checkpoints import Checkpoint
    from chalicelib.journal.tile_tree import TileTree

_REQUEST = re.compile(
    r"old (?P<old>0|[1-9][0-9]{0,18})\n(?P<hashes>(?:[A-Za-z0-9+/=]{44}\n){0,63})\n(?P<checkpoint>.+)",
    re.ASCII | re.DOTALL,
)
_MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What a witness needs: a checkpoint, and the proof that its log begins with that of `old` entries."""

    old: int
    hashes: tuple[bytes, ...]
    checkpoint: Checkpoint

    def encode(self) -> bytes:
        """Return the file."""
        hashes = "".join(f"{b64encode(each).decode()}\n" for each in self.hashes)
        return f"old {self.old}\n{hashes}\n".encode() + self.checkpoint.content

    def contradiction(self, last: Checkpoint) -> str | None:
        """Return why the log is not proved to continue a checkpoint; None if it is."""
        new = self.checkpoint
        if self.old != last.size:
            return f"The request continues a checkpoint of {self.old} entries, and the last one had {last.size}."
        if last.size and not tree.is_consistent(last.size, last.root, new.size, new.root, self.hashes):
            return f"The journal is not proved to continue the last checkpoint of {last.size} entries."
        return None


def request(checkpoint: Checkpoint, tile_tree: TileTree, last: Checkpoint | None) -> Request:
    """Return the request to cosign a checkpoint.

    Args:
        checkpoint: of the tree.
        tile_tree: of the log.
        last: the checkpoint that the witness cosigned last; None: it has cosigned none.

    Raises:
        JournalError: the log does not continue it.
    """
    if last is None:
        return Request(0, (), checkpoint)
    found = verification.contradiction(tile_tree, last)
    if found:
        raise JournalError(found)
    return Request(last.size, tuple(tree.consistency_proof(last.size, checkpoint.size, tile_tree.subtree)), checkpoint)


def parse_request(content: bytes, log: VerifierKey) -> Request:
    """Read a request.

    Raises:
        JournalError: it is none, or its checkpoint is not signed by the log's key.
    """
    try:
        form = _REQUEST.fullmatch(content.decode()) if len(content) <= _MOST_BYTES else None
    except UnicodeDecodeError:
        form = None
    hashes = tuple(notes.decode_base64(line) for line in form["hashes"].split()) if form else ()
    if form is None:
        raise JournalError("This is neither a copy of a journal nor a request, as `signet log request` writes it.")
    return Request(int(form["old"]), hashes, checkpoints.parse(form["checkpoint"].encode(), log))


def witness_key(public_key: bytes) -> VerifierKey:
    """Return the verifier key of a witness; it has the name that a log with this key would have."""
    return VerifierKey(log_key(public_key).name, COSIGNATURE, public_key)


def cosign(
    checkpoint: Checkpoint,
    last: bytes | None,
    contradiction: Callable[[Checkpoint], str | None],
    *,
    log: VerifierKey,
    key: Ed25519PrivateKey,
    now: datetime,
) -> bytes:
    """Return a checkpoint with a cosignature.

    Args:
        checkpoint: of the log, verified.
        last: the checkpoint that this witness cosigned last; None: this is the first.
        contradiction: returns why the log does not continue a checkpoint, or None.
        log: the log's key.
        key: of the witness.
        now: the time, which the cosignature states.

    Raises:
        JournalError: the log does not continue the last checkpoint, the witness has not cosigned that, or is the log.
    """
    witness = witness_key(key.public_key().public_bytes_raw())
    if witness.public_key == log.public_key:
        raise JournalError("A log is no witness of itself: take the key of another home, or --key-file.")
    if last is not None:
        before = checkpoints.parse(last, log)
        if notes.cosigned_at(before.note, witness) is None:
            raise JournalError(f"The last checkpoint was not cosigned with this key, {witness.name}.")
        found = contradiction(before)
        if found:
            raise JournalError(f"{found} It is not cosigned.")
    return checkpoint.content + notes.cosign(checkpoint.note.text, witness.name, key, now).encode()
