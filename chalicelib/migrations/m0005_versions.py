"""Every item carries the version of its schema; SQLite's also get their present encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.store import items
from chalicelib.store.table import PRESENT, Update

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.migrations import Read
    from chalicelib.store.table import Item, Write


def writes(item: Item, _: Read) -> Iterator[Write]:
    """Write the item again, as it is: the driver adds the version."""
    yield Update(items.key_of(item), PRESENT)
