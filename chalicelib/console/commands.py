"""The AWS CLI's commands for what a page shows, ready to paste into a shell.

Values are JSON in ASCII and then quoted for the shell, so that nothing hidden in a name gets into the clipboard.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def command(operation: str, request: Mapping[str, Any] | None = None, note: str = "") -> str:
    """`aws acm-pca …` for an operation and its request; a value `file://…` or `fileb://…` names a file.

    Args:
        operation: AWS's name of it.
        request: its members.
        note: what is to be done with the answer: the end of the command.
    """
    words = [f"aws acm-pca {_dashed(operation)}"]
    words += [f"--{_dashed(name)} {_value(value)}" for name, value in (request or {}).items()]
    return " \\\n  ".join([*words, note] if note else words)


def _dashed(name: str) -> str:
    return _WORD.sub("-", name).lower()


def _value(value: Any) -> str:
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return shlex.quote(value)
    return shlex.quote(json.dumps(value))
