"""Let days pass at once: the clock of the test is right, although nothing ran meanwhile."""

from __future__ import annotations

from typing import Any

from chalicelib import clock as clocks


def later(rt: Any, clock: Any, **period: float) -> None:
    clock.forward(**period)
    clocks.accept(rt)
