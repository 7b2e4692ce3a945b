"""The Merkle tree of a log: hashes, roots and proofs. RFC 9162 section 2.1, with SHA-256.

A function that needs hashes of the tree takes `subtrees`: `subtrees(height, number)` returns the root of the complete
subtree over the entries `number * 2**height` to `(number + 1) * 2**height`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Subtrees = Callable[[int, int], bytes]

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry, 32 bytes."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node above two others, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a complete subtree; the number of hashes is a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def root(size: int, subtrees: Subtrees) -> bytes:
    """Return the root of the tree of the first `size` entries."""
    return _range_root(0, size, subtrees) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, subtrees: Subtrees) -> list[bytes]:
    """Return the hashes that lead from an entry to the root of the first `size` entries; 0 <= index < size."""
    proof, first, end = [], 0, size
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            proof.append(_range_root(middle, end, subtrees))
            end = middle
        else:
            proof.append(_range_root(first, middle, subtrees))
            first = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, subtrees: Subtrees) -> list[bytes]:
    """Return the hashes that show that a tree of `new` entries begins with that of its first `old`; 0 <= old <= new."""
    proof: list[bytes] = []
    first, end, whole = 0, new, True  # whole: the verifier has this part's root, as it is the old tree's
    while old and old != end:
        middle = first + _split(end - first)
        if old <= middle:
            proof.append(_range_root(middle, end, subtrees))
            end = middle
        else:
            proof.append(_range_root(first, middle, subtrees))
            first, whole = middle, False
    if not whole:
        proof.append(_range_root(first, end, subtrees))
    return proof[::-1]


def is_included(entry_hash: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """True if the proof leads from an entry's hash to the expected root. RFC 9162 section 2.1.3.2."""
    sides = _left_siblings(index, size - 1) if 0 <= index < size else None
    if sides is None or len(sides) != len(proof) or any(len(each) != HASH_BYTES for each in (entry_hash, *proof)):
        return False
    found = entry_hash
    for is_left, sibling in zip(sides, proof, strict=True):
        found = node_hash(sibling, found) if is_left else node_hash(found, sibling)
    return found == expected


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """True if the tree of `new` entries begins with that of `old` entries, at least one. RFC 9162 section 2.1.4.2."""
    if not 0 < old < new:
        return 0 < old == new and not proof and old_root == new_root
    # A complete old tree is a node of the new one, and its root the first hash.
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    sides = _left_siblings(number, last)
    if len(hashes) != len(sides) + 1 or any(len(each) != HASH_BYTES for each in hashes):
        return False
    old_found = new_found = hashes[0]
    for is_left, sibling in zip(sides, hashes[1:], strict=True):
        old_found = node_hash(sibling, old_found) if is_left else old_found
        new_found = node_hash(sibling, new_found) if is_left else node_hash(new_found, sibling)
    return (old_found, new_found) == (old_root, new_root)


def _left_siblings(number: int, last: int) -> list[bool]:
    """Tell of each sibling on the path from a node to the root if it is to the left.

    Args:
        number: of the node, at its height.
        last: number of the last node at this height.
    """
    sides: list[bool] = []
    while last:
        is_left = bool(number & 1) or number == last
        while is_left and number and not number & 1:  # the node has no sibling until here
            number, last = number >> 1, last >> 1
        sides.append(is_left)
        number, last = number >> 1, last >> 1
    return sides


def _split(length: int) -> int:
    """The largest power of two that is smaller than a length of at least 2."""
    return 1 << ((length - 1).bit_length() - 1)


def _range_root(first: int, end: int, subtrees: Subtrees) -> bytes:
    """Root of the entries from `first` to `end`, as RFC 9162 splits a tree: `first` is a multiple of each part."""
    length = end - first
    if length & (length - 1) == 0:
        height = length.bit_length() - 1
        return subtrees(height, first >> height)
    middle = first + _split(length)
    return node_hash(_range_root(first, middle, subtrees), _range_root(middle, end, subtrees))
