"""The fenced blocks of the documents, the commands in them, and what a document shows as their output.

A block that cannot run has the line `<!-- not run: REASON -->` before its fence, which readers do not see.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.home import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("README.md", "CONTRIBUTING.md", "localstack/**/README.md", "docs/*.md")
    for path in ROOT.glob(pattern)
)
SHELLS = ("sh", "console")
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n+)?"
    r"(?P<indent> *)```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_HEREDOC = re.compile(r"<<'?(\w+)'?")
_VARIES = re.compile(r"…|\s+|(?<![0-9A-Za-z])[0-9a-fA-F]*\d[0-9a-fA-F]*(?![0-9A-Za-z])|\d+")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `why` is the reason not to run it, if it has one."""

    document: str
    line: int
    language: str
    text: str
    why: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True, slots=True)
class Step:
    """Commands, and what the document shows as their output."""

    place: str
    commands: str
    shown: str = ""


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a document, in its order."""
    text = (ROOT / document).read_text()
    return [
        Block(
            document, text.count("\n", 0, each.start("indent")) + 1, each["language"], each["text"], each["why"] or ""
        )
        for each in _BLOCK.finditer(text)
    ]


def steps(block: Block) -> Iterator[Step]:
    """The commands of a block: those after a prompt, each with its output, or all of them."""
    if block.language == "sh":
        yield Step(block.place, block.text)
        return
    lines = block.text.splitlines()
    while lines:
        command = [lines.pop(0).removeprefix("$ ")]
        if heredoc := _HEREDOC.search(command[0]):
            while command[-1] != heredoc[1]:
                command.append(lines.pop(0))
        while command[-1].endswith("\\"):
            command.append(lines.pop(0))
        shown = []
        while lines and not lines[0].startswith("$ "):
            shown.append(lines.pop(0))
        yield Step(block.place, "\n".join(command), "\n".join(shown))


def differences(step: Step, output: str, variables: Mapping[str, str]) -> list[str]:
    """The lines that a document shows and a run did not print; digits, hex and ellipses stand for others.

    Their order does not count: a pipe gets errors before what a program still buffers.
    """
    printed = " ".join(output.split())
    shown = string.Template(step.shown).safe_substitute(variables).splitlines()
    return [line for line in shown if re.search(_pattern(line.strip()), printed) is None]


def _pattern(line: str) -> str:
    """A pattern of what a line may be in another run."""
    parts, end = [], 0
    for varies in _VARIES.finditer(line):
        parts += [re.escape(line[end : varies.start()]), _any_such(varies[0])]
        end = varies.end()
    return "".join([*parts, re.escape(line[end:])])


def _any_such(text: str) -> str:
    if text == "…":
        return ".*?"
    if text.isspace():
        return " "
    return "[0-9]+" if text.isdigit() else "[0-9a-fA-F]+"
