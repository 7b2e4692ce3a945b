"""The journal: an append-only, signed log of everything that must not be forgotten, apart from the database.

It is a C2SP tiled log (tlog-tiles) in a bucket: entry bundles, tiles of hashes, and a signed checkpoint. Here are the
Merkle tree, the encodings, signed notes and proofs, all of them pure, and `log.Log`, which appends and reads.
"""

from __future__ import annotations


class JournalError(Exception):
    """The journal is damaged, is signed by another key, or cannot be understood; the text names what is wrong."""


class ForkError(JournalError):
    """What is to be appended does not continue the journal: entries are missing in it, or are others."""
