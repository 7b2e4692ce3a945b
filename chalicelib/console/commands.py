"""Commands of the AWS CLI that do the same as a page, ready to paste into a shell.

Values are JSON in ASCII, quoted for the shell, so that nothing hidden in a name gets into the clipboard.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_COMMAND = re.compile(r"aws acm-pca .*?(?=aws acm-pca |\Z)", re.DOTALL)
_OF_A_CA = re.compile(r"--(?:certificate-authority|resource)-arn arn:[a-z-]+:acm-pca:([a-z0-9-]+):")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def command(operation: str, request: Mapping[str, Any] | None = None, note: str = "") -> str:
    """`aws acm-pca …` for an operation and its request; a value `file://…` or `fileb://…` names a file.

    Args:
        operation: its name in the API.
        request: its members.
        note: the end of the command, which handles the answer.
    """
    words = [f"aws acm-pca {_dashed(operation)}"]
    words += [f"--{_dashed(name)} {_value(value)}" for name, value in (request or {}).items()]
    return " \\\n  ".join([*words, note] if note else words)


def from_region(commands: Iterable[str], home: str) -> tuple[str, ...]:
    """Commands as a client of one region needs them: those about a CA of another region name that."""
    return tuple(_COMMAND.sub(lambda found: _regional(found[0], home), text) for text in commands)


def _regional(text: str, home: str) -> str:
    named = _OF_A_CA.search(text)
    return text if named is None or named[1] == home else in_region(text, named[1])


def in_region(text: str, region: str) -> str:
    """A command with the option that names a region."""
    return text.replace("aws acm-pca ", f"aws --region {region} acm-pca ")


def _dashed(name: str) -> str:
    return _WORD.sub("-", name).lower()


def _value(value: Any) -> str:
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return shlex.quote(value)
    return shlex.quote(json.dumps(value))
