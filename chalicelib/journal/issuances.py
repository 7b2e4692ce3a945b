"""Finding the entry that says which certificate was issued under a serial number."""

from __future__ import annotations

import re
from bisect import bisect_right
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.journal import JournalError, tree
from chalicelib.journal.proofs import Proof
from chalicelib.journal.tiles import WIDTH
from chalicelib.store import journal_entries

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.journal.checkpoints import Checkpoint
    from chalicelib.journal.notes import VerifierKey
    from chalicelib.journal.tile_tree import TileTree

_ISSUED = re.compile(rb'"kind":"issued".*"at":([0-9]{1,17})')


class Issuance(NamedTuple):
    """The entry of an issuance and its position."""

    position: int
    entry: bytes


def find(
    tile_tree: TileTree,
    serial: str,
    *,
    ca_id: str | None = None,
    at: datetime | None = None,
    most: int | None = None,
) -> Issuance | None:
    """Find the entry of a certificate's issuance; None if there is none.

    Entries are nearly in the order of time, so the search goes from the bundle of that time outward.

    Args:
        tile_tree: of the journal.
        serial: as `arn.serial_hex` writes it.
        ca_id: of its CA; None: of any CA.
        at: when it was issued; None: the search begins with the newest entries.
        most: bundles that are searched; None: all.
    """
    bundles = range(-(-tile_tree.size // WIDTH))
    middle = len(bundles)
    if at is not None:
        microseconds = int(at.timestamp() * 1_000_000)
        middle = bisect_right(bundles, microseconds, key=lambda number: _time_of(tile_tree.bundle(number)))
    for number in sorted(bundles, key=lambda number: abs(2 * number + 1 - 2 * middle))[:most]:
        for position, entry in enumerate(tile_tree.bundle(number), number * WIDTH):
            if serial.encode() in entry and _is_issued(entry, serial, ca_id):
                return Issuance(position, entry)
    return None


def prove(tile_tree: TileTree, issuance: Issuance, checkpoint: Checkpoint, key: VerifierKey) -> Proof:
    """Return the proof that an entry is in the tree of a checkpoint, which may be smaller than that of the tiles.

    Raises:
        JournalError: the checkpoint has not got so far, or is not of this log.
    """
    if issuance.position >= checkpoint.size:
        raise JournalError(f"The checkpoint has {checkpoint.size} entries, and this is entry {issuance.position}.")
    if tree.root(checkpoint.size, tile_tree.subtree) != checkpoint.root:
        raise JournalError("The checkpoint is not of this journal.")
    return Proof(
        entry=issuance.entry,
        index=issuance.position,
        hashes=tuple(tree.inclusion_proof(issuance.position, checkpoint.size, tile_tree.subtree)),
        checkpoint=checkpoint.content,
        claimed_key=str(key),
    )


def is_of(entry: bytes, certificate_der: bytes) -> bool:
    """True if the entry says that this certificate was issued."""
    said = journal_entries.decode(entry)
    return bool(said["kind"] == "issued") and said["sha256"] == journal_entries.packed(sha256(certificate_der).digest())


def _time_of(bundle: list[bytes]) -> int:
    """When the first certificate of a bundle was issued; 0 if there is none."""
    return next((int(match[1]) for match in map(_ISSUED.search, bundle) if match), 0)


def _is_issued(entry: bytes, serial: str, ca_id: str | None) -> bool:
    said = journal_entries.decode(entry)
    return bool(said["kind"] == "issued" and said["serial"] == serial) and ca_id in {None, said["ca"]}
