"""Every constraint of the model: required, lengths, ranges, patterns, enums; all violations at once, in AWS's words."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

from chalicelib.api.model import shape
from chalicelib.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SHOWN = 200
_SHOWN_VIOLATIONS = 20


def check(shape_name: str, value: Mapping[str, Any]) -> None:
    """Raise `ValidationException` unless a decoded structure keeps every constraint."""
    violations = list(_violations(shape_name, value, ""))
    if violations:
        count = len(violations)
        noun = "error" if count == 1 else "errors"
        text = "; ".join(violations[:_SHOWN_VIOLATIONS])
        raise ValidationException(f"{count} validation {noun} detected: {text}")


def _violations(shape_name: str, value: Any, path: str) -> Iterator[str]:
    described = shape(shape_name)
    kind = described["type"]
    if kind == "structure":
        prefix = path + "." if path else ""
        for name in described.get("required", ()):
            if name not in value:
                yield f"Value null at '{prefix}{_camel(name)}' failed to satisfy constraint: Member must not be null"
        for name, member in value.items():
            yield from _violations(described["members"][name], member, prefix + _camel(name))
        return
    for rule in _broken_rules(described, value):
        yield f"Value {_shown(kind, value)} at '{path}' failed to satisfy constraint: {rule}"
    if kind == "list":
        for position, member in enumerate(value, start=1):
            yield from _violations(described["member"], member, f"{path}.{position}.member")


def _broken_rules(described: Mapping[str, Any], value: Any) -> Iterator[str]:
    numeric = described["type"] in {"integer", "long"}
    measured = value if numeric else len(value) if described["type"] in {"string", "blob", "list"} else None
    noun = "value" if numeric else "length"
    if measured is not None and "min" in described and measured < described["min"]:
        yield f"Member must have {noun} greater than or equal to {described['min']}"
    if measured is not None and "max" in described and measured > described["max"]:
        yield f"Member must have {noun} less than or equal to {described['max']}"
    if "enum" in described and value not in described["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(described['enum'])}]"
    if "pattern" in described and not _matcher(described["pattern"])(value):
        yield f"Member must satisfy regular expression pattern: {described['pattern']}"


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]


def _shown(kind: str, value: Any) -> str:
    noun = {"blob": "bytes", "list": "members"}.get(kind)
    text = str(value) if noun is None else f"[{len(value)} {noun}]" if value else "[]"
    return f"'{text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}'"


_CLASSES = {"L": ("a", "a-zA-Z"), "Z": (" ", " "), "N": ("0", "0-9")}


@cache
def _matcher(pattern: str) -> Callable[[str], bool]:
    r"""Whether a text matches a pattern of the model as a whole, with Java's meaning of its classes.

    Python's `re` lacks `\p{L}`: such patterns are matched on a copy of the text in which each character beyond ASCII
    stands for its category.
    """
    if r"\p{" not in pattern:
        expression = re.compile(pattern, re.ASCII)
        return lambda text: expression.fullmatch(text) is not None
    for category, (_, characters) in _CLASSES.items():
        pattern = pattern.replace(rf"\p{{{category}}}", characters)
    by_category = re.compile(pattern, re.ASCII)
    return lambda text: by_category.fullmatch(_represented(text)) is not None


def _represented(text: str) -> str:
    if text.isascii():
        return text
    return text.translate({ord(each): _representative(each) for each in set(text) if not each.isascii()})


def _representative(character: str) -> str:
    return _CLASSES.get(unicodedata.category(character)[0], ("\0", ""))[0]
