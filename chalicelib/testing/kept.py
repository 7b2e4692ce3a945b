"""A directory that keeps the state of a Signet for tests; nothing of a home is ever in it, and none of it in a home."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from chalicelib.config import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_MARK = "signet-for-tests"
_PREFIX = "state-"  # and a number; the last one counts: reset makes another one before it removes the former


def checked(directory: Path) -> Path:
    """Return a directory once it is known to be empty or a test's own.

    Raises:
        SettingsError: it has something else, such as a home.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(directory.iterdir()) and not (directory / _MARK).is_file():
        raise SettingsError(f"{directory} has something else than the state of tests: name an empty directory.")
    (directory / _MARK).touch()
    return directory


def present(directory: Path) -> Path:
    """Return the directory of the present state, and remove what an interrupted reset has left."""
    *former, last = _states(directory) or [anew(directory)]
    for each in former:
        shutil.rmtree(each, ignore_errors=True)
    return last


def anew(directory: Path) -> Path:
    """Make the directory of a new state."""
    last = [int(each.name.removeprefix(_PREFIX)) for each in _states(directory)][-1:]
    made = directory / f"{_PREFIX}{sum(last) + 1:09}"
    made.mkdir(mode=0o700)
    return made


def _states(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"{_PREFIX}*"))
