"""Which cases of a test LocalStack runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

# In these folders the cases of a test are requests and what is decided about them.
SAMPLED = {"access", "acme", "api", "attacks", "audit", "console", "operations"}


def samples(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Leave the first case of each test in `SAMPLED` that is not marked `every_case`; the laptop home runs all."""
    seen: set[str] = set()
    kept = []
    for item in items:
        test, _, _ = item.nodeid.partition("[")
        is_first, is_sampled = test not in seen, item.path.parent.name in SAMPLED
        if is_first or not is_sampled or item.get_closest_marker("every_case"):
            kept.append(item)
        seen.add(test)
    return kept
