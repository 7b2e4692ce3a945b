"""Paths and encodings of tiles and entry bundles. C2SP tlog-tiles.

A tile at level 0 has the hashes of up to 256 entries; one at a higher level has the roots of up to 256 full tiles of
the level below. A bundle has the entries themselves, in the same numbers as the tiles of level 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.journal import JournalError
from chalicelib.journal.tree import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

HEIGHT = 8
WIDTH = 1 << HEIGHT
PARTIAL = ".p"  # follows the path of a full tile in those of its partial ones
MOST_ENTRY_BYTES = 0xFFFF


def tile_path(level: int, number: int, width: int) -> str:
    """Return the path of a tile with so many hashes; one with fewer than 256 is partial."""
    return _path(str(level), number, width)


def bundle_path(number: int, width: int) -> str:
    """Return the path of a bundle with so many entries."""
    return _path("entries", number, width)


def is_partial(path: str) -> bool:
    """True if the path is that of a partial tile or bundle."""
    return f"{PARTIAL}/" in path


def width_of(level: int, number: int, size: int) -> int:
    """Return how many hashes a tile has in a tree of `size` entries: 256 if it is full, 0 if there is none."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - WIDTH * number))


def levels_of(size: int) -> range:
    """Return the levels of a tree's tiles."""
    return range((size.bit_length() + HEIGHT - 1) // HEIGHT)


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return a bundle: each entry after its length as two bytes.

    Raises:
        JournalError: an entry is longer than 65,535 bytes.
    """
    parts = []
    for entry in entries:
        if len(entry) > MOST_ENTRY_BYTES:
            raise JournalError(f"An entry of the journal has {len(entry)} bytes; the most are {MOST_ENTRY_BYTES}.")
        parts += [len(entry).to_bytes(2), entry]
    return b"".join(parts)


def decode_bundle(bundle: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        JournalError: it is not a bundle.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(bundle):
        if len(entries) == WIDTH:
            raise JournalError(f"A bundle of the journal has more than {WIDTH} entries.")
        end = at + 2 + int.from_bytes(bundle[at : at + 2])
        if at + 2 > len(bundle) or end > len(bundle):
            raise JournalError("A bundle of the journal ends within an entry.")
        entries.append(bundle[at + 2 : end])
        at = end
    return entries


def decode_tile(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile.

    Raises:
        JournalError: it is not a tile.
    """
    if len(tile) % HASH_BYTES or len(tile) > WIDTH * HASH_BYTES:
        raise JournalError(f"A tile of the journal has {len(tile)} bytes.")
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def _path(kind: str, number: int, width: int) -> str:
    digits = f"{number:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    *above, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    parts = ["tile", kind, *(f"x{part}" for part in above), last]
    return "/".join(parts) + (f"{PARTIAL}/{width}" if width < WIDTH else "")
