"""The environment in which Signet runs: one that exists already, or one that is made at the first use.

ACM_PCA_COMMAND names the command `signet` of an environment that exists. Without it the distribution of Signet that
this package contains is installed into LocalStack's folder of libraries, with exactly the packages of its lock file.
Their source is that of pip, as its settings say.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

from localstack import config

LOG = logging.getLogger(__name__)
CONTENTS = Path(__file__).with_name("contents")
_LOCK = threading.Lock()


def command() -> list[str]:
    """Return the words that begin a command line of Signet.

    Raises:
        RuntimeError: it is neither installed nor could it be.
    """
    if named := os.environ.get("ACM_PCA_COMMAND"):
        return [named]
    with _LOCK:
        return [str(_made() / "bin" / "signet")]


def _made() -> Path:
    wheels = sorted(CONTENTS.glob("signet_ca-*.whl"))
    if not wheels:
        raise RuntimeError(
            "This build of signet-localstack contains no Signet: set ACM_PCA_COMMAND to the command signet."
        )
    home = Path(config.dirs.var_libs) / wheels[-1].stem
    complete = home / "complete"
    if not complete.exists():
        LOG.info("Installing Signet into %s ...", home)
        _run(sys.executable, "-m", "venv", "--clear", str(home))
        pip = (str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run(*pip, "--require-hashes", "-r", str(CONTENTS / "laptop.txt"))
        _run(*pip, "--no-deps", "--no-index", str(wheels[-1]))
        complete.touch()
    return home


def _run(*words: str) -> None:
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    if found.returncode:
        raise RuntimeError(f"Signet cannot be installed: {found.stderr.strip()[-2000:]}")
