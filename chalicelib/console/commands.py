"""Commands of the AWS CLI that do the same as a page, ready to paste into a shell.

Values are JSON in ASCII, quoted for the shell, so that nothing hidden in a name gets into the clipboard.
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
        operation: its name in the API.
        request: its members.
        note: the end of the command, which handles the answer.
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
