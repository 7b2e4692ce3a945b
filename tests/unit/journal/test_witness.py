"""A witness cosigns only what continues what it cosigned before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.journal import JournalError, checkpoints, notes
from chalicelib.journal.log import log_key
from chalicelib.journal.tile_tree import TileTree
from chalicelib.journal.witness import cosign, witness_key
from tests.support.builders import START
from tests.support.journals import entries

LOG, WITNESS, OTHER = (Ed25519PrivateKey.generate() for _ in range(3))
KEY = log_key(LOG.public_key().public_bytes_raw())
WITNESS_KEY = witness_key(WITNESS.public_key().public_bytes_raw())


def tree_of(content: list[bytes]) -> TileTree:
    return TileTree(dict(TileTree(lambda _: None, 0).extended(content)).get, len(content))


def cosigned(content: list[bytes], last: bytes | None = None, key: Ed25519PrivateKey = WITNESS) -> bytes:
    tile_tree = tree_of(content)
    checkpoint = checkpoints.sign(KEY.name, tile_tree.size, tile_tree.root, key=LOG, now=START)
    return cosign(checkpoint, tile_tree, last, log=KEY, key=key, now=START + timedelta(minutes=1))


def test_first_and_later_checkpoints_are_cosigned() -> None:
    first = cosigned(entries(0, 200))
    assert notes.cosigned_at(notes.parse(first), WITNESS_KEY) == START + timedelta(minutes=1)
    for size in (200, 256, 700):
        later = cosigned(entries(0, size), first)
        assert checkpoints.parse(later, KEY).size == size
        assert notes.cosigned_at(notes.parse(later), WITNESS_KEY) == START + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (entries(0, 199), "cut off"),
        ([*entries(0, 199), b"another"], "rewritten"),
        ([b"another", *entries(1, 300)], "rewritten"),
    ],
)
def test_another_history_is_not_cosigned(content: list[bytes], reason: str) -> None:
    with pytest.raises(JournalError, match=f"{reason}.*not cosigned"):
        cosigned(content, cosigned(entries(0, 200)))


def test_checkpoint_that_this_witness_has_not_cosigned_is_no_beginning() -> None:
    by_another = cosigned(entries(0, 200), key=OTHER)
    with pytest.raises(JournalError, match="not cosigned with this key"):
        cosigned(entries(0, 300), by_another)


def test_log_is_no_witness_of_itself() -> None:
    with pytest.raises(JournalError, match="no witness of itself"):
        cosigned(entries(0, 200), key=LOG)


def test_last_checkpoint_that_was_edited_is_refused() -> None:
    last = cosigned(entries(0, 200))
    with pytest.raises(JournalError):
        cosigned(entries(0, 300), last.replace(b"\n200\n", b"\n100\n"))
