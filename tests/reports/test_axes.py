"""Axes: round values and round moments between two ends, never too many of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.reports.html.ticks import logarithmic_ticks, time_ticks, value_ticks


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_ticks_lie_between_the_ends(low: float, span: float) -> None:
    ticks = value_ticks(low, low + span)
    assert len(ticks) <= 7
    assert all(low - span * 1e-6 <= tick <= low + span * 1.000001 for tick in ticks)


def test_values_are_round() -> None:
    assert value_ticks(-36.2, 0.0) == [-30.0, -20.0, -10.0, 0.0]
    assert logarithmic_ticks(0.9, 45.0) == [1.0, 2.0, 5.0, 10.0, 20.0]
    assert value_ticks(3.0, 3.0) == [3.0]


@pytest.mark.parametrize(
    ("seconds", "count", "first"),
    [
        (1, 60, "10:00:00"),
        (60, 300, "10-01 10:00"),
        (3600, 100, "2024-10-02"),
        (86_400, 30, "2024-10-03"),
        (86_400, 300, "2025-01"),
        (86_400, 2500, "2025"),
        (604_800, 5000, "2030"),
    ],
)
def test_moments_are_round(seconds: int, count: int, first: str) -> None:
    distance = np.timedelta64(1, "s") * seconds
    time = np.datetime64("2024-10-01T10:00:00", "ns") + np.arange(count) * distance
    ticks = time_ticks(time)
    assert 2 <= len(ticks) <= 8
    rows = [row for row, _ in ticks]
    assert rows == sorted(rows)
    assert all(0 <= row < count for row in rows)
    assert ticks[0][1] == first


def test_a_single_moment_has_its_own_tick_or_none() -> None:
    assert len(time_ticks(np.array(["2024-01-01T00:00:00"], "M8[ns]"))) <= 1
