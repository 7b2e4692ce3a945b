"""The entry of a certificate is found by its serial number, wherever it is, and near its time without reading all."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.journal import JournalError, checkpoints, issuances, proofs
from chalicelib.journal.log import log_key
from chalicelib.journal.tile_tree import TileTree
from chalicelib.store.journal_entries import packed
from tests.support.builders import START
from tests.support.journals import entry

KEY = Ed25519PrivateKey.generate()
VERIFIER = log_key(KEY.public_key().public_bytes_raw())
SIZE = 5000


def serial(number: int) -> str:
    return f"{number * 7919 + 2**127:032x}"


def issued(number: int, **changes: Any) -> bytes:
    """An entry of a certificate that was issued so many seconds after the start."""
    said = {
        "v": 1,
        "kind": "issued",
        "ca": f"ca-{number % 3}",
        "serial": serial(number),
        "sha256": packed(sha256(b"%d" % number).digest()),
        "at": int((START + timedelta(seconds=number)).timestamp()) * 1_000_000,
        **changes,
    }
    return json.dumps(said, separators=(",", ":")).encode()


class Counted(dict[str, bytes]):
    """Objects that note what is read."""

    bundles: set[str]

    def get(self, key: str, default: Any = None) -> Any:
        if "entries" in key:
            self.bundles.add(key)
        return super().get(key, default)


CONTENT = [issued(number) if number % 2 else entry(number) for number in range(SIZE)]
OBJECTS = Counted(TileTree(lambda _: None, 0).extended(CONTENT))


@pytest.fixture
def tile_tree() -> TileTree:
    OBJECTS.bundles = set()
    return TileTree(OBJECTS.get, SIZE)


@pytest.mark.parametrize("number", [1, 255, 257, 2501, 4999])
def test_entry_is_found_near_its_time(tile_tree: TileTree, number: int) -> None:
    at = START + timedelta(seconds=number)
    found = issuances.find(tile_tree, serial(number), ca_id=f"ca-{number % 3}", at=at)
    assert found == (number, CONTENT[number])
    assert len(OBJECTS.bundles) <= 8  # of 20


@pytest.mark.parametrize("number", [1, 2501, 4999])
def test_entry_is_found_though_its_time_is_unknown_or_wrong(tile_tree: TileTree, number: int) -> None:
    assert issuances.find(tile_tree, serial(number)) == (number, CONTENT[number])
    for at in (START - timedelta(days=1), START + timedelta(days=99)):
        assert issuances.find(tile_tree, serial(number), at=at) == (number, CONTENT[number])


def test_what_is_missing_is_not_found(tile_tree: TileTree) -> None:
    assert issuances.find(tile_tree, serial(2)) is None
    assert issuances.find(tile_tree, serial(1), ca_id="ca-2") is None
    assert issuances.find(TileTree(lambda _: None, 0), serial(1)) is None


def test_search_is_bounded(tile_tree: TileTree) -> None:
    assert issuances.find(tile_tree, serial(4999), at=START, most=3) is None
    assert len(OBJECTS.bundles) <= 3 + 6  # and those that bisection read
    assert issuances.find(tile_tree, serial(4999), at=START, most=20) is not None


def test_entry_that_only_names_the_serial_number_is_not_taken() -> None:
    content = [issued(1, kind="reserved"), issued(2, note=serial(1)), issued(1)]
    objects = dict(TileTree(lambda _: None, 0).extended(content))
    assert issuances.find(TileTree(objects.get, 3), serial(1)) == (2, content[2])


def test_entry_is_proved_in_an_older_tree(tile_tree: TileTree) -> None:
    found = issuances.Issuance(257, CONTENT[257])
    for size in (258, 512, SIZE):
        checkpoint = checkpoints.sign(VERIFIER.name, size, tile_tree_root(tile_tree, size), key=KEY, now=START)
        proof = issuances.prove(tile_tree, found, checkpoint, VERIFIER)
        assert proofs.verify(proof, VERIFIER)[0] == checkpoint


def tile_tree_root(tile_tree: TileTree, size: int) -> bytes:
    return TileTree(dict(TileTree(lambda _: None, 0).extended(list(tile_tree.entries(0, size)))).get, size).root


def test_entry_is_not_proved_by_a_checkpoint_that_cannot_have_it(tile_tree: TileTree) -> None:
    found = issuances.Issuance(257, CONTENT[257])
    early = checkpoints.sign(VERIFIER.name, 257, tile_tree_root(tile_tree, 257), key=KEY, now=START)
    with pytest.raises(JournalError, match="has 257 entries"):
        issuances.prove(tile_tree, found, early, VERIFIER)
    other = checkpoints.sign(VERIFIER.name, 300, bytes(32), key=KEY, now=START)
    with pytest.raises(JournalError, match="not of this journal"):
        issuances.prove(tile_tree, found, other, VERIFIER)


def test_entry_is_compared_with_a_certificate() -> None:
    assert issuances.is_of(CONTENT[1], b"1")
    assert not issuances.is_of(CONTENT[1], b"2")
    assert not issuances.is_of(issued(1, kind="reserved"), b"1")
