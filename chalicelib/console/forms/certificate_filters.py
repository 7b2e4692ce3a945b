"""The filters of a list of certificates: the question that an address holds, and the problems of its fields."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.operations import search
from chalicelib.operations.listing_question import ORDERS, Between, Question
from chalicelib.pki.issuing.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PERIODS = ("issued", "expires", "revoked")
# All fields, in the order of the form; "sort" is no filter.
FIELDS = (
    "q",
    "state",
    "of",
    "template",
    "requested_by",
    *(f"{period}_{end}" for period in PERIODS for end in ("from", "to")),
    "sort",
)
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOST_CHARACTERS = 1024
_KNOWN = {"state": search.STATES, "template": tuple(TEMPLATES), "sort": ORDERS}


class Filters(NamedTuple):
    """The entries of the form.

    Attributes:
        typed: the fields that are not empty.
        problems: by field; with any, the question has no answer.
    """

    typed: dict[str, str]
    question: Question
    problems: dict[str, str]


def read(query: Mapping[str, str], ca_id: str = "") -> Filters:
    """Read the filters of an address; the list is that of a CA if one is named."""
    typed = {name: query[name].strip() for name in FIELDS if query.get(name, "").strip()}
    values, problems = dict[str, str | datetime](), dict[str, str]()
    for name, value in typed.items():
        try:
            values[name] = _reader(name)(value)
        except ValueError as error:
            problems[name] = str(error)
    return Filters(typed, _question(values, ca_id), problems)


def _question(values: Mapping[str, str | datetime], ca_id: str) -> Question:
    def text(name: str, without: str = "") -> str:
        return str(values.get(name, without))

    def between(period: str) -> Between:
        ends = (values.get(f"{period}_{end}") for end in ("from", "to"))
        return Between(*(end if isinstance(end, datetime) else None for end in ends))

    return Question(
        ca_id=ca_id or text("of"),
        text=text("q"),
        state=text("state"),
        template=text("template"),
        requested_by=text("requested_by"),
        issued=between("issued"),
        expires=between("expires"),
        revoked=between("revoked"),
        order=text("sort", ORDERS[0]),
    )


def _reader(name: str) -> Callable[[str], str | datetime]:
    if name in _KNOWN:
        return lambda value: _one_of(name, value)
    if name.endswith(("_from", "_to")):
        return lambda value: _moment(value, whole_days=name.endswith("_to"))
    return _ca_id if name == "of" else _text


def _one_of(name: str, value: str) -> str:
    if value not in _KNOWN[name]:
        raise ValueError("It must be one of these.")
    return value


def _text(value: str) -> str:
    if len(value) > _MOST_CHARACTERS:
        raise ValueError(f"It must have at most {_MOST_CHARACTERS} characters.")
    return value


def _ca_id(value: str) -> str:
    """The id of a CA, from its ARN or as it is."""
    try:
        return arns.parse_ca_arn(value).ca_id
    except arns.ArnError as error:
        if re.fullmatch(arns.UUID, value, re.ASCII) is None:
            raise ValueError("It must be the ARN of a CA.") from error
    return value


def _moment(value: str, *, whole_days: bool) -> datetime:
    """A time; a date stands for its beginning in UTC, or its end."""
    try:
        if _DATE.fullmatch(value):
            return datetime.fromisoformat(f"{value}T00:00:00Z") + timedelta(days=int(whole_days))
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("It must be a date.")
