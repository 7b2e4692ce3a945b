"""A witness cosigns only what continues what it cosigned before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.journal import JournalError, checkpoints, notes, tree, verification, witness
from chalicelib.journal.checkpoints import Checkpoint
from chalicelib.journal.log import log_key
from chalicelib.journal.tile_tree import TileTree
from chalicelib.journal.witness import Request, cosign, parse_request, witness_key
from tests.support.builders import START
from tests.support.journals import entries

Evidence = Callable[[list[bytes], bytes | None], Callable[[Checkpoint], str | None]]
LOG, WITNESS, OTHER = (Ed25519PrivateKey.generate() for _ in range(3))
KEY = log_key(LOG.public_key().public_bytes_raw())
WITNESS_KEY = witness_key(WITNESS.public_key().public_bytes_raw())


def tree_of(content: list[bytes]) -> TileTree:
    return TileTree(dict(TileTree(lambda _: None, 0).extended(content)).get, len(content))


def signed(content: list[bytes]) -> Checkpoint:
    return checkpoints.sign(KEY.name, len(content), tree_of(content).root, key=LOG, now=START)


def by_tiles(content: list[bytes], last: bytes | None) -> Callable[[Checkpoint], str | None]:
    """The witness has a copy of the log."""
    return partial(verification.contradiction, tree_of(content))


def by_request(content: list[bytes], last: bytes | None) -> Callable[[Checkpoint], str | None]:
    """The witness has a request, in which the owner claims what the tiles give."""
    size = checkpoints.parse(last, KEY).size if last else 0
    hashes = tree.consistency_proof(size, len(content), tree_of(content).subtree) if size <= len(content) else []
    made = Request(size, tuple(hashes), signed(content))
    return parse_request(made.encode(), KEY).contradiction


@pytest.fixture(params=[by_tiles, by_request])
def evidence(request: pytest.FixtureRequest) -> Evidence:
    found: Evidence = request.param
    return found


def cosigned(
    content: list[bytes], last: bytes | None = None, key: Ed25519PrivateKey = WITNESS, evidence: Evidence = by_tiles
) -> bytes:
    now = START + timedelta(minutes=1)
    return cosign(signed(content), last, evidence(content, last), log=KEY, key=key, now=now)


def test_first_and_later_checkpoints_are_cosigned(evidence: Evidence) -> None:
    first = cosigned(entries(0, 200), evidence=evidence)
    assert notes.cosigned_at(notes.parse(first), WITNESS_KEY) == START + timedelta(minutes=1)
    for size in (200, 256, 700):
        later = cosigned(entries(0, size), first, evidence=evidence)
        assert checkpoints.parse(later, KEY).size == size
        assert notes.cosigned_at(notes.parse(later), WITNESS_KEY) == START + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (entries(0, 199), r"cut off|not proved"),
        ([*entries(0, 199), b"another"], r"rewritten|not proved"),
        ([b"another", *entries(1, 300)], r"rewritten|not proved"),
        (entries(0, 0), r"cut off|not proved"),
    ],
)
def test_another_history_is_not_cosigned(content: list[bytes], reason: str, evidence: Evidence) -> None:
    with pytest.raises(JournalError, match=f"({reason}).*not cosigned"):
        cosigned(content, cosigned(entries(0, 200)), evidence=evidence)


def test_request_must_continue_the_last_checkpoint() -> None:
    """A proof from an older checkpoint, or from none, says nothing of the last one."""
    last = checkpoints.parse(cosigned(entries(0, 200)), KEY)
    content = entries(0, 300)
    for old in (None, signed(entries(0, 100))):
        made = witness.request(signed(content), tree_of(content), old)
        assert "and the last one had 200" in str(parse_request(made.encode(), KEY).contradiction(last))
    made = witness.request(signed(content), tree_of(content), last)
    assert parse_request(made.encode(), KEY) == made
    assert made.contradiction(last) is None
    assert replace(made, hashes=made.hashes[:-1]).contradiction(last)


def test_request_is_not_made_for_another_history() -> None:
    with pytest.raises(JournalError, match="rewritten"):
        witness.request(signed(entries(1, 300)), tree_of(entries(1, 300)), signed(entries(0, 200)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"old 0\n\n",
        b"old 00\n\n" + signed(entries(0, 3)).content,
        b"old -1\n\n" + signed(entries(0, 3)).content,
        b"old 0\n" + signed(entries(0, 3)).content,
        b"old 1\n" + b"A" * 43 + b"=\n" * 64 + b"\n" + signed(entries(0, 3)).content,
        b"old 0\n\n" + signed(entries(0, 3)).content + b" " * 300_000,
    ],
)
def test_other_files_are_no_requests(content: bytes) -> None:
    with pytest.raises(JournalError, match="neither a copy"):
        parse_request(content, KEY)


def test_request_has_the_form_of_the_specification() -> None:
    last, content = signed(entries(0, 3)), entries(0, 5)
    lines = witness.request(signed(content), tree_of(content), last).encode().decode().split("\n")
    assert lines[0] == "old 3"
    assert [len(line) for line in lines[1:5]] == [44] * 4  # a log of 5 that continues one of 3: RFC 9162 section 2.1.5
    assert lines[5:7] == ["", KEY.name]
    first = witness.request(signed(content), tree_of(content), None).encode()
    assert first == b"old 0\n\n" + signed(content).content


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
