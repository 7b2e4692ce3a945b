"""Cosigning a log's checkpoint once it is sure that it continues the last one. C2SP tlog-cosignature.

A witness that is somebody else than the log's owner makes it evident if the owner shows different histories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.journal import JournalError, checkpoints, notes, verification
from chalicelib.journal.log import log_key
from chalicelib.journal.notes import COSIGNATURE, VerifierKey

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from chalicelib.journal.checkpoints import Checkpoint
    from chalicelib.journal.tile_tree import TileTree


def witness_key(public_key: bytes) -> VerifierKey:
    """Return the verifier key of a witness; it has the name that a log with this key would have."""
    return VerifierKey(log_key(public_key).name, COSIGNATURE, public_key)


def cosign(
    checkpoint: Checkpoint,
    tile_tree: TileTree,
    last: bytes | None,
    *,
    log: VerifierKey,
    key: Ed25519PrivateKey,
    now: datetime,
) -> bytes:
    """Return a checkpoint with a cosignature.

    Args:
        checkpoint: of the log, verified.
        tile_tree: its tree, with hashes of the log's tiles.
        last: the checkpoint that this witness cosigned last; None: this is the first.
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
        found = verification.contradiction(tile_tree, before)
        if found:
            raise JournalError(f"{found} It is not cosigned.")
    return checkpoint.content + notes.cosign(checkpoint.note.text, witness.name, key, now).encode()
