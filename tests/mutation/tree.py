"""A copy of sources and tests in which one place is changed at a time; the checkout itself stays as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
_KEPT = (
    "chalicelib",
    "tests",
    "tools",
    "localstack",
    "infrastructure",
    ".chalice",
    "docs",
    "app.py",
    "pyproject.toml",
    "README.md",
)
SECONDS = 300  # for the tests of one change; a change that makes them hang is noticed, too


@contextmanager
def copied() -> Iterator[Path]:
    """Yield the root of a copy, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="signet-mutants-") as directory:
        for name in _KEPT:
            source, target = ROOT / name, Path(directory, name)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        yield Path(directory)


@contextmanager
def changed(path: Path, text: str) -> Iterator[None]:
    """Give a file of the copy another text."""
    before = path.read_text()
    path.write_text(text)
    try:
        yield
    finally:
        path.write_text(before)


def fails(tree: Path, tests: Sequence[str]) -> bool:
    """Tell whether one of these tests fails, in a process of its own.

    Raises:
        RuntimeError: pytest found no such test.
    """
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    if "not found: " in done.stderr and "found no collectors" not in done.stderr:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return done.returncode != 0
