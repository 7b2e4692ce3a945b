"""A log's tree as its tiles and bundles have it, and what they become when entries are added."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from chalicelib.journal import JournalError, tiles, tree
from chalicelib.journal.tiles import HEIGHT, WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_T = TypeVar("_T")


class TileTree:
    """The tree of so many entries. What it returns belongs to its root, which the caller compares with a signed one.

    It holds one tile of each level in memory, however many entries there are.

    Args:
        read: returns what is at a path, or None.
        size: number of entries.

    Raises:
        JournalError: a tile is missing, or tiles do not belong together.
    """

    def __init__(self, read: Callable[[str], bytes | None], size: int) -> None:
        self._read, self.size = read, size
        self._full: dict[int, tuple[int, list[bytes]]] = {}  # the full tile of each level that was read last
        self._last = {level: self._last_tile(level) for level in tiles.levels_of(size)}

    @cached_property
    def root(self) -> bytes:
        """The root, as the last tiles give it."""
        return tree.root(self.size, self.subtree)

    def subtree(self, height: int, number: int) -> bytes:
        """Return the root of a complete subtree, as `tree` takes it."""
        level, inner = divmod(height, HEIGHT)
        in_tile = HEIGHT - inner
        tile = self._tile(level, number >> in_tile)
        position = number & ((1 << in_tile) - 1)
        return tree.complete_root(tile[position << inner : (position + 1) << inner])

    def entries(self, first: int, end: int) -> Iterator[bytes]:
        """Yield the entries from `first` to `end`, each compared with its hash."""
        for number in range(first // WIDTH, -(-end // WIDTH)):
            start = number * WIDTH
            yield from self.bundle(number)[max(0, first - start) : end - start]

    def bundle(self, number: int) -> list[bytes]:
        """Return the entries of a bundle that belong to the tree, each compared with its hash."""
        width = tiles.width_of(0, number, self.size)
        path = tiles.bundle_path(number, width)
        entries = tiles.decode_bundle(self._content(path, tiles.bundle_path(number, WIDTH)))
        entries = entries[:width] if len(entries) == WIDTH else entries
        if [tree.leaf_hash(entry) for entry in entries] != self._tile(0, number):
            raise JournalError(f"{path} of the journal does not have the entries that were signed.")
        return entries

    def extended(self, entries: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
        """Yield path and content of the bundles and tiles that the tree gets with more entries."""
        last = self.size // WIDTH
        begun = self.bundle(last) if self.size % WIDTH else []
        for number, bundle in enumerate(_chunks([*begun, *entries]), last):
            yield tiles.bundle_path(number, len(bundle)), tiles.encode_bundle(bundle)
        level, added = 0, [tree.leaf_hash(entry) for entry in entries]
        while added:
            hashes, added = [*self._last.get(level, []), *added], []
            for number, tile in enumerate(_chunks(hashes), self.size >> HEIGHT * (level + 1)):
                yield tiles.tile_path(level, number, len(tile)), b"".join(tile)
                if len(tile) == WIDTH:
                    added.append(tree.complete_root(tile))
            level += 1

    def last_tiles(self) -> Iterator[tuple[str, bytes]]:
        """Yield path and content of the partial tiles, from memory."""
        for level, hashes in self._last.items():
            if hashes:
                yield tiles.tile_path(level, self.size >> HEIGHT * (level + 1), len(hashes)), b"".join(hashes)

    def begun(self) -> Iterator[str]:
        """Yield the paths that the last bundle and the last tiles will have once they are full."""
        for level, hashes in self._last.items():
            number = self.size >> HEIGHT * (level + 1)
            if hashes:
                yield tiles.tile_path(level, number, WIDTH)
            if hashes and not level:
                yield tiles.bundle_path(number, WIDTH)

    def _tile(self, level: int, number: int) -> list[bytes]:
        """Return the hashes of a tile; a full one is compared with those above it, up to the last tiles."""
        if tiles.width_of(level, number, self.size) < WIDTH:
            return self._last[level]
        if self._full.get(level, (-1,))[0] != number:
            path = tiles.tile_path(level, number, WIDTH)
            hashes = self._hashes(path, path, WIDTH)
            if tree.complete_root(hashes) != self._tile(level + 1, number // WIDTH)[number % WIDTH]:
                raise JournalError(f"{path} of the journal does not have the hashes that were signed.")
            self._full[level] = (number, hashes)
        return self._full[level][1]

    def _last_tile(self, level: int) -> list[bytes]:
        number = self.size >> HEIGHT * (level + 1)
        width = tiles.width_of(level, number, self.size)
        if not width:
            return []
        return self._hashes(tiles.tile_path(level, number, width), tiles.tile_path(level, number, WIDTH), width)

    def _hashes(self, path: str, full_path: str, width: int) -> list[bytes]:
        hashes = tiles.decode_tile(self._content(path, full_path))
        if len(hashes) not in {width, WIDTH}:
            raise JournalError(f"{path} of the journal has {len(hashes)} hashes.")
        return hashes[:width]

    def _content(self, path: str, full_path: str) -> bytes:
        """Read an object; the full one may have replaced a partial one."""
        content = self._read(path)
        if content is None and path != full_path:
            content = self._read(full_path)
        if content is None:
            raise JournalError(f"{path} of the journal is missing.")
        return content


def _chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (values[at : at + WIDTH] for at in range(0, len(values), WIDTH))
