"""Durable files: what is on disk, and in which order, when a write returns."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from chalicelib import files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """Each sync: "directory" or the file's content, and the names that the directory has by then."""
    seen: list[tuple[str, list[str]]] = []
    fsync, directory = os.fsync, tmp_path.stat().st_ino

    def noticed(descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        (content,) = [path.read_text() for path in tmp_path.iterdir() if path.stat().st_ino == inode] or ["directory"]
        assert content != "directory" or inode == directory
        names = sorted(
            "temporary" if path.name.startswith(files.TEMPORARY) else path.name for path in tmp_path.iterdir()
        )
        seen.append((content, names))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noticed)
    return seen


@pytest.mark.parametrize("exclusive", [True, False])
def test_content_is_synced_before_the_file_has_its_name_and_the_name_before_the_write_returns(
    tmp_path: Path, synced: list[tuple[str, list[str]]], *, exclusive: bool
) -> None:
    files.write_atomically(tmp_path / "file", [b"con", b"tent"], exclusive=exclusive)
    assert synced == [("content", ["temporary"]), ("directory", ["file"])]


def test_removal_is_synced(tmp_path: Path, synced: list[tuple[str, list[str]]]) -> None:
    (tmp_path / "file").touch()
    files.remove(tmp_path / "file")
    assert synced == [("directory", [])]
