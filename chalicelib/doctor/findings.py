"""What a check finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Finding(NamedTuple):
    """A problem.

    Attributes:
        problem: a sentence.
        remedy: what to do, as a clause.
        fix: does it; None if a person has to decide.
    """

    problem: str
    remedy: str
    fix: Callable[[], object] | None = None
