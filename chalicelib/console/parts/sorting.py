"""Lists that a click on a heading sorts, and the addresses of their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The columns of a list that sort it: by name, the label, the order of the first click, and that of the next.
Columns = dict[str, tuple[str, str, str]]


class Sorting(NamedTuple):
    """The heading of a column that sorts the list.

    Attributes:
        is_used: the list is sorted by it: "ascending" or "descending"; empty: it is not.
    """

    label: str
    address: str
    is_used: str


def address(here: str, typed: Mapping[str, str], **more: str) -> str:
    """The address of a list with its entries and all further parameters that are not empty."""
    query = urlencode({**typed, **{name: value for name, value in more.items() if value}})
    return f"{here}?{query}" if query else here


def headings(here: str, typed: Mapping[str, str], order: str, columns: Columns) -> dict[str, Sorting]:
    """The headings of a list in an order, such as "name", or "-name" for the last one first."""
    used, direction = order.removeprefix("-"), "descending" if order.startswith("-") else "ascending"
    return {
        name: Sorting(
            label, address(here, typed, sort=second if order == first else first), direction if name == used else ""
        )
        for name, (label, first, second) in columns.items()
    }


def pages(here: str, typed: Mapping[str, str], places: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Links to other pages: the relation, the label and the address.

    Args:
        here: the address of the list.
        typed: what was entered.
        places: relation, label and token of each page; without a token there is no such page, or it is "first".
    """
    return [
        (rel, label, address(here, typed, page="" if rel == "first" else token))
        for rel, label, token in places
        if token
    ]
