"""Checkpoints: the signed size and root of a log. C2SP tlog-checkpoint, without extension lines.

The log signs each one twice with its key: as a log, and with the time as a cosignature, so that its age can be told.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING

from chalicelib.frozen import dataclass
from chalicelib.journal import JournalError, notes
from chalicelib.journal.notes import COSIGNATURE, SIGNATURE, Note, VerifierKey

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log has signed.

    Attributes:
        origin: names the log.
        size: number of entries.
        root: of the tree, 32 bytes.
        content: the signed note as published.
        at: when the log signed it; None if it does not say.
    """

    origin: str
    size: int
    root: bytes
    content: bytes
    at: datetime | None

    @property
    def note(self) -> Note:
        """The parsed note."""
        return notes.parse(self.content)


def sign(origin: str, size: int, root: bytes, *, key: Ed25519PrivateKey, now: datetime) -> Checkpoint:
    """Return a signed checkpoint; the key's name is the origin."""
    text = f"{origin}\n{size}\n{b64encode(root).decode()}\n"
    content = f"{text}\n{notes.sign(text, origin, key)}{notes.cosign(text, origin, key, now)}".encode()
    return Checkpoint(origin=origin, size=size, root=root, content=content, at=now.replace(microsecond=0))


def parse(content: bytes, key: VerifierKey) -> Checkpoint:
    """Read a checkpoint that the owner of a key has signed.

    Args:
        content: the signed note.
        key: of the log, whose name is the log's origin.

    Raises:
        JournalError: it is not a checkpoint, is of another log, or is not signed with this key.
    """
    note = notes.parse(content)
    lines = note.text.split("\n")
    root = notes.decode_base64(lines[2]) if len(lines) == 4 else b""
    if len(root) != 32 or not _SIZE.fullmatch(lines[1]):
        raise JournalError("This is not a checkpoint of a log.")
    if lines[0] != key.name:
        raise JournalError(f"The checkpoint is of another log, '{lines[0][:100]}', and not of '{key.name}'.")
    if key.kind != SIGNATURE or not notes.is_signed(note, key):
        raise JournalError(f"The checkpoint of '{key.name}' is not signed with the key of this log.")
    at = notes.cosigned_at(note, VerifierKey(key.name, COSIGNATURE, key.public_key))
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root, content=content, at=at)
