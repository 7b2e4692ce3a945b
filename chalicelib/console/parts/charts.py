"""Charts as numbers: the positions of bars, lines and labels, which a template draws as SVG. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

WIDTH, HEIGHT = 380, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 6, 10, 22
_MOST_TICKS, _LABELS = 4, 4
_GAP = 0.25  # between bars, as a part of the width of a column


class Bar(NamedTuple):
    """A bar."""

    label: str
    number: int
    x: float
    y: float
    width: float
    height: float


class Columns(NamedTuple):
    """A chart of columns.

    Attributes:
        ticks: the position and the number of each tick of the vertical axis.
        labels: the position and the text of each label of the horizontal axis.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, int], ...]
    labels: tuple[tuple[float, str], ...]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    base: float = HEIGHT - _BOTTOM


def columns(series: Sequence[tuple[str, int]]) -> Columns:
    """A chart of labelled numbers: at least one, none negative."""
    ticks = _ticks(max(number for _, number in series))
    tall, place = HEIGHT - _TOP - _BOTTOM, (WIDTH - _LEFT - _RIGHT) / len(series)

    def y(number: int) -> float:
        return round(_TOP + tall * (1 - number / ticks[-1]), 2)

    bars = tuple(
        Bar(
            label,
            number,
            x=round(_LEFT + place * (position + _GAP / 2), 2),
            y=y(number),
            width=round(place * (1 - _GAP), 2),
            height=round(HEIGHT - _BOTTOM - y(number), 2),
        )
        for position, (label, number) in enumerate(series)
    )
    every = -(-len(series) // _LABELS)
    labels = tuple((round(bar.x + bar.width / 2, 2), bar.label) for bar in bars[every // 2 :: every])
    return Columns(bars, tuple((y(number), number) for number in ticks), labels)


def _ticks(most: int) -> list[int]:
    """Round numbers from 0 up to the greatest number or more."""
    step, factors = 1, 0
    while step * _MOST_TICKS < most:
        step = (2, 5, 10)[factors % 3] * 10 ** (factors // 3)
        factors += 1
    return [step * number for number in range(max(1, -(-most // step)) + 1)]


class Scale(NamedTuple):
    """A time axis from 0 to 100."""

    begin: datetime
    end: datetime

    def at(self, moment: datetime) -> float:
        """The position of a time."""
        whole = (self.end - self.begin).total_seconds()
        part = (moment - self.begin).total_seconds() / whole if whole > 0 else 0.0
        return round(100 * min(max(part, 0.0), 1.0), 2)
