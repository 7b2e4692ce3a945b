"""A Chalice project with an `app.py` and a `chalicelib` of its own, whose environment has Signet's wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from typing import TYPE_CHECKING

from tests.support.home import ROOT
from tools import signet_build

if TYPE_CHECKING:
    from pathlib import Path


def run(*words: str | Path, cwd: Path, **environment: str) -> str:
    """What a command prints; its failure is an error with all that it said."""
    found = subprocess.run(
        words,
        cwd=cwd,
        env=os.environ | {"SOURCE_DATE_EPOCH": signet_build.EPOCH} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def build(target: Path, *what: str, source: Path = ROOT) -> Path:
    """Build with the tools that are installed here."""
    run(sys.executable, "-m", "build", "--no-isolation", *what, "--outdir", target, source, cwd=target.parent)
    return target


def make_project(made: Path, wheel: Path) -> Path:
    """Make the project; the dependencies of its environment are those of this one."""
    (made / "chalicelib").mkdir(parents=True)
    (made / "chalicelib/__init__.py").write_text("OWNER = 'the project'\n")
    (made / "app.py").write_text("from chalice import Chalice\n\napp = Chalice(app_name='theirs')\n")
    venv.create(made / ".venv", symlinks=True)
    python = made / ".venv/bin/python"
    command = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    run(*command, cwd=made)
    (site,) = (made / ".venv/lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return made
