"""The timeline: bars of different symbols along one series of timestamps.

By rule it is the sorted union of their times, symbols are alphabetical, and a mark lasts until the
symbol's next bar.
"""

from __future__ import annotations

import numpy as np
import pytest
from support.engine_bars import make_bars

from glowback_trio.engine.timeline import align
from glowback_trio.errors import DataError

EARLY = make_bars("B", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], keep=[0, 1, 3])
LATE = make_bars("A", [10.0, 20.0, 30.0, 40.0, 50.0, 60.0], keep=[2, 3, 5])
MARKS = [[0.0, 1.0], [0.0, 2.0], [30.0, 2.0], [40.0, 4.0], [60.0, 4.0]]


def test_the_timeline_is_the_sorted_union_and_symbols_are_alphabetical() -> None:
    timeline = align([EARLY, LATE])
    assert timeline.symbols == ("A", "B")
    day = timeline.time.astype("datetime64[D]") - np.datetime64("2024-01-01", "D")
    assert day.astype(int).tolist() == [0, 1, 2, 3, 5]
    assert [rows.tolist() for rows in timeline.rows] == [[2, 3, 4], [0, 1, 3]]


@pytest.mark.parametrize("start", range(5))
@pytest.mark.parametrize("stop", range(6))
def test_marks_are_last_closes_however_they_are_cut(start: int, stop: int) -> None:
    if start < stop:
        assert align([LATE, EARLY]).marks(start, stop).tolist() == MARKS[start:stop]


def test_symbols_that_share_their_bars_are_grouped() -> None:
    closes = [1.0, 2.0, 3.0, 4.0]
    bars = [make_bars(symbol, closes) for symbol in "ABCF"]
    bars += [make_bars(symbol, closes, keep=[0, 1]) for symbol in "DE"]
    timeline = align(bars)
    assert list(timeline.groups(1000)) == [[0, 1, 2, 5], [3, 4]]
    assert list(timeline.groups(8)) == [[0, 1], [2, 5], [3, 4]]
    assert list(timeline.groups(1)) == [[0], [1], [2], [5], [3], [4]]


def test_nothing_to_simulate_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one symbol"):
        align([])
    with pytest.raises(DataError, match="no bars for B"):
        align([LATE, make_bars("B", [1.0], keep=[])])
