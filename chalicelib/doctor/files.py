"""Checks of the data directory: who may read and write it, what is lost, and what interrupted writers left."""

from __future__ import annotations

import shutil
import stat
from functools import partial
from typing import TYPE_CHECKING

from chalicelib import data_directory
from chalicelib import files as durable
from chalicelib.doctor.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.runtime import Runtime

_PRIVATE = ("signet.db*", "keys", "keys/*", "server.lock")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LEFT_AFTER_SECONDS = 3600  # a writer that is at work renames its file long before
_SCRATCH = ".signet-restoring-"


def permissions(rt: Runtime) -> Iterator[Finding]:
    """Find what others can write or read, and links."""
    data = rt.settings.data_path
    if problem := data_directory.problem_of(data, is_named="SIGNET_DATA" in rt.settings.chosen()):
        reason, _, remedy = problem.rstrip(".").partition(": ")
        yield Finding(f"{reason}.", remedy or "use a directory of your own")
    for pattern in _PRIVATE:
        for path in sorted(data.glob(pattern)):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & _OTHERS:
                private = stat.S_IMODE(mode) & ~_OTHERS
                yield Finding(
                    f"{path} is open to other users.", f"chmod {private:o} {path}", partial(path.chmod, private)
                )


def losses(rt: Runtime) -> Iterator[Finding]:
    """Find out whether the database or the wrapping key is lost."""
    settings = rt.settings
    if {settings.state, settings.keys, settings.buckets} == {"sqlite", "software", "directory"}:
        problem = data_directory.loss_of(settings.data_path, holds_secrets=lambda: bool(rt.store.list_access_keys()))
        if problem:
            reason, _, remedy = problem.rstrip(".").partition(": ")
            yield Finding(f"{reason}.", remedy)


def leftovers(rt: Runtime) -> Iterator[Finding]:
    """Find temporary files whose writers were killed."""
    data = rt.settings.data_path
    scratch = list(data.absolute().parent.glob(f"{_SCRATCH}*")) if data.exists() else []
    for path in (*data.rglob(f"{durable.TEMPORARY}*"), *scratch):
        if rt.now().timestamp() - path.lstat().st_mtime > _LEFT_AFTER_SECONDS:
            remove = partial(shutil.rmtree, path) if path.is_dir() else partial(path.unlink, missing_ok=True)
            yield Finding(f"{path} was left by a program that was killed.", f"remove {path}", remove)
