"""Commands that documents name in a sentence exist, with their options: `signet` by its parser, `aws` by the CLI's."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import click
import pytest
from awscli.clidriver import create_clidriver

from chalicelib import cli
from tests.support import documents
from tests.support.home import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = [
    *documents.NAMES,
    "CHANGELOG.md",
    "SECURITY.md",
    *(f"docs/adr/{path.name}" for path in ROOT.glob("docs/adr/*.md")),
]
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?P<program>signet|aws) (?P<words>[^`]+))`")
USAGE = str.maketrans("[]|", "   ")  # of alternatives and what may be left out


def named(document: str, program: str) -> Iterator[list[str]]:
    """The words of each command in the sentences of a document, and of those in its blocks that do not run."""
    text = (ROOT / document).read_text()
    for found in INLINE.finditer(FENCED.sub("", text)):
        if found["program"] == program:
            yield found["words"].translate(USAGE).split()
    for block in documents.blocks(document) if document in documents.NAMES else ():
        if block.why or block.language == "yaml":
            for line in block.text.replace("\\\n", " ").splitlines():
                words = line.split("#")[0].removeprefix("$ ").split()
                if words[:1] == [program]:
                    yield words[1:]


def options(words: list[str]) -> list[str]:
    """The options among words, without their values."""
    return [word.split("=")[0].rstrip(",.") for word in words if word.startswith("-")]


def unknown_to_signet(words: list[str]) -> str:
    """Say what of a command of `signet` does not exist; empty if all does."""
    command: click.Command = cli.signet
    for word in words:
        if not isinstance(command, click.Group) or not re.fullmatch("[a-z-]*[a-z]", word) or word.startswith("-"):
            break
        if word not in command.commands:
            return word
        command = command.commands[word]
    known = {"-h", "--help", "--version"} | {each for option in command.params for each in option.opts}
    return next((option for option in options(words) if option not in known), "")


@pytest.mark.parametrize("document", NAMES)
def test_commands_of_signet_exist(document: str) -> None:
    for words in named(document, "signet"):
        assert unknown_to_signet(words) == "", words


@pytest.fixture(autouse=True)
def _data_of_the_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CLI names its data in the environment when it is imported, from where tests remove it."""
    monkeypatch.setenv("AWS_DATA_PATH", str(files("awscli") / "data"))


@cache
def aws_commands(service: str) -> Any:
    return create_clidriver().create_help_command().command_table[service].create_help_command().command_table


def unknown_to_aws(words: list[str]) -> str:
    """Say what of a command of the AWS CLI does not exist; empty if all does."""
    while words and words[0].startswith("-"):  # options of all commands, with their values
        words = words[2:]
    service, operation = words[:2]
    commands = aws_commands(service)
    if operation == "…":  # any of them
        return ""
    if operation not in commands:
        return operation
    if operation == "wait":
        waiters = commands[operation].create_help_command().command_table
        return "" if words[2] in waiters else words[2]
    known = {f"--{name}" for name in commands[operation].create_help_command().arg_table}
    known |= {"--output", "--query", "--region", "--profile", "--endpoint-url", "--s3-bucket"}
    return next((option for option in options(words) if option not in known), "")


@pytest.mark.parametrize("document", NAMES)
def test_commands_of_the_aws_cli_exist(document: str) -> None:
    for words in named(document, "aws"):
        assert unknown_to_aws(words) == "", words


def test_what_does_not_exist_is_found() -> None:
    assert unknown_to_signet(["audit", "erase"]) == "erase"
    assert unknown_to_signet(["status", "--colour"]) == "--colour"
    assert unknown_to_aws(["acm-pca", "make-certificate"]) == "make-certificate"
    assert unknown_to_aws(["acm-pca", "issue-certificate", "--colour"]) == "--colour"
