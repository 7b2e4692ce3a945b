"""Runs the commands of a page of the documents, in its order, in one shell and one home.

What a reader has already, or types into a browser, is prepared by the page's run; every command is the document's own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.support import documents
from tests.support.home import BIN, ROOT, Home

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_MARK = "\x1e"  # printed before each step; no command prints it
# Servers run in the foreground until Ctrl-C; a reader leaves them in another shell.
_SERVER = re.compile(r"^((?:\S*/)?signet serve|make run)\b([^\n#&]*)(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a page is run.

    Attributes:
        prepare: makes what the page takes for granted; returns variables of the shell.
        starts: a server of the home is running; otherwise the page starts it.
        replaced: placeholders of the page, and what a reader would put there.
        before: what a reader does before a command that begins so.
    """

    prepare: Callable[[Home, Path], Mapping[str, str]] = lambda _home, _work: {}
    starts: bool = True
    replaced: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)


def run_page(document: str, run: Run, work: Path) -> None:
    """Run a page and compare what it shows.

    Raises:
        AssertionError: a command fails, an output differs, or a placeholder is no longer on the page.
    """
    home = Home(work.parent / "data")
    home.cwd = work
    _make_clone(work)
    if run.starts:
        home.start()
    variables = {
        **home.environment,
        **(home.exports() if run.starts else {}),
        "HOME": str(work.parent),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "BROWSER": "true",
        "PYTHONPATH": str(ROOT),
        **run.prepare(home, work),
    }
    try:
        _check(document, run, work, variables)
    finally:
        if run.starts:
            home.stop()


def _make_clone(work: Path) -> None:
    """A directory as a clone is after `make .venv/dev.stamp`; what the page makes is not in the real one."""
    (work / ".venv").mkdir(parents=True)
    (work / ".venv/bin").symlink_to(BIN)
    for name in ("Makefile", "pyproject.toml", "requirements", "requirements.txt", "app.py", "chalicelib"):
        (work / name).symlink_to(ROOT / name)
    for name in ("laptop", "dev"):
        (work / f".venv/{name}.stamp").touch()


def _check(document: str, run: Run, work: Path, variables: Mapping[str, str]) -> None:
    steps = _steps(document, run, variables["SIGNET_PORT"])
    unused = {each for each in run.before if not any(step.commands.startswith(each) for step in steps)}
    assert not unused, f"{document} has no command that begins with {unused}"
    script = ["bash", "-c", _script(steps, run)]
    ran = subprocess.run(script, cwd=work, env=dict(variables), capture_output=True, check=False, timeout=300)
    outputs = ran.stdout.decode().split(f"\n{_MARK}")[1:]
    last = steps[min(len(outputs), len(steps)) - 1]
    assert ran.returncode == 0, f"{last.place}: {last.commands}\n{outputs[-1] if outputs else ran.stderr.decode()}"
    environment = dict(each.split("=", 1) for each in outputs.pop().split("\0") if "=" in each)
    for step, output in zip(steps, outputs, strict=True):
        missing = documents.differences(step, output, environment)
        assert not missing, f"{step.place}: {step.commands}\nshows {missing}\nbut printed {output}"


def _steps(document: str, run: Run, port: str) -> list[documents.Step]:
    """The commands of a page, as a reader would type them."""
    found: list[documents.Step] = []
    unused = {*run.replaced}
    for block in documents.blocks(document):
        if block.language in documents.SHELLS and not block.why:
            text = block.text.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
            for old, new in run.replaced.items():
                unused -= {old} if old in text else set()
                text = text.replace(old, new)
            found += documents.steps(replace(block, text=text))
    assert not unused, f"{document} has no {unused}"
    return found


def _script(steps: list[documents.Step], run: Run) -> str:
    """A script of bash that runs steps, with a mark before each, and prints the variables in the end."""
    lines = ["set -eo pipefail", "exec 2>&1", "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT"]
    mark = f"printf '\\n%s' $'{_MARK}'"
    for step in steps:
        before = [more for beginning, more in run.before.items() if step.commands.startswith(beginning)]
        fails = re.search("^error ", step.shown, re.MULTILINE) is not None
        lines += [mark, *before, "{ :", _in_background(step.commands), "} || true" if fails else "}"]
    return "\n".join([*lines, mark, "env -0"])


def _in_background(commands: str) -> str:
    return _SERVER.sub(r"\1\2 >>server.log & \3\nsignet status --wait >/dev/null", commands)


def run_python(text: str, work: Path) -> None:
    """Run a block of Python."""
    command = [sys.executable, "-c", text]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr


def write(work: Path, **contents: object) -> None:
    """Write JSON files, by their names without the suffix."""
    for name, content in contents.items():
        (work / f"{name}.txt").write_text(json.dumps(content))
