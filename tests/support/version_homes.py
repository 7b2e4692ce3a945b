"""The homes that earlier versions made, from `tests/data/versions`."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

from tests.support.home import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HOMES = sorted((ROOT / "tests" / "data" / "versions").glob("*.tar.gz"))
NAMES = [path.name.removesuffix(".tar.gz") for path in HOMES]
LAST_OF_SCHEMA_1 = next(path for path in HOMES if "5ba0ee8" in path.name)


def unpack(archive: Path, target: Path) -> tuple[Path, dict[str, Any]]:
    """Write a home below a directory; returns its data directory, and the facts about it."""
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    return target / "home", json.loads((target / "facts.json").read_text())
