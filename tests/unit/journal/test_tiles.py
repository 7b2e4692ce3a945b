"""Paths and encodings of tiles and bundles. C2SP tlog-tiles."""

from __future__ import annotations

import pytest

from chalicelib.journal import JournalError, tiles


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 273, 112, "tile/0/273.p/112"),
        (1, 999, 256, "tile/1/999"),
        (1, 1000, 1, "tile/1/x001/000.p/1"),
        (2, 1234067, 256, "tile/2/x001/x234/067"),
        (63, 10**9, 255, "tile/63/x001/x000/x000/000.p/255"),
    ],
)
def test_tile_has_its_path(level: int, number: int, width: int, path: str) -> None:
    assert tiles.tile_path(level, number, width) == path
    assert tiles.bundle_path(number, width) == path.replace(f"tile/{level}/", "tile/entries/")
    assert tiles.is_partial(path) == (width < 256)


def test_tree_of_70000_has_the_tiles_of_the_specification() -> None:
    widths = [[tiles.width_of(level, number, 70_000) for number in range(275)] for level in tiles.levels_of(70_000)]
    assert widths[0] == [256] * 273 + [112, 0]
    assert widths[1][:3] == [256, 17, 0]
    assert widths[2][:2] == [1, 0]
    assert len(widths) == 3


def test_bundle_has_its_entries() -> None:
    entries = [b"", b"a", b"\0\1" * 300, b"e" * 65_535]
    bundle = tiles.encode_bundle(entries)
    assert bundle[:5] == b"\0\0\0\1a"
    assert tiles.decode_bundle(bundle) == entries


@pytest.mark.parametrize("bundle", [b"\0", b"\0\1", b"\0\0\0", b"\0\2a", tiles.encode_bundle([b"abc"])[:-1]])
def test_damaged_bundle_is_refused(bundle: bytes) -> None:
    with pytest.raises(JournalError, match="ends within an entry"):
        tiles.decode_bundle(bundle)


def test_entry_that_is_too_long_is_refused() -> None:
    with pytest.raises(JournalError, match="65536 bytes"):
        tiles.encode_bundle([b"e" * 65_536])


def test_bundle_of_too_many_entries_is_refused() -> None:
    assert len(tiles.decode_bundle(b"\0\0" * 256)) == 256
    with pytest.raises(JournalError, match="more than 256 entries"):
        tiles.decode_bundle(b"\0\0" * 257)


@pytest.mark.parametrize("octets", [1, 63, 65, 257 * 32])
def test_damaged_tile_is_refused(octets: int) -> None:
    with pytest.raises(JournalError, match=f"has {octets} bytes"):
        tiles.decode_tile(b"h" * octets)
