"""The files of a certificate with its key: all or none, unless they replace existing ones, which needs `--force`."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chalicelib import files
from chalicelib.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SECRET, _PUBLIC = 0o600, 0o644


class Files:
    """Files of one name that appear together, once all of them are complete.

    They are first written into a directory beside them that nobody else may enter.
    """

    def __init__(self, directory: Path, stage: Path, *, replace: bool) -> None:
        self._directory, self._stage, self._replace = directory, stage, replace
        self._names: list[str] = []

    def add(self, name: str, content: bytes, *, secret: bool = False) -> None:
        """Write a file where nobody sees it yet; raises `OSError`."""
        files.write_atomically(self._stage / name, content, mode=_SECRET if secret else _PUBLIC)
        self._names.append(name)

    def publish(self) -> list[Path]:
        """Give all files their names, or none; where they replace others, a failure may leave some replaced.

        Raises:
            OSError: a file of that name has appeared, or the directory cannot be written.
        """
        made: list[Path] = []
        try:
            for name in self._names:
                path = self._directory / name
                if self._replace:
                    (self._stage / name).replace(path)
                else:
                    os.link(self._stage / name, path)
                made.append(path)
        except OSError:
            for path in made if not self._replace else ():
                path.unlink()
            raise
        files.sync_directory(self._directory)
        return made


@contextmanager
def staged(directory: Path, names: Sequence[str], *, replace: bool) -> Iterator[Files]:
    """Begin to write files; those that are not published are removed at the end.

    Args:
        directory: where they will be; it is made if it is missing.
        names: of all files.
        replace: files of these names may be replaced.

    Raises:
        ClickException: one of the files exists, or the directory cannot be written.
    """
    present = [name for name in names if os.path.lexists(directory / name)]
    if present and not replace:
        raise click.ClickException(f"{directory / present[0]} exists already: use --force to replace it.")
    try:
        files.make_directory(directory, 0o755)
        stage = Path(tempfile.mkdtemp(prefix=".signet-issue-", dir=directory))
    except OSError as error:
        raise click.ClickException(f"{directory} cannot be written: {error.strerror}.") from error
    try:
        yield Files(directory, stage, replace=replace)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def complaining_of(arn: str) -> Iterator[None]:
    """Report a certificate that was issued but could not be fetched, or whose files could not be written."""
    try:
        yield
    except OSError as error:
        reason = f"The files could not be written ({error.strerror})"
        raise click.ClickException(f"{reason}, and the key is gone: revoke {arn}.") from error
    except ApiError as error:
        reason = f"The certificate could not be fetched ({error.message.rstrip('.')})"
        raise click.ClickException(f"{reason}, and the key is gone: revoke {arn}.") from error
