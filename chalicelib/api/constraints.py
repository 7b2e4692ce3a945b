"""The constraints of the model (required, lengths, ranges, patterns, enums): violations as values, and AWS's text."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

from chalicelib.api.model import shape
from chalicelib.errors import ValidationException, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from chalicelib.errors import Member, Rule

_SHOWN = 200
_SHOWN_VIOLATIONS = 20
_RULES: dict[Rule, str] = {
    "required": "Member must not be null",
    "min_length": "Member must have length greater than or equal to {}",
    "max_length": "Member must have length less than or equal to {}",
    "min_value": "Member must have value greater than or equal to {}",
    "max_value": "Member must have value less than or equal to {}",
    "enum": "Member must satisfy enum value set: [{}]",
    "pattern": "Member must satisfy regular expression pattern: {}",
}


def check(shape_name: str, value: Mapping[str, Any]) -> None:
    """Raise `ValidationException` unless a decoded structure keeps every constraint."""
    broken = tuple(violations(shape_name, value))
    if broken:
        member = broken[0].member if len(broken) == 1 else ()
        raise ValidationException(_message(broken), member=member, violations=broken)


def violations(shape_name: str, value: Any, member: Member = ()) -> Iterator[Violation]:
    """Yield every broken constraint of a decoded value, which is at `member` of the request."""
    described = shape(shape_name)
    kind = described["type"]
    if kind == "structure":
        for name in described.get("required", ()):
            if name not in value:
                yield Violation((*member, name), "required", None, None)
        for name, part in value.items():
            yield from violations(described["members"][name], part, (*member, name))
        return
    for rule, limit in _broken_rules(described, value):
        yield Violation(member, rule, limit, value)
    if kind == "list":
        for position, part in enumerate(value):
            yield from violations(described["member"], part, (*member, position))


def _broken_rules(described: Mapping[str, Any], value: Any) -> Iterator[tuple[Rule, int | str | tuple[str, ...]]]:
    if described["type"] in {"integer", "long"}:
        yield from _out_of_bounds(described, value, "min_value", "max_value")
    elif described["type"] in {"string", "blob", "list"}:
        yield from _out_of_bounds(described, len(value), "min_length", "max_length")
    if "enum" in described and value not in described["enum"]:
        yield "enum", tuple(described["enum"])
    if "pattern" in described and not _matcher(described["pattern"])(value):
        yield "pattern", described["pattern"]


def _out_of_bounds(described: Mapping[str, Any], measured: int, least: Rule, most: Rule) -> Iterator[tuple[Rule, int]]:
    if "min" in described and measured < described["min"]:
        yield least, described["min"]
    if "max" in described and measured > described["max"]:
        yield most, described["max"]


# the text of AWS


def _message(broken: Sequence[Violation]) -> str:
    noun = "error" if len(broken) == 1 else "errors"
    sentences = "; ".join(map(_sentence, broken[:_SHOWN_VIOLATIONS]))
    return f"{len(broken)} validation {noun} detected: {sentences}"


def _sentence(violation: Violation) -> str:
    limit = ", ".join(violation.limit) if isinstance(violation.limit, tuple) else violation.limit
    value = "null" if violation.rule == "required" else _shown(violation.found)
    rule = _RULES[violation.rule].format(limit)
    return f"Value {value} at '{_path(violation.member)}' failed to satisfy constraint: {rule}"


def _path(member: Member) -> str:
    """Return the path as AWS writes it: 'tags.1.member.key' for ("Tags", 0, "Key")."""
    parts = (part[0].lower() + part[1:] if isinstance(part, str) else f"{part + 1}.member" for part in member)
    return ".".join(parts)


def _shown(value: Any) -> str:
    noun = "bytes" if isinstance(value, bytes) else "members" if isinstance(value, list) else ""
    text = str(value) if not noun else f"[{len(value)} {noun}]" if value else "[]"
    return f"'{text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}'"


# patterns

_CLASSES = {"L": ("a", "a-zA-Z"), "Z": (" ", " "), "N": ("0", "0-9")}


@cache
def _matcher(pattern: str) -> Callable[[str], bool]:
    r"""Return a test for whole texts against a pattern of the model, with Java's meaning of its classes.

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
    return text.translate(
        {ord(character): _representative(character) for character in set(text) if not character.isascii()}
    )


def _representative(character: str) -> str:
    return _CLASSES.get(unicodedata.category(character)[0], ("\0", ""))[0]
