"""A walk along the console's links that ends, though a calendar always has a next month."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.console import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.home import Home

MOST_ALIKE = 5  # pages of a kind: the home of these tests has five CAs, and a page for each audit record


def unseen(home: Home, waiting: list[str], **most: int) -> Iterator[str]:
    """Take addresses off a list that the caller extends with the links it finds: each once, and a few of a kind.

    Args:
        most: the number of pages of a kind, by the first segment of its path, where it is not `MOST_ALIKE`.
    """
    seen, alike = set[str](), Counter[str]()
    while waiting:
        address = waiting.pop(0)  # nearest first: a CA before the filters of its certificates
        if not address.startswith(home.console_url[:-1]) or address in seen:
            continue
        seen.add(address)
        path = row_of(address).path
        alike[path] += 1
        if alike[path] <= most.get(path.partition("/")[0], MOST_ALIKE):
            yield address


def row_of(address: str, method: str = "GET") -> table.Page:
    """The row of the console's table that answers at an address."""
    found, _ = table.find(urlsplit(address).path.removeprefix("/console").strip("/"))
    return next(page for page in found if page.method == method)
