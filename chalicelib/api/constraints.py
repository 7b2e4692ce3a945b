"""The constraints of the model (required, lengths, ranges, patterns, enums): violations as values, and AWS's text."""

from __future__ import annotations

import operator
import re
import unicodedata
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from chalicelib.api.model import shape
from chalicelib.errors import ValidationException, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from chalicelib.errors import Member, Rule

    _Check = Callable[[Any], Sequence[Violation]]
    _Rule = tuple[Rule, int | str | tuple[str, ...], Callable[[Any], object]]

_SHOWN = 200
_SHOWN_VIOLATIONS = 20
_SENTENCES: dict[Rule, str] = {
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
    broken = violations(shape_name, value)
    if broken:
        member = broken[0].member if len(broken) == 1 else ()
        raise ValidationException(_message(broken), member=member, violations=broken)


def violations(shape_name: str, value: Any) -> tuple[Violation, ...]:
    """Return every broken constraint of a decoded value."""
    return tuple(_check_of(shape_name)(value))


@cache
def _check_of(shape_name: str) -> _Check:
    """Compile the constraints of a shape, which does not contain itself."""
    described = shape(shape_name)
    if described["type"] == "structure":
        members = {name: _check_of(member) for name, member in described["members"].items()}
        return _structure(members, described.get("required", ()))
    check_value = _value(tuple(_rules(described)))
    return check_value if described["type"] != "list" else _list(check_value, _check_of(described["member"]))


def _value(rules: Sequence[_Rule]) -> _Check:
    def check_value(value: Any) -> list[Violation]:
        broken = []
        for rule, limit, keeps in rules:
            if not keeps(value):
                broken.append(Violation((), rule, limit, value))
        return broken

    return check_value


def _structure(members: Mapping[str, _Check], required: Sequence[str]) -> _Check:
    def check_structure(value: Any) -> list[Violation]:
        broken = [Violation((name,), "required", None, None) for name in required if name not in value]
        for name, part in value.items():
            if found := members[name](part):
                broken += [_below(name, each) for each in found]
        return broken

    return check_structure


def _list(check_value: _Check, check_member: _Check) -> _Check:
    def check_list(value: Any) -> list[Violation]:
        broken = [*check_value(value)]
        for position, part in enumerate(value):
            if found := check_member(part):
                broken += [_below(position, each) for each in found]
        return broken

    return check_list


def _below(part: str | int, violation: Violation) -> Violation:
    """Return the violation of a part of a value as one of the value."""
    return replace(violation, member=(part, *violation.member))


def _rules(described: Mapping[str, Any]) -> Iterator[_Rule]:
    """Yield the rules of a shape: each with its limit, and a test of values."""
    kind = described["type"]
    if kind in {"integer", "long"} and "min" in described:
        yield "min_value", described["min"], partial(operator.le, described["min"])
    if kind in {"integer", "long"} and "max" in described:
        yield "max_value", described["max"], partial(operator.ge, described["max"])
    if kind in {"string", "blob", "list"} and "min" in described:
        yield "min_length", described["min"], lambda value: len(value) >= described["min"]
    if kind in {"string", "blob", "list"} and "max" in described:
        yield "max_length", described["max"], lambda value: len(value) <= described["max"]
    if "enum" in described:
        yield "enum", tuple(described["enum"]), frozenset(described["enum"]).__contains__
    if "pattern" in described:
        yield "pattern", described["pattern"], _matcher(described["pattern"])


# the text of AWS


def _message(broken: Sequence[Violation]) -> str:
    noun = "error" if len(broken) == 1 else "errors"
    sentences = "; ".join(map(_sentence, broken[:_SHOWN_VIOLATIONS]))
    return f"{len(broken)} validation {noun} detected: {sentences}"


def _sentence(violation: Violation) -> str:
    limit = ", ".join(violation.limit) if isinstance(violation.limit, tuple) else violation.limit
    value = "null" if violation.rule == "required" else _shown(violation.found)
    rule = _SENTENCES[violation.rule].format(limit)
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
def _matcher(pattern: str) -> Callable[[str], object]:
    r"""Return a test for whole texts against a pattern of the model, with Java's meaning of its classes.

    Python's `re` lacks `\p{L}`: such patterns are matched on a copy of the text in which each character beyond ASCII
    stands for its category.
    """
    if r"\p{" not in pattern:
        return re.compile(pattern, re.ASCII).fullmatch
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
