"""A log in a bucket keeps what is appended, in order, and tells when anything else is there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.buckets import BucketError
from chalicelib.buckets.directory import DirectoryBuckets
from chalicelib.journal import ForkError, JournalError, checkpoints
from chalicelib.journal.log import CHECKPOINT, Log
from chalicelib.journal.tile_tree import TileTree
from tests.support.builders import START
from tests.support.journals import BUCKET, FixedKey, entries, entry, root_of
from tests.support.ports import Port, fail

if TYPE_CHECKING:
    from pathlib import Path


def put(buckets: Any, path: str, content: bytes) -> None:
    there = buckets.get(BUCKET, path)
    etag = there.etag if there else None
    buckets.put(BUCKET, path, content, expected_etag=etag, content_type="application/octet-stream")


def content(buckets: Any, path: str) -> bytes:
    there = buckets.get(BUCKET, path)
    assert there is not None, path
    return bytes(there.body)


def test_there_is_no_journal_before_the_first_append(log: Log) -> None:
    assert log.checkpoint() is None
    assert list(log.entries(0, 0)) == []
    assert log.root_at(0) == root_of([])


def test_appended_entries_are_read_back(log: Log, buckets: Any, signer: FixedKey) -> None:
    size = 0
    for batch in (1, 2, 252, 1, 1, 255, 300, 0):
        checkpoint = log.append(size, entries(size, size + batch), now=START)
        size += batch
        assert (checkpoint.size, checkpoint.root) == (size, root_of(entries(0, size)))
    for reader in (log, Log(buckets, BUCKET, signer)):
        assert reader.checkpoint() == checkpoint
        assert list(reader.entries(0, size)) == entries(0, size)
        assert list(reader.entries(255, 513)) == entries(255, 513)
        assert [reader.root_at(each) for each in (1, 255, 256, 257, 600)] == [
            root_of(entries(0, each)) for each in (1, 255, 256, 257, 600)
        ]


def test_checkpoint_says_when_it_was_signed(log: Log, signer: FixedKey, buckets: Any) -> None:
    log.append(0, entries(0, 3), now=START + timedelta(seconds=7))
    published = checkpoints.parse(content(buckets, CHECKPOINT), log.verifier_key)
    assert published.at == START + timedelta(seconds=7)


def test_repeated_entries_change_nothing(log: Log, buckets: Any, signer: FixedKey) -> None:
    first = log.append(0, entries(0, 300), now=START)
    again = Log(buckets, BUCKET, signer)
    assert again.append(250, entries(250, 300), now=START) == first
    assert again.append(250, entries(250, 310), now=START).root == root_of(entries(0, 310))


def test_another_entry_at_a_position_is_refused(log: Log) -> None:
    before = log.append(0, entries(0, 300), now=START)
    with pytest.raises(ForkError, match="another entry 299"):
        log.append(298, [entry(298), b"another", entry(300)], now=START)
    assert log.checkpoint() == before


def test_entries_after_a_gap_are_refused(log: Log) -> None:
    log.append(0, entries(0, 5), now=START)
    with pytest.raises(ForkError, match="before entry 6 are missing"):
        log.append(6, entries(6, 7), now=START)


def test_two_processes_that_append_the_same_agree(buckets: Any, signer: FixedKey) -> None:
    one, other = (Log(buckets, BUCKET, signer) for _ in range(2))
    for first in range(0, 40, 10):
        ours = one.append(first, entries(first, first + 10), now=START)
        assert other.append(first, entries(first, first + 10), now=START) == ours
        one, other = other, one


def test_process_that_lost_the_race_continues_after_the_winner(buckets: Any, signer: FixedKey) -> None:
    winner = Log(buckets, BUCKET, signer)

    def put_after_the_winner(bucket: str, key: str, body: bytes, **rest: Any) -> str:
        if key == CHECKPOINT and winner.checkpoint() is None:
            winner.append(0, entries(0, 4), now=START)
        return str(buckets.put(bucket, key, body, **rest))

    loser = Log(Port(buckets, put=put_after_the_winner), BUCKET, signer)
    assert loser.append(0, entries(0, 6), now=START).root == root_of(entries(0, 6))
    assert winner.append(6, entries(6, 9), now=START).root == root_of(entries(0, 9))


def test_append_that_died_anywhere_is_repeated(tmp_path: Path, signer: FixedKey) -> None:
    """Death before and after each put; the next process appends the same and more."""
    for death in range(100):
        buckets = DirectoryBuckets(tmp_path / str(death), base_url="")
        Log(buckets, BUCKET, signer).append(0, entries(0, 250), now=START)
        puts = iter(range(100))

        def put(*args: Any, dies_at: int = death, puts: Any = puts, inner: Any = buckets, **rest: Any) -> str:
            if next(puts) == dies_at // 2:
                if dies_at % 2:
                    inner.put(*args, **rest)
                raise BucketError("the process has died")
            return str(inner.put(*args, **rest))

        died = True
        try:
            Log(Port(buckets, put=put), BUCKET, signer).append(250, entries(250, 270), now=START)
            died = False
        except BucketError:
            pass
        survivor = Log(buckets, BUCKET, signer)
        found = survivor.checkpoint()
        assert found is not None
        assert found.root == root_of(entries(0, found.size))
        assert survivor.append(250, entries(250, 290), now=START).root == root_of(entries(0, 290))
        assert list(Log(buckets, BUCKET, signer).entries(0, 290)) == entries(0, 290)
        if not died:
            break
    assert death >= 10


def test_leftover_of_another_append_is_replaced(log: Log, buckets: Any) -> None:
    log.append(0, entries(0, 255), now=START)
    for path in ("tile/entries/000", "tile/0/000", "tile/1/000.p/1", "tile/0/001.p/4"):
        put(buckets, path, b"left by a process whose entries nobody has signed")
    assert log.append(255, entries(255, 260), now=START).root == root_of(entries(0, 260))
    assert list(log.entries(0, 260)) == entries(0, 260)


def test_partial_tiles_make_room_for_the_full_one(log: Log, buckets: Any, signer: FixedKey) -> None:
    for size in range(250, 260):
        log.append(size if size > 250 else 0, entries(size if size > 250 else 0, size + 1), now=START)
    for path in ("tile/0/000", "tile/entries/000"):
        assert buckets.get(BUCKET, path) is not None
        assert [width for width in range(251, 256) if buckets.get(BUCKET, f"{path}.p/{width}")] == []
    assert buckets.get(BUCKET, "tile/0/001.p/4") is not None
    assert list(Log(buckets, BUCKET, signer).entries(0, 260)) == entries(0, 260)


def test_reader_of_an_older_checkpoint_finds_the_full_tiles(log: Log, buckets: Any, signer: FixedKey) -> None:
    log.append(0, entries(0, 200), now=START)
    reader = Log(buckets, BUCKET, signer)
    _, old = reader.published()
    log.append(200, entries(200, 300), now=START)
    assert buckets.get(BUCKET, "tile/entries/000.p/200") is None
    assert list(old.entries(0, 200)) == entries(0, 200)


def test_partial_tiles_that_cannot_be_removed_stay(log: Log, buckets: Any, signer: FixedKey) -> None:
    log.append(0, entries(0, 200), now=START)
    kept = Log(Port(buckets, remove_below=fail(BucketError("denied"))), BUCKET, signer)
    assert kept.append(200, entries(200, 300), now=START).size == 300
    assert buckets.get(BUCKET, "tile/entries/000.p/200") is not None


def test_process_reads_a_journal_that_was_replaced_meanwhile(log: Log, buckets: Any, signer: FixedKey) -> None:
    """As `--accept-fork` leaves it: another history of the same size, under the same names."""
    log.append(0, entries(0, 300), now=START)
    other = [b"another", *entries(1, 300)]
    for path, replaced in TileTree(lambda _: None, 0).extended(other):
        put(buckets, path, replaced)
    forked = checkpoints.sign(log.verifier_key.name, 300, root_of(other), key=signer.key, now=START)
    put(buckets, CHECKPOINT, forked.content)
    assert log.checkpoint() == forked
    assert list(log.entries(0, 300)) == other


def test_nothing_is_signed_that_was_put_into_the_bucket_meanwhile(log: Log, buckets: Any) -> None:
    """What an append leaves as it is has been verified before: it is not read again."""
    log.append(0, entries(0, 300), now=START)
    for path in ("tile/1/000.p/1", "tile/0/001.p/44"):
        put(buckets, path, b"\1" * len(content(buckets, path)))
    assert log.append(300, entries(300, 301), now=START).root == root_of(entries(0, 301))
    put(buckets, "tile/1/000.p/1", b"\1" * 32)
    assert log.append(301, entries(301, 302), now=START).root == root_of(entries(0, 302))


def test_checkpoint_of_another_key_is_refused(log: Log, buckets: Any) -> None:
    log.append(0, entries(0, 3), now=START)
    with pytest.raises(JournalError, match="another log"):
        Log(buckets, BUCKET, FixedKey(Ed25519PrivateKey.generate())).checkpoint()


def test_damaged_checkpoint_is_refused(log: Log, buckets: Any, signer: FixedKey) -> None:
    log.append(0, entries(0, 3), now=START)
    put(buckets, CHECKPOINT, content(buckets, CHECKPOINT)[:-10])
    for reader in (log, Log(buckets, BUCKET, signer)):
        with pytest.raises(JournalError, match=r"signed note|malformed"):
            reader.append(3, entries(3, 4), now=START)


def test_entries_that_the_log_does_not_have_are_refused(log: Log) -> None:
    log.append(0, entries(0, 3), now=START)
    with pytest.raises(JournalError, match="has 3 entries, not 4"):
        log.entries(0, 4)
    with pytest.raises(JournalError, match="has 3 entries, not 4"):
        log.root_at(4)
