"""Verification of a whole log, and of its consistency with a checkpoint that was seen before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.journal import JournalError, tiles, tree
from chalicelib.journal.tiles import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.journal.checkpoints import Checkpoint
    from chalicelib.journal.tile_tree import TileTree

MOST_PROBLEMS = 20


def problems_of(tile_tree: TileTree, progress: Callable[[int], object] = lambda _: None) -> list[str]:
    """Compare every entry with its hash, and every tile with the one above it; memory for one tile of each level.

    Args:
        tile_tree: whose root is that of a checkpoint.
        progress: called with the number of entries that were compared.

    Returns:
        the first problems, one sentence each.
    """
    problems = []
    for number in range(-(-tile_tree.size // WIDTH)):
        try:
            tile_tree.bundle(number)
        except JournalError as error:
            problems.append(str(error))
            if len(problems) == MOST_PROBLEMS:
                return [*problems, "There may be more problems."]
        progress(tiles.width_of(0, number, tile_tree.size))
    return problems


def contradiction(tile_tree: TileTree, seen: Checkpoint) -> str | None:
    """Return why a log does not continue a checkpoint that was seen before; None if it does.

    Raises:
        JournalError: tiles are damaged.
    """
    if tile_tree.size < seen.size:
        return f"The journal was cut off: it has {tile_tree.size} entries, and had {seen.size} at {_at(seen)}."
    if tree.root(seen.size, tile_tree.subtree) != seen.root:
        return f"The journal was rewritten: its first {seen.size} entries are not those of {_at(seen)}."
    return None


def _at(seen: Checkpoint) -> str:
    return f"{seen.at:%Y-%m-%dT%H:%M:%SZ}" if seen.at else "an earlier time"
