"""Debian's packages for tests, without the services that some of them start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_POLICY = Path("/usr/sbin/policy-rc.d")


def install(packages: Mapping[str, str]) -> None:
    """Install packages whose mark, a command or a file, is missing; ends the program where it may not.

    Args:
        packages: a package by its mark.
    """
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [
        package for mark, package in packages.items() if not (shutil.which(mark, path=path) or Path(mark).exists())
    ]
    if not missing:
        return
    if os.geteuid() or not shutil.which("apt-get"):
        sys.exit(f"These packages are missing: {' '.join(missing)} (Debian: apt-get install …)")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", *words], check=True, stdout=subprocess.DEVNULL, env=environment)


@contextmanager
def _no_services() -> Iterator[None]:
    """Refuse to start what a package brings, as Debian's policy-rc.d does; a policy that is there stays."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
