"""Proofs that an entry is in a log, which verify offline. C2SP tlog-proof.

The extra data of a proof is the verifier key that its log claims, a line feed, and the entry. Nothing vouches for the
key: whoever checks the proof has it from elsewhere.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING

from chalicelib.frozen import dataclass
from chalicelib.journal import JournalError, checkpoints, notes, tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.journal.checkpoints import Checkpoint
    from chalicelib.journal.notes import VerifierKey

_HEADER = "c2sp.org/tlog-proof@v1"
_FORM = re.compile(
    rf"{re.escape(_HEADER)}\nextra (?P<extra>[A-Za-z0-9+/=]+)\nindex (?P<index>0|[1-9][0-9]{{0,18}})\n"
    r"(?P<hashes>(?:[A-Za-z0-9+/=]{44}\n){0,63})\n(?P<checkpoint>.+)",
    re.ASCII | re.DOTALL,
)
_MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof as written; `verify` verifies it.

    Attributes:
        entry: the entry.
        index: its position in the log.
        hashes: from the sibling of the entry's hash to the child of the root.
        checkpoint: signed note of a tree that has the entry.
        claimed_key: the verifier key of the log, as the proof says.
    """

    entry: bytes
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    claimed_key: str

    def encode(self) -> bytes:
        """Return the file."""
        extra = b64encode(self.claimed_key.encode() + b"\n" + self.entry).decode()
        hashes = "".join(f"{b64encode(each).decode()}\n" for each in self.hashes)
        return f"{_HEADER}\nextra {extra}\nindex {self.index}\n{hashes}\n".encode() + self.checkpoint


def parse(content: bytes) -> Proof:
    """Read a file.

    Raises:
        JournalError: it is no proof.
    """
    try:
        form = _FORM.fullmatch(content.decode()) if len(content) <= _MOST_BYTES else None
    except UnicodeDecodeError:
        form = None
    claimed, line_feed, entry = notes.decode_base64(form["extra"]).partition(b"\n") if form else (b"", b"", b"")
    hashes = tuple(notes.decode_base64(line) for line in form["hashes"].split()) if form else ()
    if form is None or not line_feed or not claimed.isascii() or any(len(each) != tree.HASH_BYTES for each in hashes):
        raise JournalError("This is no proof of an entry, as `signet log prove` writes it.")
    return Proof(
        entry=entry,
        index=int(form["index"]),
        hashes=hashes,
        checkpoint=form["checkpoint"].encode(),
        claimed_key=claimed.decode(),
    )


def verify(proof: Proof, key: VerifierKey, witnesses: Sequence[VerifierKey] = ()) -> tuple[Checkpoint, list[datetime]]:
    """Verify that the entry is in the log of a key.

    Args:
        proof: as read.
        key: of the log.
        witnesses: keys of which each must have cosigned the checkpoint.

    Returns:
        the checkpoint, and when each witness cosigned it.

    Raises:
        JournalError: it is not proved; the text says why.
    """
    checkpoint = checkpoints.parse(proof.checkpoint, key)
    times = []
    for witness in witnesses:
        if witness.public_key == key.public_key:
            raise JournalError("The log's own key is no witness.")
        at = notes.cosigned_at(checkpoint.note, witness)
        if at is None:
            raise JournalError(f"The witness {witness.name} has not cosigned the checkpoint of this proof.")
        times.append(at)
    entry_hash = tree.leaf_hash(proof.entry)
    if not tree.is_included(entry_hash, proof.index, checkpoint.size, proof.hashes, checkpoint.root):
        raise JournalError(f"The proof does not lead from the entry to the checkpoint of {checkpoint.size} entries.")
    return checkpoint, times
