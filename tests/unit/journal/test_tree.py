"""Roots and proofs of Merkle trees: against RFC 9162's definitions, and test vectors of transparency-dev."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.journal import tree

if TYPE_CHECKING:
    from collections.abc import Sequence

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "merkle_vectors.json").read_text())
# The reference tree of Certificate Transparency: its entries, and its root after each of them (github.com/google/
# certificate-transparency, cpp/merkletree/merkle_tree_test.cc).
ENTRIES = [
    *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
MOST = 70  # entries of the trees below: 64 and 5 more
HASHES = [tree.leaf_hash(bytes([number])) for number in range(MOST)]


def mth(hashes: Sequence[bytes]) -> bytes:
    """MTH as RFC 9162 section 2.1.1 defines it."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256().digest()
    split = max(2**power for power in range(8) if 2**power < len(hashes))
    return sha256(b"\1" + mth(hashes[:split]) + mth(hashes[split:])).digest()


def subtree(height: int, number: int) -> bytes:
    return tree.complete_root(HASHES[number << height : (number + 1) << height])


def test_reference_tree_has_its_roots() -> None:
    hashes = [tree.leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES]

    def subtree(height: int, number: int) -> bytes:
        return tree.complete_root(hashes[number << height : (number + 1) << height])

    assert [tree.root(size, subtree).hex() for size in range(1, 9)] == ROOTS


def test_roots_are_as_defined() -> None:
    assert [tree.root(size, subtree) for size in range(MOST)] == [mth(HASHES[:size]) for size in range(MOST)]


def test_each_entry_is_proved_in_each_tree_and_nowhere_else() -> None:
    for size in range(1, MOST):
        root = tree.root(size, subtree)
        for index in range(size):
            proof = tree.inclusion_proof(index, size, subtree)
            assert tree.is_included(HASHES[index], index, size, proof, root)
            assert not tree.is_included(HASHES[index - 1], index, size, proof, root) or size == 1
            assert not tree.is_included(HASHES[index], (index + 1) % size, size, proof, root) or size == 1
            assert not tree.is_included(HASHES[index], index, size, [*proof, root], root)
            assert not proof or not tree.is_included(HASHES[index], index, size, proof[:-1], root)


def test_each_tree_is_consistent_with_each_later_one_and_no_other() -> None:
    for new in range(1, MOST):
        new_root = tree.root(new, subtree)
        for old in range(1, new + 1):
            old_root, proof = tree.root(old, subtree), tree.consistency_proof(old, new, subtree)
            assert tree.is_consistent(old, old_root, new, new_root, proof), (old, new)
            assert not tree.is_consistent(old, b"?" * 32, new, new_root, proof), (old, new)
            assert not tree.is_consistent(old, old_root, new, b"?" * 32, proof), (old, new)
            assert not tree.is_consistent(old, old_root, new, new_root, [*proof, new_root]), (old, new)
            assert not proof or not tree.is_consistent(old, old_root, new, new_root, proof[:-1]), (old, new)


def test_nothing_has_to_be_proved_about_the_empty_tree() -> None:
    assert tree.consistency_proof(0, 7, subtree) == []
    assert tree.consistency_proof(7, 7, subtree) == []


@pytest.mark.parametrize("name", VECTORS["inclusion"])
def test_inclusion_is_judged_as_by_transparency_dev(name: str) -> None:
    index, size, root, entry_hash, proof, is_wrong = VECTORS["inclusion"][name]
    hashes = [b64decode(each) for each in proof or []]
    assert tree.is_included(b64decode(entry_hash or ""), index, size, hashes, b64decode(root or "")) is not is_wrong


@pytest.mark.parametrize("name", VECTORS["consistency"])
def test_consistency_is_judged_as_by_transparency_dev(name: str) -> None:
    old, new, old_root, new_root, proof, is_wrong = VECTORS["consistency"][name]
    hashes = [b64decode(each) for each in proof or []]
    assert tree.is_consistent(old, b64decode(old_root or ""), new, b64decode(new_root or ""), hashes) is not is_wrong
