"""Places for work in a process: how many there are for each holder, so that no flood of one takes those of others."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chalicelib.acme.problems import AcmeProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_REQUESTS = 8  # of an account at once
VALIDATIONS = 15  # at once; its lane has one thread more, so that who gets no place is refused without waiting


class Places:
    """Places that holders take while they work."""

    def __init__(self, may_begin: Callable[[int, int], bool], refusal: str) -> None:
        """Name the rule, which gets how many places the holder has and how many are taken, and the refusal."""
        self._may_begin, self._refusal = may_begin, refusal
        self._taken, self._turn = Counter[str](), threading.Lock()

    @contextmanager
    def one(self, holder: str) -> Iterator[None]:
        """Take a place; raises `AcmeProblem` if there is none for this holder."""
        with self._turn:
            if not self._may_begin(self._taken[holder], self._taken.total()):
                raise AcmeProblem("rateLimited", self._refusal, headers={"Retry-After": "1"})
            self._taken[holder] += 1
        try:
            yield
        finally:
            with self._turn:
                self._taken[holder] -= 1
                self._taken += Counter()  # forgets those who have none


REQUESTS = Places(lambda mine, _: mine < MOST_REQUESTS, "The account works on too many requests.")
# A holder has no more places than are free: one alone half of them, two together three quarters.
VALIDATING = Places(
    lambda mine, taken: mine < VALIDATIONS - taken, "The server validates many challenges; try again in a moment."
)
