"""Refusals in words for people, by the field that each one is about.

The words come from data: the broken constraint of the model (`errors.Violation`), or the member and the reason that an
operation gives (`errors.ApiError`). No sentence is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.console.fields import FIELDS, field_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.errors import Member, Rule, Violation

    Typed = Mapping[str, str]  # the text of each field, without empty ones
    Problems = dict[str, str]  # the text by the field's name; "" is the form as a whole

# A constraint of the model in words; {} is its limit.
_WORDS: dict[Rule, str] = {
    "required": "It is missing.",
    "min_length": "It must have at least {} characters.",
    "max_length": "It must have at most {} characters.",
    "min_value": "It must be at least {}.",
    "max_value": "It must be at most {}.",
    "enum": "Choose one of these.",
    "pattern": "It contains characters that are not allowed here.",
}
_SHAPE_RULES = ("min_length", "max_length", "pattern")  # which a field's own rule says in one sentence


def problems_of(error: errors.ApiError, *, otherwise: str = "") -> Problems:
    """The problems that a refusal tells, the first of each field.

    Args:
        error: raised by an operation.
        otherwise: the field for members that no field becomes.
    """
    refusals: list[tuple[Member, str]] = [(violation.member, in_words(violation)) for violation in violations_of(error)]
    refusals = refusals or [(error.member, error.reason)]
    return {field_of(member) or otherwise: words for member, words in reversed(refusals)}


def reason_of(error: errors.ApiError) -> str:
    """The refusal in one sentence, for a page without the field that it is about."""
    return next((in_words(violation) for violation in violations_of(error)), error.reason)


def violations_of(error: errors.ApiError) -> tuple[Violation, ...]:
    """The broken constraints of the model; none if it is an operation that refuses."""
    return error.violations if isinstance(error, errors.ValidationException) else ()


def in_words(violation: Violation) -> str:
    """A broken constraint of the model, in a sentence about the field."""
    if violation.rule == "min_length" and not violation.found:
        return "It must not be empty."
    field = FIELDS.get(field_of(violation.member).partition(".")[0])
    if field is not None and field.rule and violation.rule in _SHAPE_RULES:
        return field.rule
    return _WORDS[violation.rule].format(violation.limit)


def every_problem(check: Callable[[Typed], object], typed: Typed, samples: Typed) -> Problems:
    """Every problem of a form, although an operation tells them one by one.

    A refused field gives way to its sample, and the rest is checked again.

    Args:
        check: raises `ApiError` for the first problem.
        typed: the text of each field.
        samples: texts that are never refused; a refused field without one is left out.
    """
    problems: Problems = {}
    while True:
        try:
            check(typed)
        except errors.ApiError as error:
            news = {name: words for name, words in problems_of(error).items() if name not in problems}
            problems |= news
            typed = {**samples, **{name: text for name, text in typed.items() if name not in problems}}
            if news:
                continue
        return {name: words for name, words in problems.items() if name} or problems
