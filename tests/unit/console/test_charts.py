"""Charts as numbers: axes that are round, bars that are in proportion, times on a scale."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.console.parts import charts

START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6, 8]),
        (20, [0, 5, 10, 15, 20]),
        (41, [0, 20, 40, 60]),
        (999_999, [0, 500_000, 1_000_000]),
    ],
)
def test_ticks_are_round_and_reach_the_greatest(most: int, ticks: list[int]) -> None:
    chart = charts.columns([("a", most), ("b", 0)])
    assert [number for _, number in chart.ticks] == ticks
    assert [y for y, _ in chart.ticks] == sorted((y for y, _ in chart.ticks), reverse=True)


def test_bars_are_in_proportion_and_inside() -> None:
    chart = charts.columns([(str(number), number) for number in range(30)])
    heights = [bar.height for bar in chart.bars]
    assert heights[0] == 0
    assert heights[20] == pytest.approx(2 * heights[10], abs=0.05)
    for bar in chart.bars:
        assert chart.left <= bar.x < bar.x + bar.width <= chart.right
        assert bar.y + bar.height == pytest.approx(chart.base)
    assert 3 <= len(chart.labels) <= 5


def test_scale_keeps_times_within() -> None:
    scale = charts.Scale(START, START + timedelta(days=4))
    assert [scale.at(START + timedelta(days=days)) for days in (-1, 0, 1, 4, 9)] == [0, 0, 25, 100, 100]
    assert charts.Scale(START, START).at(START) == 0
