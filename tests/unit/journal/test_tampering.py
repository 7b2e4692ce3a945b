"""Nothing in a log of 1,000 entries can be deleted, edited, moved or cut off unnoticed: each is tried, each is found.

Two judges: Signet, and `tools/verify_journal.py`, which shares nothing with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.journal import JournalError, checkpoints, tiles, verification
from chalicelib.journal.log import log_key
from chalicelib.journal.tile_tree import TileTree
from tests.support.builders import START
from tests.support.journals import entries, root_of
from tools.verify_journal import NotProvedError, check_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalicelib.journal.checkpoints import Checkpoint

    Objects = dict[str, bytes]

pytestmark = pytest.mark.wide

SIZE = 1000
KEY = Ed25519PrivateKey.generate()
VERIFIER = log_key(KEY.public_key().public_bytes_raw())
ENTRIES = entries(0, SIZE)


def written(content: list[bytes]) -> Objects:
    return dict(TileTree(lambda _: None, 0).extended(content))


def signed(content: list[bytes]) -> Checkpoint:
    return checkpoints.sign(VERIFIER.name, len(content), root_of(content), key=KEY, now=START)


OBJECTS, SEEN = written(ENTRIES), signed(ENTRIES)


def problems(objects: Objects, checkpoint: Checkpoint = SEEN) -> list[str]:
    """What verification finds in objects below a checkpoint, given the one that was seen."""
    try:
        tile_tree = TileTree(objects.get, checkpoint.size)
        if tile_tree.root != checkpoint.root:
            return ["another root"]
        found = verification.contradiction(tile_tree, SEEN)
        return [found] if found else verification.problems_of(tile_tree)
    except JournalError as error:
        return [str(error)]


def edited(content: list[bytes], at: int) -> list[bytes]:
    return [*content[:at], content[at][:-1] + bytes([content[at][-1] ^ 1]), *content[at + 1 :]]


def deleted(content: list[bytes], at: int) -> list[bytes]:
    return content[:at] + content[at + 1 :]


def swapped(content: list[bytes], at: int) -> list[bytes]:
    return [*content[: at - 1], content[at], content[at - 1], *content[at + 1 :]] if at else content[::-1]


def cut_off(content: list[bytes], at: int) -> list[bytes]:
    return content[:at]


CHANGES = [edited, deleted, swapped, cut_off]


def of_bundles(change: Callable[[list[bytes], int], list[bytes]]) -> Iterator[tuple[int, Objects]]:
    """Each change of one entry within its bundle."""
    for at in range(SIZE):
        path = tiles.bundle_path(at // 256, tiles.width_of(0, at // 256, SIZE))
        bundle = tiles.decode_bundle(OBJECTS[path])
        yield at, OBJECTS | {path: tiles.encode_bundle(change(bundle, at % 256))}


def test_untouched_log_is_verified() -> None:
    assert problems(OBJECTS) == []


@pytest.mark.parametrize("change", CHANGES)
def test_each_changed_entry_is_found(change: Callable[[list[bytes], int], list[bytes]]) -> None:
    current = dict(OBJECTS)
    tile_tree = TileTree(current.get, SIZE)
    assert tile_tree.root == SEEN.root
    for at, objects in of_bundles(change):
        if at % 40 == 0:
            assert problems(objects), at
        current.update(objects)
        with pytest.raises(JournalError):
            tile_tree.bundle(at // 256)


@pytest.mark.parametrize("change", CHANGES)
def test_each_log_that_was_written_again_by_the_owner_of_its_key_contradicts_what_was_seen(
    change: Callable[[list[bytes], int], list[bytes]], request: pytest.FixtureRequest
) -> None:
    step = 1 if request.config.getoption("--whole") else 50
    for at in range(0, SIZE, step):
        content = change(ENTRIES, at)
        assert problems(written(content), signed(content)), at


def test_log_that_was_written_again_by_anybody_else_has_another_root() -> None:
    for at in range(0, SIZE, 100):
        assert problems(written(edited(ENTRIES, at))) == ["another root"]


def test_entry_that_was_changed_with_its_tile_is_found() -> None:
    """Bundle and tile agree; the tile above, or the root, has the hash of the former one."""
    for at in range(0, SIZE, 50):
        content = edited(ENTRIES, at)
        assert problems(OBJECTS | {path: each for path, each in written(content).items() if "tile/1/" not in path}), at


def test_each_lost_object_and_each_flipped_octet_of_a_tile_is_found() -> None:
    for path, content in OBJECTS.items():
        assert problems({name: each for name, each in OBJECTS.items() if name != path}), path
        if "entries" not in path:
            for at in range(0, len(content), 997):
                assert problems(OBJECTS | {path: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]}), path
            assert problems(OBJECTS | {path: content[:-32]}), path
            assert problems(OBJECTS | {path: content + content[:32]}), path


def test_old_checkpoint_is_found() -> None:
    for size in range(0, SIZE, 50):
        old = ENTRIES[:size]
        assert "cut off" in problems(OBJECTS | written(old), signed(old))[0]


def test_few_problems_are_told_of_many() -> None:
    content = entries(0, 256 * 30)
    tile_tree = TileTree(
        {path: b"" if "entries" in path else each for path, each in written(content).items()}.get, 7680
    )
    assert len(verification.problems_of(tile_tree)) == verification.MOST_PROBLEMS + 1


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal")
    for name, content in {**OBJECTS, "checkpoint": SEEN.content}.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def test_second_judge_verifies_the_log(directory: Path) -> None:
    assert check_log(directory, str(VERIFIER)) == SIZE


@pytest.mark.parametrize("change", CHANGES)
def test_second_judge_finds_each_changed_entry(
    directory: Path, change: Callable[[list[bytes], int], list[bytes]], request: pytest.FixtureRequest
) -> None:
    step = 1 if request.config.getoption("--whole") else 50
    for at, objects in of_bundles(change):
        if at % step:
            continue
        path = next(name for name in objects if objects[name] != OBJECTS[name])
        (directory / path).write_bytes(objects[path])
        with pytest.raises((NotProvedError, ValueError)):
            check_log(directory, str(VERIFIER))
        (directory / path).write_bytes(OBJECTS[path])
